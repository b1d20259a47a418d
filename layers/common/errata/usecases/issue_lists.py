"""Page through the issues of a status, in an order, however many there are.

Rows and an index have the order (`errata.store.issue_lists`), and a page reads only its own part of
them. Issues are sorted exactly within a page, and by their rank across pages. A rank is coarse: an
issue may be a page too early or too late among issues whose numbers differ by less than 5 %, or
their times by less than two minutes.

Issues that have not changed since release 0.1.0 have no rows. They follow at the end, most recently
seen first.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from errata.models.issue import OPEN, OPEN_STATUSES, STATUSES, Issue
from errata.models.sketch import estimate
from errata.models.visible import Visible
from errata.protocol.issues import INDEX, REST, ROWS, IssueQuery, Position
from errata.store import issue_lists as store
from errata.store import ranks
from errata.store.issue_lists import Found, Part, Place
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
# Each batch after the first reads this many issues more than are still needed.
_SPARE = 10


@dataclass(slots=True)
class Listed:
    """A part of a list: its issues, and where the next part begins; None at the end."""

    issues: list[Issue] = field(default_factory=list)
    following: Position | None = None


def statuses(query: IssueQuery) -> tuple[str, ...]:
    """Return the statuses that a query asks for."""
    return {"all": STATUSES, OPEN: OPEN_STATUSES}.get(query.status, (query.status,))


def sort_key(issue: Issue, sort: str) -> tuple[int, str]:
    """Return what an issue sorts by, descending."""
    match sort:
        case ranks.FIRST_SEEN:
            return issue.first_seen, issue.id
        case ranks.EVENTS:
            return issue.count, issue.id
        case ranks.USERS:
            return estimate(issue.users), issue.id
    return issue.last_seen, issue.id


def read_page(visible: Visible, query: IssueQuery, at: Position | None) -> Listed:
    """Return a page of the issues of a status. `query` has no other filter.

    It has fewer issues than `limit` only at the end, or if most of the rows that it has read are
    left over. Makes at most four calls to DynamoDB, and two more at the end of a list if the
    project has issues without rows.
    """
    size = min(query.limit, MAX_PAGE)
    after = Place(at.value, at.part != ROWS, at.issue_id) if at else None
    if at and at.part == REST:
        return _rest(visible, query, after, size, _MAX_BATCHES)
    page, until = _sorted_part(visible, query, after, size)
    page.issues.sort(key=lambda each: sort_key(each, query.sort), reverse=True)
    if page.following or not until:
        return page
    if len(page.issues) == size:
        return Listed(page.issues, Position(until, part=REST))
    rest = _rest(visible, query, Place(until), size - len(page.issues), 1)
    return Listed(page.issues + rest.issues, rest.following)


def _sorted_part(
    visible: Visible, query: IssueQuery, after: Place | None, size: int
) -> tuple[Listed, int]:
    """Return the issues of a page that have rows or are in the index.

    At the end of these, also returns a time: the other issues were last seen before it. 0 if there
    are no others.
    """
    parts = _parts(visible, query, after, size)
    found, stopped = _merged(parts)
    # The index has the issues without rows, too.
    indexed = query.sort == ranks.LAST_SEEN and query.status in (OPEN, "all")
    if not found and stopped is None and after is None and query.status in (OPEN, "all"):
        # The index is empty, too, or all of its issues are without rows.
        return Listed(), 0 if indexed else store.TOP
    batches = _MAX_BATCHES if len(parts) == 1 else 1
    asked = statuses(query)

    def belongs(each: Found, issue: Issue) -> bool:
        return each.shows(issue, asked)

    until = stopped is None and not indexed
    return _checked(visible, found, stopped, size, belongs, batches, ROWS, until=until)


def _parts(visible: Visible, query: IssueQuery, after: Place | None, size: int) -> list[Part]:
    listed = ranks.LISTED if query.status == "all" else (query.status,)
    one = _NUMBER_ROWS if query.sort == ranks.FIRST_SEEN else _ROWS
    most = max(size, _MIN_PAGE) * (one if len(listed) == 1 else _ROWS_OF_EACH)
    return [
        store.from_index(visible, statuses(query), after, most)
        if status == OPEN and query.sort == ranks.LAST_SEEN
        else store.from_rows(visible, query.sort, status, after, most)
        for status in listed
    ]


def _merged(parts: Iterable[Part]) -> tuple[list[Found], Place | None]:
    """Merge sorted parts up to the first place where one stopped. Return that place, too."""
    parts = list(parts)
    found = sorted(
        (each for part in parts for each in part.found),
        key=lambda each: each.place.sorts_by,
        reverse=True,
    )
    stops = [part.stopped for part in parts if part.stopped]
    if not stops:
        return found, None
    first = max(stops, key=lambda each: each.sorts_by)
    return [each for each in found if each.place.sorts_by >= first.sorts_by], first


def _rest(
    visible: Visible, query: IssueQuery, after: Place | None, size: int, batches: int
) -> Listed:
    """Return issues without rows, most recently seen first."""
    asked = statuses(query)

    def belongs(_: Found, issue: Issue) -> bool:
        return not issue.number and issue.status in asked

    part = store.from_index(visible, asked, after, _ROWS * max(size, _MIN_PAGE))
    page, _ = _checked(visible, part.found, part.stopped, size, belongs, batches, REST)
    return page


def _checked(
    visible: Visible,
    found: Sequence[Found],
    stopped: Place | None,
    size: int,
    belongs: Callable[[Found, Issue], bool],
    batches: int,
    part: str,
    *,
    until: bool = False,
) -> tuple[Listed, int]:
    """Return up to `size` of the issues that were found and belong there.

    With `until`, also returns a time: issues without rows were last seen before it.
    """
    page, before, checked = Listed(), 0, 0
    for left in reversed(range(batches)):
        spare = 0 if left == _MAX_BATCHES - 1 else _SPARE
        some = _enough(found[checked:], size - len(page.issues) + spare)
        at_end = until and checked + len(some) == len(found)
        if not (some or at_end):
            break
        issues, before = store.read(visible, (each.place.issue_id for each in some), until=at_end)
        for each in some:
            checked += 1
            issue = issues.get(each.place.issue_id)
            if issue and belongs(each, issue):
                page.issues.append(issue)
            if len(page.issues) == size:
                break
        if len(page.issues) == size or checked == len(found):
            break
    last = found[checked - 1].place if checked < len(found) else stopped
    if last:
        kind = REST if part == REST else INDEX if last.index else ROWS
        page.following = Position(last.value, last.issue_id, part=kind)
    return page, before


def _enough(found: Sequence[Found], needed: int) -> Sequence[Found]:
    """Return the first candidates, enough even if all that may have expired really have."""
    alive = 0
    for n, each in enumerate(found[:MAX_PAGE]):
        alive += each.alive
        if alive == needed:
            return found[: n + 1]
    return found[:MAX_PAGE]
