"""Page through the issues of a status, in an order, however many there are.

Rows and an index have the order (`errata.store.issue_lists`), and a page reads only its own part of
them. Issues are sorted exactly within a page, and by their rank across pages. A rank is coarse: two
issues may be on each other's page if their numbers differ by less than 5 %, or their times by less
than two minutes.

Issues that have not changed since release 0.1.0 have no rows. They follow at the end, most recently
seen first.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from errata.models.issue import IGNORED, OPEN, STATUSES, Issue
from errata.models.sketch import estimate
from errata.models.visible import Visible
from errata.protocol.issues import INDEX, REST, ROWS, IssueQuery, ListStart
from errata.store import issue_lists as store
from errata.store import ranks
from errata.store.issue_lists import Chunk, ListEntry, ListKey
from errata.store.items import BATCH_GET

# One call reads the issues of a page, and the project's counter.
MAX_PAGE = BATCH_GET - 1
# Cost limits of a page, without the issues that have no rows: one query and three batches of
# issues, or three queries and one batch.
_MAX_BATCHES = 3
# Rows to read for each issue of a page, because most may be left over: in a list of one status, in
# one of number rows, which are larger, and for each status in a list of all issues.
_ROWS, _NUMBER_ROWS, _ROWS_OF_EACH = 6, 3, 2
# For these limits, a smaller page counts as this many issues.
_MIN_PAGE = 50
# Rising issues sort by how many times their usual number of events they have, up to the first
# number. The second is more than every last-seen time.
_MOST_TIMES, _TIMES_MS = 400, 2 * 10**12
# Each batch after the first reads this many issues more than are still needed.
_SPARE = 10


@dataclass(slots=True)
class Looked:
    """What was looked at in a part of a list.

    Attributes:
        issues: the issues that were read and belong to the list, unordered.
        number: how many issues were looked at.
        read: how many of them were read.
        following: where the next part begins; None at the end.
    """

    issues: list[Issue]
    number: int
    read: int
    following: ListStart | None


@dataclass(slots=True)
class ListedIssues:
    """A part of a list: its issues, and where the next part begins; None at the end."""

    issues: list[Issue] = field(default_factory=list)
    following: ListStart | None = None


def sort_key(issue: Issue, sort: str, now_ms: int = 0) -> tuple[int, str]:
    """Return the list key of an issue. Lists descend by it. `now_ms` matters for `rising` only."""
    match sort:
        case "rising":
            return _TIMES_MS * _rise(issue, now_ms) + issue.last_seen, issue.id
        case ranks.FIRST_SEEN:
            return issue.first_seen, issue.id
        case ranks.EVENTS:
            return issue.count, issue.id
        case ranks.USERS:
            return estimate(issue.users), issue.id
    return issue.last_seen, issue.id


def _rise(issue: Issue, now_ms: int) -> int:
    """Return how many times its usual events a rising issue has, at least 1; 0 for other issues."""
    if not issue.buckets.is_rising(now_ms):
        return 0
    usual = max(1, issue.buckets.usual_hour(now_ms))
    return max(1, min(_MOST_TIMES, int(issue.buckets.last_hour(now_ms) / usual)))


def read_page(visible: Visible, query: IssueQuery, at: ListStart | None) -> ListedIssues:
    """Return a page of the issues of a status. `query` has no other filter.

    It has fewer issues than `limit` only at the end, or if most of the rows that it has read are
    left over. Makes at most four calls to DynamoDB, and two more at the end of a list if the
    project has issues without rows.
    """
    size = min(query.limit, MAX_PAGE)
    after = ListKey(at.value, at.source != ROWS, at.issue_id) if at else None
    if at and at.source == REST:
        return _rest(visible, query, after, size, _MAX_BATCHES)
    page, until = _sorted_part(visible, query, after, size)
    page.issues.sort(key=lambda each: sort_key(each, query.sort), reverse=True)
    if page.following or not until:
        return page
    if len(page.issues) == size:
        return ListedIssues(page.issues, ListStart(until, source=REST))
    rest = _rest(visible, query, ListKey(until), size - len(page.issues), 1)
    return ListedIssues(page.issues + rest.issues, rest.following)


def look(
    visible: Visible,
    query: IssueQuery,
    at: ListStart | None,
    wanted: Callable[[str], bool],
    rows: int,
    until: int,
) -> Looked:
    """Look at the next part of a list of a status. Read the issues whose ids are `wanted`.

    Reads up to `rows` rows of each status that is listed, and as many issues as one call can.
    `until`: issues without rows were last seen before this time; 0 if there are none. Makes at
    most four calls to DynamoDB.
    """
    after = ListKey(at.value, at.source != ROWS, at.issue_id) if at else None
    in_rest = at is not None and at.source == REST
    if in_rest:
        chunk = store.from_index(visible, query.statuses, after, rows)
        found, stopped = chunk.found, chunk.stopped
    else:
        found, stopped = next_rows(visible, query, after, rows)
    some = [each for each in found if wanted(each.key.issue_id)]
    number = len(found)
    if len(some) > BATCH_GET:
        stopped = some[BATCH_GET - 1].key
        number = found.index(some[BATCH_GET - 1]) + 1
        some = some[:BATCH_GET]
    issues, _ = store.read(visible, (each.key.issue_id for each in some), until=False)
    shown = {
        issue.id: issue
        for each in some
        if (issue := issues.get(each.key.issue_id))
        and (not issue.number if in_rest else each.shows(issue, STATUSES))
    }
    following = None
    if stopped:
        source = REST if in_rest else INDEX if stopped.index else ROWS
        following = ListStart(stopped.value, stopped.issue_id, source=source)
    elif until and not in_rest and not is_indexed(query):
        following = ListStart(until, source=REST)
    return Looked(list(shown.values()), number, len(some), following)


def is_indexed(query: IssueQuery) -> bool:
    """Return whether a list reads the index, which also has the issues without rows."""
    return query.sort == ranks.LAST_SEEN and query.status in (OPEN, "all")


def _sorted_part(
    visible: Visible, query: IssueQuery, after: ListKey | None, size: int
) -> tuple[ListedIssues, int]:
    """Return the issues of a page that have rows or are in the index.

    Also returns a time at the end of these: all other issues were last seen before it. 0 if there
    are no others, and before the end.
    """
    times = _NUMBER_ROWS if query.sort == ranks.FIRST_SEEN else _ROWS
    times = times if query.status != "all" else _ROWS_OF_EACH
    most = max(size, _MIN_PAGE) * times
    found, stopped = next_rows(visible, query, after, most)
    indexed = is_indexed(query)
    if not found and stopped is None and after is None and query.status in (OPEN, "all"):
        # There are no rows. All issues may be without rows, unless the index is what was read.
        return ListedIssues(), 0 if indexed else store.TOP
    batches = _MAX_BATCHES if query.status != "all" else 1
    asked = query.statuses

    def belongs(each: ListEntry, issue: Issue) -> bool:
        return each.shows(issue, asked)

    until = stopped is None and not indexed
    return _checked(visible, found, stopped, size, belongs, batches, ROWS, until=until)


def next_rows(
    visible: Visible, query: IssueQuery, after: ListKey | None, most: int
) -> tuple[list[ListEntry], ListKey | None]:
    """Return what a list finds after a key, and where it stopped; None at the end.

    Reads up to `most` rows of each status that is listed.
    """
    listed = ranks.LISTED if query.status == "all" else (query.status,)
    return _merged(
        # An issue that is ignored until a time is open after it. The index still calls it ignored.
        store.from_index(visible, {*query.statuses, IGNORED}, after, most)
        if status == OPEN and query.sort == ranks.LAST_SEEN
        else store.from_rows(visible, query.sort, status, after, most)
        for status in listed
    )


def _merged(chunks: Iterable[Chunk]) -> tuple[list[ListEntry], ListKey | None]:
    """Merge sorted chunks up to the first key where one stopped. Return that key, too."""
    chunks = list(chunks)
    found = sorted(
        (each for chunk in chunks for each in chunk.found),
        key=lambda each: each.key.sorts_by,
        reverse=True,
    )
    stops = [chunk.stopped for chunk in chunks if chunk.stopped]
    if not stops:
        return found, None
    first = max(stops, key=lambda each: each.sorts_by)
    return [each for each in found if each.key.sorts_by >= first.sorts_by], first


def _rest(
    visible: Visible, query: IssueQuery, after: ListKey | None, size: int, batches: int
) -> ListedIssues:
    """Return issues without rows, most recently seen first."""
    asked = query.statuses

    def belongs(_: ListEntry, issue: Issue) -> bool:
        return not issue.number and issue.status in asked

    chunk = store.from_index(visible, asked, after, _ROWS * max(size, _MIN_PAGE))
    page, _ = _checked(visible, chunk.found, chunk.stopped, size, belongs, batches, REST)
    return page


def _checked(
    visible: Visible,
    found: Sequence[ListEntry],
    stopped: ListKey | None,
    size: int,
    belongs: Callable[[ListEntry, Issue], bool],
    batches: int,
    source: str,
    *,
    until: bool = False,
) -> tuple[ListedIssues, int]:
    """Return up to `size` of the issues that were found and belong there.

    With `until`, also returns a time: issues without rows were last seen before it.
    """
    page, before, checked = ListedIssues(), 0, 0
    for left in reversed(range(batches)):
        spare = 0 if left == _MAX_BATCHES - 1 else _SPARE
        some = _enough(found[checked:], size - len(page.issues) + spare)
        at_end = until and checked + len(some) == len(found)
        if not (some or at_end):
            break
        issues, before = store.read(visible, (each.key.issue_id for each in some), until=at_end)
        for each in some:
            checked += 1
            issue = issues.get(each.key.issue_id)
            if issue and belongs(each, issue):
                page.issues.append(issue)
            if len(page.issues) == size:
                break
        if len(page.issues) == size or checked == len(found):
            break
    last = found[checked - 1].key if checked < len(found) else stopped
    if last:
        source = REST if source == REST else INDEX if last.index else ROWS
        page.following = ListStart(last.value, last.issue_id, source=source)
    return page, before


def _enough(found: Sequence[ListEntry], needed: int) -> Sequence[ListEntry]:
    """Return the first entries: enough even if all those have expired that may have."""
    alive = 0
    for n, each in enumerate(found[:MAX_PAGE]):
        alive += each.alive
        if alive == needed:
            return found[: n + 1]
    return found[:MAX_PAGE]
