"""What a channel is made of: how an address is checked, and how an alert becomes a message."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from errata.models.alert import Alert, BusEvent, Mail, News, Post, plain

# Characters that are shown of each text of an event.
MAX_TITLE, MAX_PLACE, MAX_FRAME, MAX_NAME = 300, 200, 200, 100


type Outgoing = Post | Mail | BusEvent


@dataclass(frozen=True, slots=True)
class Channel:
    """A kind of channel.

    Attributes:
        kind: its name in the command: `slack=…`.
        label: its name for people.
        asks_for: what its address is, such as `the URL of a webhook`. "" if it needs none.
        example: of an address.
        write: gives an alert its form. The second argument is the address.
        check: returns what is wrong with an address, "" if nothing is.
        hint: what is shown of an address.
        secret: whether the address is a secret: encrypted, and shown by its hint only.
        pause_ms: the least time between two messages, in milliseconds.
        for_people: whether people read it. If so, a flood becomes a roundup. A program gets each
            message.
        hosts: a pattern for the hosts of its URLs, "" if they may have any.
        wants_to_wait: how many seconds the body of a 429 asks to wait.
    """

    kind: str
    label: str
    asks_for: str
    example: str
    write: Callable[[Alert, str], Outgoing]
    check: Callable[[str], str]
    hint: Callable[[str], str]
    secret: bool = True
    pause_ms: int = 0
    for_people: bool = True
    hosts: str = ""
    wants_to_wait: Callable[[bytes], float] = lambda _: 0.0


def posted(url: str, content: Mapping[str, object]) -> Post:
    """Return a POST of this content."""
    return Post(url, json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode())


def any_url(_: str) -> str:
    """Check nothing: the sender checks each URL (`errata.outbound.guard`)."""
    return ""


def hint_of_url(url: str) -> str:
    """Return what is shown of a URL: its host and its last four characters."""
    return f"{urlsplit(url).hostname or '?'}/…{url[-4:]}"


def hint_of_key(key: str) -> str:
    """Return what is shown of a key: its last four characters."""
    return f"…{key[-4:]}"


def fitted(text: str, most: int, escape: Callable[[str], str]) -> str:
    """Return the longest start of a text that has at most `most` characters when it is escaped.

    An escape is never cut in half. A text that was cut ends with "…".
    """
    if len(whole := escape(text)) <= most:
        return whole
    low, high = 0, min(len(text), most)
    while low < high:
        middle = (low + high + 1) // 2
        if len(escape(text[:middle])) < most:
            low = middle
        else:
            high = middle - 1
    return escape(text[:low]) + "…"


def header(alert: Alert) -> str:
    """Return what a message begins with: what has happened, and in which project."""
    return f"{alert.headline} in {plain(alert.project, 60)}"


def metadata(news: News) -> list[tuple[str, str]]:
    """Return what a message says beside title, place and frames, by name."""
    since = f" in {plain(news.since, MAX_NAME)}" if news.since else ""
    found = [
        ("Environment", plain(news.environment, MAX_NAME)),
        ("Level", plain(news.level, MAX_NAME)),
        ("Release", plain(news.release, MAX_NAME)),
        ("First seen", _when(news.first_seen) + since if news.first_seen else ""),
        ("Events", f"{news.count:,}" if news.count else ""),
        ("Users", f"{news.users:,}" if news.users else ""),
    ]
    return [(name, value) for name, value in found if value]


def _when(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"


def roundup_line(news: News) -> str:
    """Return an issue as one line of a roundup, without its link."""
    return plain(f"{news.label} {news.title}".strip(), 150)


def no_mention(text: str) -> str:
    """Return a text in which no @ can mention anybody: an invisible character follows each."""
    return text.replace("@", "@\u200b")
