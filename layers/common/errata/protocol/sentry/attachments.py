"""Chooses which attachments of an envelope are kept with its event.

Source: the SDK development documentation, "Envelope Items", "Attachment".
"""

from collections.abc import Iterable
from dataclasses import dataclass

from errata.models.event import Fields
from errata.protocol.sentry.envelope import EnvelopeItem

# How many files an event has at most, and how many bytes a file has. The response of a function has
# at most 6 MB, and contains the file in Base64.
MAX_FILES = 10
MAX_FILE_BYTES = 4_000_000
MAX_TEXT = 200
_DEFAULT_KIND = "event.attachment"


@dataclass(frozen=True, slots=True)
class Attachments:
    """What is kept: the files as an event describes them, and their contents.

    `left_out` has the names of the others.
    """

    described: list[Fields]
    contents: list[bytes]
    left_out: list[str]


def chosen(items: Iterable[EnvelopeItem]) -> Attachments:
    """Return the attachments among the items of an envelope: the first ones that are not too large.

    Crash reports are left out: they count as a loss. Texts are as sent: see `bounded`.
    """
    found = Attachments([], [], [])
    for item in items:
        if item.type != "attachment" or item.unreadable:
            continue
        name = _text(item.headers.get("filename")) or "attachment"
        if len(found.contents) == MAX_FILES or len(item.payload) > MAX_FILE_BYTES:
            found.left_out.append(name)
            continue
        kind = _text(item.headers.get("attachment_type")) or _DEFAULT_KIND
        described: Fields = {"filename": name, "size": len(item.payload), "attachment_type": kind}
        if content_type := _text(item.headers.get("content_type")):
            described["content_type"] = content_type
        found.described.append(described)
        found.contents.append(item.payload)
    return found


def bounded(described: Iterable[Fields]) -> list[Fields]:
    """Return the descriptions of files with texts of at most `MAX_TEXT` characters.

    Scrub them first: half a secret is not recognized.
    """
    return [
        {
            name: value[:MAX_TEXT] if isinstance(value, str) else value
            for name, value in each.items()
        }
        for each in described
    ]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
