"""Discord's webhooks.

Limits: docs.discord.com, "Message": a content has 2,000 characters; an embed's title 256, its
description 4,096, each of its 25 fields 256 and 1,024; all embeds together 6,000. "Rate limits":
the body of a 429 has `retry_after` in seconds. "Allowed mentions": none.
"""

import json
import re
from typing import Any

from errata.models.alert import Alert, News, Post, plain
from errata.protocol.channels.channel import (
    MAX_FRAME,
    MAX_PLACE,
    MAX_TITLE,
    Channel,
    any_url,
    fitted,
    header,
    hint_of_url,
    metadata,
    no_mention,
    posted,
    roundup_line,
)

MAX_CONTENT, MAX_EMBED_TITLE, MAX_DESCRIPTION, MAX_VALUE = 2_000, 256, 2_500, 300
# Blue for a new issue, brown for a regressed one, grey for everything else.
_COLOURS = {"new": 0x1B5FA8, "regressed": 0x8A5300}
_GREY = 0x6A645D
_FORMATTING = re.compile(r"(^[#-]|[\\*_~`|<>\[\]()])")


def write(alert: Alert, url: str) -> Post:
    """Return the message for a webhook."""
    news = alert.first
    head = header(alert)
    embed: dict[str, Any] = {"color": _COLOURS.get(news.kind, _GREY)}
    if alert.is_roundup:
        listed = [fitted(roundup_line(each), 220, _escape) for each in alert.news]
        more = [f"… and {alert.more} more"] if alert.more else []
        embed |= {"title": "Open the issues", "description": "\n".join([*listed, *more])}
        target = alert.url
    else:
        embed |= {
            "title": fitted(plain(news.title, MAX_TITLE), MAX_EMBED_TITLE, _escape),
            "description": _description(news),
            "fields": [
                {"name": name, "value": fitted(value, MAX_VALUE, _escape), "inline": True}
                for name, value in metadata(news)
            ],
        }
        target = news.url
    if target:
        embed["url"] = target
    content = {
        "content": fitted(head, MAX_CONTENT, _escape),
        "embeds": [embed],
        "allowed_mentions": {"parse": []},
    }
    return posted(url, content)


def _description(news: News) -> str:
    parts = [plain(news.culprit, MAX_PLACE), *(plain(each, MAX_FRAME) for each in news.frames)]
    return "\n".join(fitted(each, 600, _escape) for each in parts if each)


def _escape(text: str) -> str:
    """Return a text that Discord shows as it is: no formatting, no links, no mentions."""
    return _FORMATTING.sub(r"\\\1", no_mention(text))


def _wants_to_wait(body: bytes) -> float:
    try:
        asked = json.loads(body)["retry_after"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return 0.0
    return float(asked) if isinstance(asked, int | float) and 0 <= asked < 10**6 else 0.0


DISCORD = Channel(
    kind="discord",
    label="Discord",
    asks_for="the URL of a webhook",
    example="https://discord.com/api/webhooks/…",
    write=write,
    check=any_url,
    hint=hint_of_url,
    pause_ms=500,
    hosts=r"(canary\.|ptb\.)?discord(app)?\.com",
    wants_to_wait=_wants_to_wait,
)
