"""Alerts as events of EventBridge, which passes them on to other services of AWS, such as Lambda.

Limits: "PutEvents": an entry has 256 KB.
"""

import json
from typing import Any

from errata.models.alert import (
    ASSIGNED,
    EVENTS,
    MENTIONED,
    NEW,
    REGRESSED,
    RESOLVED,
    RISING,
    USERS,
    WOKEN,
    Alert,
    BusEvent,
    News,
    plain,
)
from errata.protocol.channels.channel import MAX_FRAME, MAX_PLACE, MAX_TITLE, Channel
from errata.protocol.read import iso

_TYPES = {
    NEW: "Issue Created",
    REGRESSED: "Issue Regressed",
    RISING: "Issue Escalating",
    WOKEN: "Issue Woken",
    EVENTS: "Issue Frequent",
    USERS: "Issue Widespread",
    ASSIGNED: "Issue Assigned",
    MENTIONED: "Issue Mentioned",
    RESOLVED: "Issue Resolved",
}


def write(alert: Alert, _address: str) -> BusEvent:
    """Return the event for the account's default event bus."""
    kind = _TYPES.get(alert.first.kind, "Issues" if alert.is_roundup else "Test")
    detail = {
        "version": 1,
        "id": alert.id,
        "project": plain(alert.project, 100),
        "total": alert.total,
        "url": alert.url,
        "issues": [_issue(each) for each in alert.news],
    }
    return BusEvent(kind, json.dumps(detail, ensure_ascii=False))


def _issue(news: News) -> dict[str, Any]:
    return {
        "kind": news.kind,
        "id": news.issue_id,
        "short_id": news.short_id,
        "title": plain(news.title, MAX_TITLE),
        "culprit": plain(news.culprit, MAX_PLACE),
        "level": plain(news.level, 20),
        "environment": plain(news.environment, 200),
        "release": plain(news.release, 200),
        "first_release": plain(news.since, 200),
        "first_seen": iso(news.first_seen) if news.first_seen else None,
        "events": news.count,
        "users": news.users,
        "frames": [plain(each, MAX_FRAME) for each in news.frames],
        "url": news.url,
    }


EVENTBRIDGE = Channel(
    kind="eventbridge",
    label="EventBridge",
    asks_for="",
    example="",
    write=write,
    check=lambda _: "",
    hint=lambda _: "default event bus",
    secret=False,
    for_people=False,
)
