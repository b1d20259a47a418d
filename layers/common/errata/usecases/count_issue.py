"""Count events in their issue. Calls nothing."""

from collections import Counter
from dataclasses import dataclass

from errata.models import sketch
from errata.models.buckets import MINUTE_MS
from errata.models.event import Stored, StoredEvent, summary, unpack, user_identity
from errata.models.ids import minted_ms
from errata.models.issue import (
    Issue,
    Position,
    count_names,
    short_name,
)
from errata.models.search_text import search_text
from errata.models.texts import MAX_CULPRIT, MAX_TEXT, MAX_TITLE, cut, cut_marked
from errata.models.titles import culprit, short_text, title


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """An event and its position in the stream.

    `packed` has all of its fields, if those in `event` are a summary. A summary may have no title.
    """

    position: Position
    event: Stored
    packed: bytes = b""

    @property
    def titled(self) -> StoredEvent:
        """The event's fields. If they are a summary, with the title."""
        fields = self.event.fields
        return summary(unpack(self.packed)) if self.packed and "title" not in fields else fields

    @property
    def text(self) -> str:
        """Return the words by which people find the event's issue."""
        return search_text(unpack(self.packed) if self.packed else self.event.fields)


def count_in(issue: Issue, fresh: list[StreamRecord]) -> None:
    """Count one or more events in an issue, in the order of the stream."""
    shown = _shown(issue, fresh)
    minutes = Counter[int]()
    for record in fresh:
        event, fields = record.event, record.event.fields
        seen_ms = minted_ms(event.id)
        release = short_name(fields.get("release") or "")
        if event.id < issue.first_event:
            issue.first_event, issue.first_seen = event.id, seen_ms
            issue.first_release = release or issue.first_release
        if event.id > issue.last_event:
            issue.last_event, issue.last_seen = event.id, max(seen_ms, issue.last_seen)
            issue.last_release = release or issue.last_release
        issue.first_release = issue.first_release or release
        issue.expires_at = max(issue.expires_at, event.expires_at)
        minutes[seen_ms // MINUTE_MS] += 1
    for minute, number in minutes.items():
        issue.buckets.add(minute * MINUTE_MS, number)
    count_names(issue, (record.event.fields for record in fresh))
    issue.count += len(fresh)
    issue.tallies += sum(record.event.tally for record in fresh)
    issue.position = fresh[-1].position
    if shown:
        _show(issue, shown.titled)
    users = {user_identity(record.event.fields) for record in fresh}
    issue.users = sketch.add(issue.users, filter(None, users))


def _shown(issue: Issue, fresh: list[StreamRecord]) -> StreamRecord | None:
    """Return the event whose texts an issue will show, None if that does not change.

    This is the newest one that is kept in full. As long as there is none, it is the newest tally.
    Brings `last_kept` up to date. The issue has not counted the events yet.
    """
    before = issue.newest_kept
    newest = max(fresh, key=_id)
    kept = max((each for each in fresh if not each.event.tally), key=_id, default=None)
    newest_kept = max(before, kept.event.id if kept else "")
    last_event = max(newest.event.id, issue.last_event)
    issue.last_kept = newest_kept if newest_kept != last_event else ""
    if kept and kept.event.id > before:
        return kept
    return newest if not newest_kept and newest.event.id == last_event else None


def _id(record: StreamRecord) -> str:
    return record.event.id


def _show(issue: Issue, shown: StoredEvent) -> None:
    issue.title = cut_marked(title(shown), MAX_TITLE)
    issue.culprit = cut(culprit(shown), MAX_CULPRIT)
    issue.level = shown.get("level", "error")
    issue.transaction = cut(short_text(shown.get("transaction")), MAX_TEXT)
    issue.logger = cut(short_text(shown.get("logger")), MAX_TEXT)
    issue.exception_class = cut(shown.get("exception_class") or "", MAX_TEXT)
