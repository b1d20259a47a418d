"""Search the issues of many projects at once, in one order.

Each project has a `Lane`, which has the project's issues in the order of the list. They are merged
by their list keys, read in batches, and checked with every term. So the cost of a page depends on
what it shows, and little on the number of projects. The projects are divided into parts, so that a
page stays within its bounds: of calls, of read units, and of time. Almost always, one part has all.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice

from errata.models import ids
from errata.models.issue import OPEN, REGRESSED, Issue
from errata.models.project import Project
from errata.models.times import MAX_SCAN_MS
from errata.models.visible import Visible, Watermark
from errata.protocol.across import MAX_PROJECTS, AcrossStart, start_of, to_cursor
from errata.protocol.issues import IssueQuery
from errata.store import issue_lists, numbers, projects, ranks, watermarks
from errata.store.issue_lists import ListKey
from errata.store.issues import find_across
from errata.store.items import BATCH_GET, PlainItem, read_all
from errata.usecases.across_lanes import BOTTOM, UNIT, Candidate, Lane
from errata.usecases.issue_lists import is_indexed, sort_key
from errata.usecases.issue_search import satisfies, with_words
from errata.usecases.merged import across_with_members
from errata.usecases.projects import operator_access
from errata.usecases.search_terms import SearchWords, narrowed, read_values, reads_values
from errata.usecases.visible import make_visible

# After this many read units, a page prepares no more projects, or lists no more issues.
_ENOUGH_TO_PREPARE, _ENOUGH_UNITS = 500, 700
# The queries that a part makes at first: at most one for each project, list and value.
_MOST_CALLS = 400
# The most issues that are read at once, if values or words say which ones can match.
_FEW, _FEW_WITH_WORDS = 600, 300
_MAX_THREADS = 8
# The most projects whose issues without rows are read by the page that begins them. Most of these
# projects have no issues at all.
_MOST_REST = 50
# How many projects are prepared at a time while each may cost much, and what costs little.
_CAREFUL = 4
_CHEAP_UNITS = 10
# Issues to read beyond those that a page needs, because a row may be left over.
_SPARE = 10


# Whether somebody may see a project.
type Sees = Callable[[Project], bool]


@dataclass(slots=True)
class AcrossPage:
    """Issues of several projects in the requested order.

    A page may be short or empty even if there is a next page.

    Attributes:
        found: each issue with its project.
        next_cursor: of the next page, None at the end.
        looked_at: how many issues the page has looked at.
        projects: the projects that it has looked into, oldest first.
        in_parts: whether other pages have the issues of other projects, sorted on their own.
    """

    found: list[tuple[Project, Issue]] = field(default_factory=list)
    next_cursor: str | None = None
    looked_at: int = 0
    projects: list[Project] = field(default_factory=list)
    in_parts: bool = False


def search(
    organization_id: str, sees: Sees, query: IssueQuery, now_ms: int, member: str = ""
) -> AcrossPage:
    """Return a page of the issues that match `query` in the projects that somebody `sees`.

    `member` is their e-mail address, "" for an operator.

    Raises:
        InvalidInputError: the query is invalid; names every problem.
        InvalidQueryError: too many values match a term with `*`.
    """
    at = start_of(query)
    if not query.statuses:
        return AcrossPage()
    listed, stopped = projects.some_projects(organization_id, at.after, pages=1)
    last = int(at.end) if at.end else None
    within = [each for each in listed if sees(each) and (last is None or int(each.id) <= last)]
    part = _Part(query, at, now_ms, member)
    taken = part.prepare(within[: _most_projects(query)])
    end = taken[-1].id if len(taken) < len(within) else at.end or stopped
    following = part.read()
    if following:
        following = replace(following, after=at.after, end=end)
    elif end:
        following = AcrossStart(after=end)
    return AcrossPage(
        part.with_members(),
        to_cursor(query.sort, following) if following else None,
        sum(each.looked_at for each in part.lanes),
        taken,
        in_parts=bool(at.after or end),
    )


def matching(
    organization_id: str, query: IssueQuery, now_ms: int
) -> Iterator[tuple[Project, Issue]]:
    """Return every matching issue of an organization, in the order of the pages of `search`.

    If the projects come in parts, they are sorted as a whole. Makes any number of calls.

    Raises:
        InvalidInputError, InvalidQueryError: as `search`.
    """
    query = replace(query, limit=BATCH_GET)
    seen: set[tuple[str, str]] = set()
    found: list[tuple[Project, Issue]] = []
    in_parts = False
    while True:
        page = search(organization_id, lambda _: True, query, now_ms)
        in_parts = in_parts or page.in_parts
        new = [each for each in page.found if (each[0].id, each[1].id) not in seen]
        seen.update((project.id, issue.id) for project, issue in new)
        if in_parts:
            found += new
        else:
            yield from new
        if page.next_cursor is None:
            break
        query = replace(query, cursor=page.next_cursor)
    yield from sorted(found, key=lambda each: sort_key(each[1], query.sort), reverse=True)


def _most_projects(query: IssueQuery) -> int:
    """Return how many projects a part may have, so that it makes few enough queries."""
    lists = len(ranks.LISTED) if query.status == "all" else 1
    asked = sum(map(reads_values, query.terms))
    words = lists if SearchWords.of(query.terms).asked else 0
    return max(1, min(MAX_PROJECTS, _MOST_CALLS // (lists + asked + words)))


@dataclass(slots=True)
class _Part:
    """Some projects whose issues are listed in one order."""

    query: IssueQuery
    at: AcrossStart
    now_ms: int
    member: str = ""
    words: SearchWords = field(init=False)
    lanes: list[Lane] = field(default_factory=list)
    units: float = 0
    _found: list[tuple[Project, Issue]] = field(default_factory=list)
    _shown: set[tuple[str, str]] = field(default_factory=set)
    _deadline_ms: int = 0

    def __post_init__(self) -> None:
        self.words = SearchWords.of(self.query.terms)
        self._deadline_ms = ids.now_ms() + MAX_SCAN_MS

    # -------------------------------------------------------------- the projects of the part

    def prepare(self, some: Sequence[Project]) -> list[Project]:
        """Read which issues of these projects can match. Return the projects that were read.

        These are the first ones if all would cost too much.
        """
        limits = watermarks.find_watermarks(each.id for each in some)
        counters = self._counters(some)
        taken: list[Project] = []
        left = list(some)
        spent, size = 0.0, _CAREFUL
        while left and (not taken or (spent < _ENOUGH_TO_PREPARE and self._in_time)):
            wave, left = left[:size], left[size:]
            new = [self._lane(each, limits[each.id], counters) for each in wave]
            in_parallel(self._narrow, new)
            cost = sum(each.units for each in new)
            size = _MAX_THREADS if cost <= _CHEAP_UNITS * len(new) else _CAREFUL
            spent += cost
            self.lanes += new
            taken += wave
        for each in self.lanes:
            each.units = 0
        self._begin()
        return taken

    def _counters(self, some: Sequence[Project]) -> dict[str, PlainItem] | None:
        """Return the counters that say which projects have issues without rows.

        None if that does not matter, because the index has all issues of the list.
        """
        if is_indexed(self.query) and not self.query.terms:
            return None
        found = map(read_all, numbers.counters(each.id for each in some))
        return {each["pk"]: each for each in found}

    def _lane(
        self, project: Project, limit: Watermark, counters: dict[str, PlainItem] | None
    ) -> Lane:
        visible = make_visible(operator_access(project), limit, self.now_ms)
        visible = replace(visible, member=self.member)
        within, newest = narrowed(visible, self.query)
        lane = Lane(project, within, self.query, newest)
        if counters is not None:
            lane.until = numbers.without_rows_until(within, counters.get(project.id))
        return lane

    def _narrow(self, lane: Lane) -> None:
        """Read which issues of a project have the values and may have the words, if any."""
        lane.values = read_values(lane.visible, self.query.terms, bool(lane.until))
        lane.units += sum(each.seen.bytes for each in lane.values) / UNIT
        some = [set(each.seen.at) for each in lane.values if each.narrows]
        lane.ids = set.intersection(*some) if some else None
        few = _FEW_WITH_WORDS if self.words else _FEW
        if self.words.asked and not lane.until and (lane.ids is None or len(lane.ids) > few):
            self._narrow_by_words(lane)

    def _narrow_by_words(self, lane: Lane) -> None:
        """Read which issues may have the words, unless there are too many number rows."""
        statuses = {OPEN if each == REGRESSED else each for each in self.query.statuses}
        texts = [issue_lists.texts(lane.visible, each, 10**10 - 1) for each in statuses]
        lane.units += sum(each.bytes for each in texts) / UNIT
        if not any(each.stopped for each in texts):
            rows = (row for each in texts for row in each.found)
            may = {issue_id for _, issue_id, text in rows if self.words.may_hold(text)}
            lane.ids = may if lane.ids is None else lane.ids & may

    def _begin(self) -> None:
        """Start all lanes. Read the issues now of those that have few that can match."""
        left = _FEW_WITH_WORDS if self.words else _FEW
        few: list[tuple[Visible, str]] = []
        for lane in sorted(self.lanes, key=lambda each: len(each.ids or ())):
            if lane.ids is not None and len(lane.ids) <= left:
                left -= len(lane.ids)
                lane.few = True
                few += [(lane.visible, each) for each in lane.ids]
            lane.begin(self.at, len(self.lanes))
        if self.at.rest:
            return
        self.units += len(few)
        of: dict[str, list[Issue]] = defaultdict(list)
        for (project_id, _), issue in find_across(few).items():
            of[project_id].append(issue)
        for lane in self.lanes:
            if lane.few:
                lane.hold(of[lane.project.id], self.at)

    # -------------------------------------------------------------- the page

    def read(self) -> AcrossStart | None:
        """Find the issues of the page. Return where the next one begins; None at the part's end."""
        at = self.at
        while True:
            self._refill()
            size = self._size()
            some = list(islice(self._next(), size))
            used = self._add_matching(some)
            at = self._behind(at, some[:used])
            if used == len(some) and not any(each.held or not each.done for each in self.lanes):
                rest = [] if at.rest else [each for each in self.lanes if each.has_rest]
                if not rest:
                    return None
                at = self.at = AcrossStart(rest=True)
                if len(rest) > _MOST_REST:
                    return at
                for lane in self.lanes:
                    lane.begin(at, len(rest))
            if len(self._found) == self.query.limit:
                return at
            if self._spent >= _ENOUGH_UNITS or not self._in_time:
                return self._behind_rows(at)

    def with_members(self) -> list[tuple[Project, Issue]]:
        """Return the issues of the page in their order, heads with the sum of their members.

        Makes no call if there is no head.
        """
        found = sorted(
            self._found, key=lambda each: sort_key(each[1], self.query.sort), reverse=True
        )
        visible = {lane.project.id: lane.visible for lane in self.lanes}
        whole = across_with_members([(visible[project.id], issue) for project, issue in found])
        return [(project, issue) for (project, _), issue in zip(found, whole, strict=True)]

    @property
    def _in_time(self) -> bool:
        return ids.now_ms() < self._deadline_ms

    @property
    def _spent(self) -> float:
        return self.units + sum(each.units for each in self.lanes)

    def _size(self) -> int:
        """Return how many issues to read next."""
        missing = self.query.limit - len(self._found)
        return BATCH_GET if self.query.terms else min(BATCH_GET, missing + _SPARE)

    def _refill(self) -> None:
        """Read the next rows of the projects that may have the next issue."""
        held = max((each.top for each in self.lanes if each.held), default=BOTTOM)
        in_parallel(Lane.refill, [each for each in self.lanes if not each.held and each.top > held])

    def _next(self) -> Iterator[tuple[Lane, Candidate]]:
        """Yield the next issues, until another project may have one before them."""
        while self.lanes:
            first = max(self.lanes, key=lambda each: each.top)
            if not first.held:
                return
            yield first, first.held.popleft()

    def _add_matching(self, some: Sequence[tuple[Lane, Candidate]]) -> int:
        """Add the issues for which all terms hold. Return how many of `some` were used."""
        unread = [(lane.visible, each.key.issue_id) for lane, each in some if each.issue is None]
        issues = find_across(unread)
        found: list[tuple[Visible, Issue]] = []
        for lane, each in some:
            issue = each.issue or issues.get((lane.project.id, each.key.issue_id))
            if (
                issue
                and each.shows(issue, rest=lane.rest)
                and satisfies(lane.visible, self.query, lane.values, issue)
            ):
                found.append((lane.visible, issue))
        matching, units = with_words(self.words, found)
        self.units += len(unread) + units
        hits = {(visible.project_id, issue.id): issue for visible, issue in matching}
        for n, (lane, each) in enumerate(some):
            if len(self._found) == self.query.limit:
                return n
            name = lane.project.id, each.key.issue_id
            if name in hits and name not in self._shown:
                self._shown.add(name)
                self._found.append((lane.project, hits[name]))
        return len(some)

    def _behind(self, at: AcrossStart, used: Sequence[tuple[Lane, Candidate]]) -> AcrossStart:
        """Return the start of the page after these issues."""
        if self._by_number:
            reached = {int(lane.project.id): each.key.value for lane, each in used}
            return replace(at, numbers=at.numbers | reached)
        return _at(used[-1][0], used[-1][1].key, rest=at.rest) if used else at

    def _behind_rows(self, at: AcrossStart) -> AcrossStart:
        """Return the start of the page after the last issue, or after rows that were read later."""
        if self._by_number:
            empty = [each for each in self.lanes if not each.held and not each.done]
            reached = {int(each.project.id): each.after.value for each in empty if each.after}
            return replace(at, numbers=at.numbers | reached)
        first = max(self.lanes, key=lambda each: each.top)
        if first.held or first.after is None:
            return at
        return _at(first, first.after, rest=at.rest)

    @property
    def _by_number(self) -> bool:
        return self.query.sort == ranks.FIRST_SEEN and not self.at.rest


def _at(lane: Lane, key: ListKey, *, rest: bool) -> AcrossStart:
    return AcrossStart(
        rest=rest,
        value=key.value,
        index=key.index,
        project=lane.project.id,
        issue_id=key.issue_id,
    )


def in_parallel[T, R](work: Callable[[T], R], each_of: Sequence[T]) -> list[R]:
    """Call a function for each project, eight at a time. Return the results in this order."""
    if len(each_of) < 2:
        return list(map(work, each_of))
    with ThreadPoolExecutor(min(_MAX_THREADS, len(each_of))) as threads:
        return list(threads.map(work, each_of))
