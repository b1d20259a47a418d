"""Slack's incoming webhooks, and Mattermost's, which take the same format.

Limits: docs.slack.dev, "Block Kit": a header has 150 characters, a section 3,000, each of its ten
fields 2,000, a button 75, a URL 3,000; a message has 50 blocks. "Rate limits": one message
a second. "Formatting message text": `&`, `<` and `>` must be escaped. Mattermost shows
`text` alone, as Markdown, in which `[text](URL)` is a link too.
"""

from dataclasses import replace
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

MAX_HEADER, MAX_URL = 150, 3_000
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
# An invisible character before each of these keeps it from formatting the text, and from being a
# link or a picture of Mattermost.
_FORMATTING = str.maketrans({each: f"\u200b{each}" for each in "*_~`[("})


def write(alert: Alert, url: str) -> Post:
    """Return the message for an incoming webhook."""
    blocks: list[Any] = [{"type": "header", "text": _plain(header(alert), MAX_HEADER)}]
    if alert.is_roundup:
        blocks += [_section(_listed(each)) for each in alert.news]
        if alert.more:
            blocks.append(_section(f"… and {alert.more} more"))
    else:
        blocks += _about(alert.first)
    target = alert.url if alert.is_roundup else alert.first.url
    if target and len(target) <= MAX_URL:
        name = "Open the issues" if alert.is_roundup else "Open the issue"
        button = {"type": "button", "text": _plain(name, 75), "url": target}
        blocks.append({"type": "actions", "elements": [button]})
    return posted(url, {"text": _text(alert, target), "blocks": blocks})


def _about(news: News) -> list[Any]:
    what = f"*{_escaped(plain(news.title, MAX_TITLE))}*"
    if news.culprit:
        what += f"\n{_escaped(plain(news.culprit, MAX_PLACE))}"
    section = _section(what)
    if found := metadata(news):
        section["fields"] = [
            {"type": "mrkdwn", "text": _escaped(f"{name}: {value}")} for name, value in found[:10]
        ]
    if not news.frames:
        return [section]
    frames = "\n".join(_escaped(plain(each, MAX_FRAME)) for each in news.frames)
    return [section, _section(frames)]


def _text(alert: Alert, target: str) -> str:
    """Return the message as one text: for notifications, and for Mattermost."""
    link = f" <{target}|Open>" if target else ""
    if alert.is_roundup:
        parts = [_listed(each) for each in alert.news]
        return "\n".join([_escaped(header(alert)) + link, *parts])
    news = alert.first
    parts = [_escaped(header(alert)) + link, _escaped(plain(news.title, MAX_TITLE))]
    if news.culprit:
        parts.append(_escaped(plain(news.culprit, MAX_PLACE)))
    return "\n".join(parts)


def _listed(news: News) -> str:
    text = _escaped(roundup_line(news), 200)
    return f"• <{news.url}|{text}>" if news.url else f"• {text}"


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _plain(text: str, most: int) -> dict[str, Any]:
    shown = fitted(text, most, lambda each: no_mention(each).translate(_ESCAPES))
    return {"type": "plain_text", "text": shown, "emoji": False}


def _escaped(text: str, most: int = 600) -> str:
    """Return a text that Slack shows as it is, at most `most` characters with its escapes."""
    return fitted(text, most, _escape)


def _escape(text: str) -> str:
    return no_mention(text).translate(_ESCAPES).translate(_FORMATTING).replace("|", "¦")


SLACK = Channel(
    kind="slack",
    label="Slack",
    asks_for="the URL of an incoming webhook",
    example="https://hooks.slack.com/services/…",
    write=write,
    check=any_url,
    hint=hint_of_url,
    pause_ms=1_000,
    hosts=r"hooks\.slack(-gov)?\.com",
)
MATTERMOST = replace(
    SLACK,
    kind="mattermost",
    label="Mattermost",
    hosts="",
    example="https://mattermost.example.com/hooks/…",
)
