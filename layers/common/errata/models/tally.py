"""Tallies: events of an error loop that are counted, but not kept in full.

In each hour, each execution environment keeps the first events of an issue in full, and after these
every one whose number is a power of two. For the others, it stores a tally of less than 1 KB, with
the fields that digest counts (docs/decisions/0060-tallies.md).
"""

from collections.abc import Iterable
from typing import Any

from errata.models.event import Event, Fields, StoredEvent, pack, summary
from errata.models.texts import MAX_FINGERPRINT, MAX_GROUPED_BY, MAX_TEXT, cut, cut_marked

KEPT_AN_HOUR = 20
# With its key and its other attributes, the row stays below 1 KB: one write unit.
MAX_BYTES = 840
# A tally is kept for longer than a redrive is possible: an event may be in the stream for a day,
# and in the dead-letter queue for 14 days.
TALLY_KEPT_S = 15 * 86_400
# Issue, release, environment and users are counted from these, and they cannot be shortened.
_COUNTED = ("environment", "release", "server_name", "context", "event_id")
_NAMES = ("id", "email", "username", "ip_address")
# What an issue needs if a tally opens it, because somebody has deleted it during the loop.
_TEXTS = {
    # 200 characters, of which the last is the “…” of a title that was cut.
    "title": MAX_TEXT - 1 + len("…".encode()),
    "level": MAX_TEXT,
    "fingerprint": MAX_FINGERPRINT,
    "grouping": MAX_TEXT,
    "culprit": MAX_TEXT,
    "exception_class": MAX_TEXT,
    "grouped_by": MAX_GROUPED_BY,
}
# People find issues by these. The events that are kept in full also have them.
_FOUND_BY = ("transaction", "logger", "url", "tags")


def is_kept(number: int) -> bool:
    """Return whether the event with this number in an hour is kept in full. The first has 1."""
    return number <= KEPT_AN_HOUR or number & (number - 1) == 0


def pack_tally(event: Event) -> bytes | None:
    """Return the packed fields of a grouped event that digest counts. None if they do not fit.

    If they do not fit, leaves out the fields that the issue has from the events that are kept.
    """
    copy: Any = {**event}
    fields: Any = summary(copy)
    fields["event_id"] = event["event_id"]
    if user := _named(event):
        fields["context"] = {"user": user}
    for name, most in _TEXTS.items():
        if isinstance(text := fields.get(name), str):
            fields[name] = cut_marked(text, most) if name == "title" else cut(text, most)
    for names in ((*_COUNTED, *_TEXTS, *_FOUND_BY), (*_COUNTED, *_TEXTS)):
        packed = pack(_only(fields, names))
        if len(packed) <= MAX_BYTES:
            return packed
    return None


def _named(event: Event) -> Fields:
    """Return all values by which an event names its user: an erasure may look for any of them."""
    context = event.get("context")
    user = context.get("user") if isinstance(context, dict) else None
    if not isinstance(user, dict):
        return {}
    named = {name: user[name] for name in _NAMES if user.get(name) not in (None, "")}
    if not named.keys() - {"ip_address"} or all(
        value == "[Filtered]" for name, value in named.items() if name != "ip_address"
    ):
        return named
    named.pop("ip_address", None)
    return named


def _only(fields: Any, names: Iterable[str]) -> StoredEvent:
    kept: StoredEvent = {name: fields[name] for name in names if fields.get(name)}  # type: ignore[assignment]  # the names are known
    return kept
