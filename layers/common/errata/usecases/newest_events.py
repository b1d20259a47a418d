"""Read the newest events of a project or an issue, as many as the caller consumes."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, islice

from errata.models import ids
from errata.models.event import Stored
from errata.models.ids import DAY_MS, UUID, floor_id
from errata.models.times import MAX_SCAN_MS
from errata.models.visible import Visible
from errata.store import event_queries

_PAGE = 100
_MAX_READ = 1_000
# At most this many events are read to count their values, or to find some: about 250 read units.
NEWEST = 500
# Reading stops earlier if the payloads exceed this size: at about 1,000 read units for a project,
# half of that for an issue.
_MOST_BYTES = 4_000_000
# Sorts above every id.
_HIGHEST = "g"
_MAX_THREADS = 8


def newest_events(visible: Visible) -> Iterator[Stored]:
    """Yield the visible events among the newest 1,000, as many as the caller consumes."""
    high = floor_id(visible.now_ms + DAY_MS)  # some clocks are ahead
    pages = event_queries.newest_first(visible.project_id, visible.low, high, _PAGE)
    for event in islice(chain.from_iterable(page.events for page in pages), _MAX_READ):
        if visible.shows(event):
            yield event


@dataclass(slots=True)
class Newest:
    """The newest events of an issue with its members, or of a project, below the id `before`.

    Iterate over `events` once: they are read in batches, and unpacked one by one. Then `looked_at`
    says how many there were, `last` the id of the oldest one, and `more` whether there are others
    below it.
    """

    visible: Visible
    issue_id: str = ""
    before: str = ""
    members: Sequence[str] = ()
    looked_at: int = 0
    last: str = ""
    more: bool = False

    @property
    def events(self) -> Iterator[Stored]:
        """Yield at most `NEWEST` events; fewer if they are large, or if it takes ten seconds.

        Makes at most nine calls. Those of an issue come from an index and are not read
        consistently, so the last seconds may be missing.
        """
        deadline_ms = ids.now_ms() + MAX_SCAN_MS
        for event in self._of_issue() if self.issue_id else self._of_project():
            if self.visible.shows(event):
                yield event
            if ids.now_ms() > deadline_ms:
                return

    def _of_issue(self) -> Iterator[Stored]:
        issue_ids = [self.issue_id, *self.members]
        found = ids_of_issues(self.visible, issue_ids, NEWEST + 1, self.before)
        self.more = bool(found)
        project_id = self.visible.project_id
        for event in event_queries.some_of_issue(project_id, found[:NEWEST], _MOST_BYTES):
            self.looked_at, self.last = self.looked_at + 1, event.id
            self.more = event.id > found[-1]
            yield event

    def _of_project(self) -> Iterator[Stored]:
        high = floor_id(self.visible.now_ms + DAY_MS)  # some clocks are ahead
        high = min(high, self.before) if UUID.fullmatch(self.before) else high
        low, size = self.visible.low, 0
        if low >= high:
            return
        for page in event_queries.newest_first(self.visible.project_id, low, high, _PAGE):
            for event in page.events:
                self.looked_at, self.last, self.more = self.looked_at + 1, event.id, True
                yield event
            if page.stopped is None:
                self.more = False
                return
            self.last, size = page.stopped, size + page.bytes
            if self.looked_at >= NEWEST or size >= _MOST_BYTES:
                return


def ids_of_issues(
    visible: Visible, issue_ids: Sequence[str], most: int, before: str = ""
) -> list[str]:
    """Return the ids of the newest events of these issues, newest first, below the id `before`."""
    high = before if UUID.fullmatch(before) else _HIGHEST
    return neighbours(visible, issue_ids, visible.low, high, most, newest=True)


def neighbours(
    visible: Visible, issue_ids: Sequence[str], low: str, high: str, most: int, *, newest: bool
) -> list[str]:
    """Return the ids of up to `most` events of these issues with `low` < id < `high`.

    As `event_queries.neighbours`, with a call for each issue, eight at a time.
    """

    def ids_of(issue_id: str) -> list[str]:
        partition = f"{visible.project_id}#{issue_id}"
        return event_queries.neighbours(partition, low, high, most, newest=newest)

    if len(issue_ids) == 1:
        return ids_of(issue_ids[0])
    with ThreadPoolExecutor(min(_MAX_THREADS, len(issue_ids))) as threads:
        found = [each for some in threads.map(ids_of, issue_ids) for each in some]
    return sorted(found, reverse=newest)[:most]
