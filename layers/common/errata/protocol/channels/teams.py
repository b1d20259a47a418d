"""Microsoft Teams' Workflows ("Post to a channel when a webhook request is received").

Limits: learn.microsoft.com, "Create incoming webhooks": 28 KB, four messages a second. Adaptive
Cards 1.4: a TextRun has no Markdown, so the texts of events stand in these.
"""

from typing import Any

from errata.models.alert import Alert, News, Post, plain
from errata.protocol.channels.channel import (
    MAX_FRAME,
    MAX_PLACE,
    MAX_TITLE,
    Channel,
    any_url,
    header,
    hint_of_url,
    metadata,
    posted,
    roundup_line,
)

MAX_BYTES = 28_000
_SCHEMA = "http://adaptivecards.io/schemas/adaptive-card.json"


def write(alert: Alert, url: str) -> Post:
    """Return the message for a workflow."""
    head = header(alert)
    body = [_text(head, size="Medium", weight="Bolder")]
    if alert.is_roundup:
        body += [_text(roundup_line(each)) for each in alert.news]
        if alert.more:
            body.append(_text(f"… and {alert.more} more"))
        target, name = alert.url, "Open the issues"
    else:
        body += _about(alert.first)
        target, name = alert.first.url, "Open the issue"
    card: dict[str, Any] = {
        "$schema": _SCHEMA,
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
    }
    if target:
        card["actions"] = [{"type": "Action.OpenUrl", "title": name, "url": target}]
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return posted(url, {"type": "message", "attachments": [attachment]})


def _about(news: News) -> list[dict[str, Any]]:
    body = [_text(plain(news.title, MAX_TITLE), weight="Bolder")]
    if news.culprit:
        body.append(_text(plain(news.culprit, MAX_PLACE), isSubtle=True))
    body += [_text(f"{name}: {value}") for name, value in metadata(news)]
    body += [_text(plain(each, MAX_FRAME), fontType="Monospace") for each in news.frames if each]
    return body


def _text(text: str, **style: Any) -> dict[str, Any]:
    run = {"type": "TextRun", "text": text or "(no message)", **style}
    return {"type": "RichTextBlock", "inlines": [run]}


TEAMS = Channel(
    kind="teams",
    label="Microsoft Teams",
    asks_for="the URL of a workflow",
    example="https://….api.powerplatform.com/…",
    write=write,
    check=any_url,
    hint=hint_of_url,
    pause_ms=250,
    hosts=r".+\.(webhook\.office\.com|logic\.azure\.com|api\.powerplatform\.com)",
)
