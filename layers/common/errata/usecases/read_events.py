"""Read a project's events, newest first."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain

from pydantic_core import to_json

from errata.models import ids
from errata.models.event import Stored, summary
from errata.models.ids import DAY_MS, floor_id, issue_id
from errata.models.times import INDEX_LAG_MS, MAX_SCAN_MS
from errata.models.visible import Visible
from errata.protocol import response_size
from errata.protocol.read import Filters, to_cursor, to_event
from errata.store import event_queries, events

# How many events one request reads. A filter with few matches may give a short page with a cursor.
MAX_SCANNED = 5_000
_PAGE = 200


@dataclass(frozen=True, slots=True)
class Page:
    """Events as JSON texts, newest first, and the cursor of the next page or None."""

    events: list[bytes]
    next_cursor: str | None

    def to_json(self) -> str:
        """Return the response of the read endpoint."""
        cursor = to_json(self.next_cursor)
        return (b'{"data":[%s],"next_cursor":%s}' % (b",".join(self.events), cursor)).decode()


def read(visible: Visible, filters: Filters) -> Page:
    """Return a page of the visible events that match the filters.

    Never misses an event that was stored before the read began.
    """
    deadline_ms = ids.now_ms() + MAX_SCAN_MS
    found: list[bytes] = []
    last = None
    size = 0
    for scanned, event in enumerate(_candidates(visible, filters), start=1):
        if visible.shows(event) and _matches(event, filters):
            content = to_json(
                to_event(event.project_id, event.id, event.issue_id, event.fields, event.legacy_id)
            )
            size += response_size.weight(content)
            if len(found) == filters.limit or (found and size > response_size.MAX_BYTES):
                break
            found.append(content)
        last = event.id
        if scanned == MAX_SCANNED or ids.now_ms() > deadline_ms:
            break
    else:
        last = None
    return Page(found, to_cursor(last) if last else None)


def by_ids(visible: Visible, event_ids: Iterable[str]) -> list[Stored]:
    """Return the existing, visible events with these ids, in the order of the ids."""
    found = event_queries.by_ids(visible.project_id, event_ids)
    return [event for event in found if visible.shows(event)]


def summaries(visible: Visible, event_ids: Iterable[str]) -> list[Stored]:
    """Return what lists show of the events of `by_ids`. Holds one whole event at a time."""
    items = event_queries.items_by_ids(visible.project_id, event_ids)
    found = map(events.stored, items)
    return [replace(event, fields=summary(event.fields)) for event in found if visible.shows(event)]


def _candidates(visible: Visible, filters: Filters) -> Iterator[Stored]:
    project_id, now_ms = visible.project_id, visible.now_ms
    low = max(visible.low, floor_id(filters.since) if filters.since is not None else "")
    # Ids come from many clocks. Include events from a clock that is ahead.
    high = floor_id(filters.until + 1 if filters.until is not None else now_ms + DAY_MS)
    high = min(high, filters.before or high)
    if filters.fingerprint is not None:
        partition = f"{project_id}#{issue_id(project_id, filters.fingerprint)}"
        index = "by_issue"
    elif filters.release is not None:
        partition = events.release_partition(project_id, filters.release)
        index = "by_release"
    else:
        narrow = filters.environment is None and filters.level is None
        page = filters.limit + 1 if narrow else _PAGE
        return _between(project_id, low, high, page)
    split = min(max(low, floor_id(now_ms - INDEX_LAG_MS)), high)
    return chain(
        _between(project_id, split, high, _PAGE),
        event_queries.newest_first_in_index(index, partition, low, split, filters.limit + 1)
        if low < split
        else (),
    )


def _between(project_id: str, low: str, high: str, page: int) -> Iterator[Stored]:
    return event_queries.newest_first(project_id, low, high, page) if low < high else iter(())


def _matches(event: Stored, filters: Filters) -> bool:
    fields = event.fields
    return (
        (filters.environment is None or fields.get("environment") == filters.environment)
        and (filters.release is None or fields.get("release") == filters.release)
        and (filters.level is None or fields.get("level") == filters.level)
        and (
            filters.fingerprint is None
            or event.issue_id == issue_id(event.project_id, filters.fingerprint)
        )
    )
