"""Read a project's events, newest first, or one event by its id."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from pydantic_core import to_json

from errata.errors import NotFoundError, UnavailableError
from errata.models import ids
from errata.models.event import Stored, summary
from errata.models.ids import DAY_MS, UUID, floor_id, issue_id, sdk_event_id
from errata.models.times import INDEX_LAG_MS, MAX_SCAN_MS
from errata.models.visible import Visible
from errata.protocol import response_size
from errata.protocol.read import Filters, to_cursor, to_event
from errata.store import event_queries, events
from errata.store.event_queries import EventPage
from errata.store.items import BATCH_GET
from errata.usecases import original_frames

# The most pages of a query that one request reads. A page has at most 1 MB. If a filter has few
# matches, the response may then be a short page with a cursor. This limit holds if the function
# itself filters, because it unpacks all events.
MAX_PAGES = 10
_PAGE = 500
# If DynamoDB filters by issue. It reads 12 MB of a partition in a second.
MAX_PAGES_FILTERED = 100
# For the index of an issue's events, where a page has at most a hundred events.
MAX_PAGES_OF_INDEX = 50
# How many events with one SDK event id are looked at.
_MOST_OF_SDK_ID = 10


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

    Never misses an event that was stored before the read began. Stops when the page is full, or at
    the limits above.

    Raises:
        StoreError: nothing could be read.
    """
    deadline_ms = ids.now_ms() + MAX_SCAN_MS
    limits = original_frames.Limits()
    found: list[bytes] = []
    last = ""
    size = 0
    try:
        for page in _pages(visible, filters):
            for event in page.events:
                if visible.shows(event) and _matches(event, filters):
                    content = _json(original_frames.complete(visible, event, limits))
                    size += response_size.weight(content)
                    if len(found) == filters.limit or (found and size > response_size.MAX_BYTES):
                        return Page(found, to_cursor(last))
                    found.append(content)
                last = event.id
                if ids.now_ms() > deadline_ms:
                    return Page(found, to_cursor(last))
            if page.stopped is None:
                return Page(found, None)
            last = page.stopped
            if len(found) == filters.limit or ids.now_ms() > deadline_ms:
                break
    except UnavailableError:
        # A long search may read faster than DynamoDB allows. What was read is not read again.
        if not last:
            raise
    return Page(found, to_cursor(last) if last else None)


def _json(event: Stored) -> bytes:
    content = to_event(event.project_id, event.id, event.issue_id, event.fields, event.legacy_id)
    return to_json(content)


def find(visible: Visible, given: str) -> Stored | None:
    """Return the visible event with this id, as `find_any`.

    Raises:
        NotFoundError: it is a tally.
    """
    found = find_any(visible, given)
    if found and found.tally:
        raise NotFoundError(
            "This event was counted, but not kept in full: its issue has had many like it."
            f" The issue is {found.issue_id}."
        )
    return found


def find_any(visible: Visible, given: str) -> Stored | None:
    """Return the visible event with this id: Errata's, or the one that its SDK created.

    Either id may be 32 hex digits or a UUID. If several events have the SDK event id, returns the
    newest one. An event of the last moments is found if it is among the newest 1 MB of the
    project's events, even if the index lags. Then it may be a tally.
    """
    sdk_id = sdk_event_id(given)
    if sdk_id is None:
        return None
    own_id = f"{sdk_id[:8]}-{sdk_id[8:12]}-{sdk_id[12:16]}-{sdk_id[16:20]}-{sdk_id[20:]}"
    if UUID.fullmatch(own_id) and (found := by_ids(visible, [own_id])):
        return found[0]
    project_id, low = visible.project_id, visible.low
    known = event_queries.ids_of_sdk_event(project_id, sdk_id, low, _MOST_OF_SDK_ID)
    indexed = map(events.stored, event_queries.items_by_ids(project_id, known))
    if event := next(filter(visible.shows, indexed), None):
        return event
    low = max(low, floor_id(visible.now_ms - INDEX_LAG_MS))
    recent = event_queries.recent_of_sdk_event(project_id, sdk_id, low)
    return next(filter(visible.shows, recent), None)


def by_ids(visible: Visible, event_ids: Iterable[str]) -> list[Stored]:
    """Return the existing, visible events with these ids, in the order of the ids."""
    found = event_queries.by_ids(visible.project_id, event_ids)
    return [event for event in found if visible.shows(event)]


def summaries(visible: Visible, event_ids: Iterable[str]) -> list[Stored]:
    """Return the events of `by_ids` as summaries, for lists. Holds one whole event at a time."""
    return [replace(event, fields=summary(event.fields)) for event in each(visible, event_ids)]


def each(visible: Visible, event_ids: Iterable[str]) -> Iterator[Stored]:
    """Yield the events of `by_ids`, one at a time: each may be large."""
    items = event_queries.items_by_ids(visible.project_id, event_ids)
    yield from filter(visible.shows, map(events.stored, items))


def _pages(visible: Visible, filters: Filters) -> Iterator[EventPage]:
    project_id, now_ms = visible.project_id, visible.now_ms
    low = max(visible.low, floor_id(filters.since) if filters.since is not None else "")
    # Ids come from many clocks. Include events from a clock that is ahead.
    high = floor_id(filters.until + 1 if filters.until is not None else now_ms + DAY_MS)
    high = min(high, filters.before or high)
    if low >= high:
        return
    if filters.fingerprint is not None:
        yield from _of_issue(visible, filters, low, high)
    elif _selects(filters):
        pages = event_queries.newest_first(project_id, low, high, _PAGE)
        yield from islice(pages, MAX_PAGES)
    else:
        # Read one more event than is returned, to know whether this page is the last.
        yield from event_queries.newest_first(project_id, low, high, filters.limit + 1)


def _of_issue(visible: Visible, filters: Filters, low: str, high: str) -> Iterator[EventPage]:
    """Yield the newest events of an issue from the table and the others from the index.

    The index may lack what was stored in the last `INDEX_LAG_MS`.
    """
    project_id = visible.project_id
    wanted = issue_id(project_id, filters.fingerprint or "")
    split = min(max(low, floor_id(visible.now_ms - INDEX_LAG_MS)), high)
    stopped: str | None = split
    if split < high:
        pages = event_queries.newest_first(project_id, split, high, None, wanted)
        for page in islice(pages, MAX_PAGES_FILTERED):
            stopped = page.stopped or (split if low < split else None)
            yield page._replace(stopped=stopped)
    if low < split == stopped:
        size = BATCH_GET if _selects(filters) else filters.limit + 1
        pages = event_queries.newest_first_of_issue(project_id, wanted, low, split, size)
        yield from islice(pages, MAX_PAGES_OF_INDEX)


def _selects(filters: Filters) -> bool:
    """Return whether there are filters that the store does not know."""
    return any(each is not None for each in (filters.environment, filters.release, filters.level))


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
