"""Chat vendors, played on loopback: they refuse what the documented limits forbid."""

import json
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from tests.support.receiver import Behaviour

# A direction that hides in a text, or that nobody sees; a mention; an open entity.
_INVISIBLE = "\u202e\u202d\u2066\u2067\x00\x07\x1b"


def strings(value: Any) -> Iterator[str]:
    """Yield every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)


def slack(body: bytes) -> str:
    """Return what Slack has against a message, "" if nothing. Source: docs.slack.dev, Block Kit."""
    message = json.loads(body)
    blocks = message["blocks"]
    if len(blocks) > 50 or len(body.decode()) > 13_000:
        return "msg_too_long"
    for block in blocks:
        texts = [block["text"]] if "text" in block else []
        texts += block.get("fields", []) + [each["text"] for each in block.get("elements", [])]
        limits = {"header": 150, "section": 3_000, "actions": 75}
        for text in texts:
            if not 0 < len(text["text"]) <= limits[block["type"]]:
                return "invalid_blocks"
        if any(len(each["text"]) > 2_000 for each in block.get("fields", [])):
            return "invalid_blocks"
        if len(block.get("fields", [])) > 10:
            return "invalid_blocks"
    for text in strings(message):
        if text.startswith("http"):
            continue
        # Only our own links have brackets.
        for part in text.split("<")[1:]:
            if not re.match(r"https?://[\w.:/-]+/dashboard/projects/", part):
                return f"a mention or a link: {text}"
        for part in text.split("&")[1:]:
            if not part.startswith(("amp;", "lt;", "gt;")):
                return f"an open entity: {text}"
    return _mentions(message)


def discord(body: bytes) -> str:
    """Return what Discord has against a message. Source: docs.discord.com, Message."""
    message = json.loads(body)
    if not 0 < len(message["content"]) <= 2_000 or len(message["embeds"]) > 10:
        return "content"
    total = 0
    for embed in message["embeds"]:
        if len(embed.get("title", "")) > 256 or len(embed.get("description", "")) > 4_096:
            return "embed"
        fields = embed.get("fields", [])
        if len(fields) > 25:
            return "fields"
        for field in fields:
            if not 0 < len(field["name"]) <= 256 or not 0 < len(field["value"]) <= 1_024:
                return "field"
        total += len(embed.get("title", "")) + len(embed.get("description", ""))
        total += sum(len(each["name"]) + len(each["value"]) for each in fields)
    if total > 6_000 or message["allowed_mentions"] != {"parse": []}:
        return "total"
    for text in strings([message["content"], *message["embeds"]]):
        if "](" in text.replace("\\]", "").replace("\\(", ""):
            return f"a link: {text}"
    return _mentions(message)


def teams(body: bytes) -> str:
    """Return what Teams has against a message. Source: learn.microsoft.com, incoming webhooks."""
    if len(body) > 28 * 1024:
        return "too large"
    message = json.loads(body)
    for attachment in message["attachments"]:
        card = attachment["content"]
        if (card["type"], card["version"]) != ("AdaptiveCard", "1.4"):
            return "card"
        if any(each["type"] != "RichTextBlock" for each in card["body"]):
            return "Markdown in a TextBlock"
        if any(not text for text in strings(card["body"])):
            return "empty text"
    return ""


def pagerduty(body: bytes) -> str:
    """Return what PagerDuty has against an event. Source: developer.pagerduty.com."""
    event = json.loads(body)
    payload = event["payload"]
    allowed = {"critical", "error", "warning", "info"}
    good = (
        event["event_action"] in ("trigger", "acknowledge", "resolve")
        and 0 < len(event["dedup_key"]) <= 255
        and 0 < len(payload["summary"]) <= 1_024
        and payload["severity"] in allowed
        and payload["source"]
        and len(body) <= 512 * 1024
    )
    return "" if good else "invalid event"


def _mentions(message: Any) -> str:
    for text in strings(message):
        if text.startswith("http"):
            continue
        if any(f"@{name}" in text for name in ("everyone", "here", "channel", "all")):
            return f"a mention: {text}"
        if any(each in text for each in _INVISIBLE):
            return f"invisible: {text!r}"
    return ""


def mattermost(body: bytes) -> str:
    """Return what is wrong with a message. Mattermost shows `text` as Markdown."""
    text = json.loads(body)["text"]
    return f"a link or a picture: {text}" if "](" in text or "][" in text else slack(body)


VENDORS: dict[str, Callable[[bytes], str]] = {
    "slack": slack,
    "mattermost": mattermost,
    "discord": discord,
    "teams": teams,
    "pagerduty": pagerduty,
}
_ACCEPTS = {"teams": 202, "pagerduty": 202, "discord": 204}


def played(
    vendor: str, most: int = 10**6, within_s: float = 1.0, now: Callable[[], float] = time.monotonic
) -> Behaviour:
    """Play a vendor that takes `most` messages in `within_s` seconds."""
    lock = threading.Lock()
    recent: deque[float] = deque()

    def behave(request: Any) -> None:
        at = now()
        with lock:
            while recent and recent[0] <= at - within_s:
                recent.popleft()
            too_many = len(recent) >= most
            if not too_many:
                recent.append(at)
        problem = VENDORS[vendor](request.body)
        status = 429 if too_many else 400 if problem else _ACCEPTS.get(vendor, 200)
        body = b"" if status == 204 else (problem or "ok").encode()
        if too_many:
            body = json.dumps({"message": "slow down", "retry_after": 1.5}).encode()
        request.send_response(status)
        if too_many and vendor != "discord":
            request.send_header("Retry-After", "1")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return behave
