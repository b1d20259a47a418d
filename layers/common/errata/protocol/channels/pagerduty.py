"""PagerDuty's Events API v2.

Limits: developer.pagerduty.com, "Send an event": a summary has 1,024 characters, a dedup key 255,
an event 512 KB. An address is a routing key, `eu:KEY` for the EU's service, or `URL#KEY` for
another service that takes the same events.
"""

import re
from datetime import UTC, datetime
from typing import Any

from errata.models.alert import RESOLVED, Alert, News, Post, plain
from errata.protocol.channels.channel import (
    MAX_FRAME,
    MAX_PLACE,
    MAX_TITLE,
    Channel,
    header,
    hint_of_key,
    metadata,
    posted,
    roundup_line,
)

US, EU = "https://events.pagerduty.com/v2/enqueue", "https://events.eu.pagerduty.com/v2/enqueue"
MAX_SUMMARY, MAX_DEDUP_KEY = 1_024, 255
_SEVERITIES = {"fatal": "critical", "error": "error", "warning": "warning"}
_KEY = re.compile(r"(eu:)?[A-Za-z0-9]{20,64}")
_OTHER = re.compile(r"(https?://[^\s#]{1,300})#([A-Za-z0-9]{20,64})")


def write(alert: Alert, address: str) -> Post:
    """Return the event that triggers or resolves an incident, one for each issue."""
    url, key = _service(address)
    news = alert.first
    event: dict[str, Any] = {
        "routing_key": key,
        "event_action": "resolve" if news.kind == RESOLVED else "trigger",
        "dedup_key": dedup_key(news if not alert.is_roundup else None, alert),
        "payload": {
            "summary": _summary(alert),
            "source": plain(alert.project, 100) or "errata",
            "severity": _SEVERITIES.get(news.level, "info"),
            "timestamp": datetime.fromtimestamp(alert.at / 1000, UTC).isoformat(),
            "component": plain(news.culprit, MAX_PLACE),
            "class": news.kind,
            "custom_details": _details(alert),
        },
        "client": "Errata",
    }
    if target := alert.url if alert.is_roundup else news.url:
        event |= {"client_url": target, "links": [{"href": target, "text": "Open in Errata"}]}
    return posted(url, event)


def dedup_key(news: News | None, alert: Alert) -> str:
    """Return the key of the incident. Each issue has one, and each message about several issues."""
    return (f"errata-{news.issue_id}" if news and news.issue_id else alert.id)[:MAX_DEDUP_KEY]


def _summary(alert: Alert) -> str:
    head = header(alert)
    if alert.is_roundup:
        return head
    return plain(f"{head}: {plain(alert.first.title, MAX_TITLE)}", MAX_SUMMARY)


def _details(alert: Alert) -> dict[str, Any]:
    if alert.is_roundup:
        return {"issues": [roundup_line(each) for each in alert.news], "more": alert.more}
    found: dict[str, Any] = {name.lower(): value for name, value in metadata(alert.first)}
    return {**found, "frames": [plain(each, MAX_FRAME) for each in alert.first.frames]}


def _service(address: str) -> tuple[str, str]:
    """Return the URL of the service and the routing key."""
    if other := _OTHER.fullmatch(address):
        return other[1], other[2]
    return (EU if address.startswith("eu:") else US), address.removeprefix("eu:")


def _check(address: str) -> str:
    if _KEY.fullmatch(address) or _OTHER.fullmatch(address):
        return ""
    return "A routing key has 20 to 64 letters and digits. For the EU's service, write eu:KEY."


PAGERDUTY = Channel(
    kind="pagerduty",
    label="PagerDuty",
    asks_for="the routing key of an Events API v2 integration",
    example="R0UT1NGKEY…, or eu:R0UT1NGKEY…",
    write=write,
    check=_check,
    hint=hint_of_key,
)
