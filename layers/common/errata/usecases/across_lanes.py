"""Read the issues of one project, as a part of a list across projects, in the order of the list.

Most lists sort by a rank or a time (`store.issue_lists`), so the issues of all projects are merged
by it. The list by `first_seen` sorts by issue numbers, which mean nothing across projects. There, a
lane reads each issue together with its row, and projects are merged by the first-seen times.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from errata.models.issue import STATUSES, Issue
from errata.models.project import Project
from errata.models.sketch import estimate
from errata.models.visible import Visible
from errata.protocol.across import AcrossStart
from errata.protocol.issues import IssueQuery
from errata.store import issue_lists, ranks
from errata.store.issue_lists import ListEntry, ListKey
from errata.usecases.issue_lists import is_indexed, next_rows
from errata.usecases.search_terms import ValueTerm

# A read unit reads 8 KB if the read is not strongly consistent.
UNIT = 2 * 4096
_ROW_BYTES, _NUMBER_ROW_BYTES = 100, 900
# How many rows all projects together read at first, and how many one project reads at most at a
# time. `SPARSE`: terms leave most rows out. `READ`: lists by `first_seen`, which also read issues.
_FIRST, _MOST = 500, 100
_FIRST_SPARSE, _MOST_SPARSE = 3_000, 1_000
_FIRST_READ, _MOST_READ = 100, 50
_LEAST, _LEAST_READ = 10, 2

# What issues of several projects sort by, descending: value and index of the key, then project.
type MergeKey = tuple[int, bool, int, str]
_TOP: MergeKey = (10**16, True, 0, "")
BOTTOM: MergeKey = (-1, False, 0, "")


@dataclass(frozen=True, slots=True)
class Candidate:
    """An issue that may be shown: found in a row, or read already."""

    sorts_by: MergeKey
    key: ListKey
    row: ListEntry | None = None
    issue: Issue | None = None

    def shows(self, issue: Issue, *, rest: bool) -> bool:
        """Return whether the issue, as it is now, belongs where it was found.

        `rest`: it was found among the issues without rows.
        """
        if rest:
            return not issue.number
        return self.row is None or self.row.shows(issue, STATUSES)


@dataclass(slots=True)
class Lane:
    """The issues of one project, in the order of a list.

    Attributes:
        visible: what can match of the project.
        newest: matching issues were last seen before this time, in milliseconds.
        values: the query's terms about values, and the issues that had these.
        ids: the issues that can match; None if values and words do not narrow them.
        few: whether `ids` are few enough to be read at once.
        until: issues without rows were last seen before this time; 0 if there are none.
        rest: whether the lane now reads the issues without rows.
        held: what was found and not looked at yet.
        after, done: the key after which to continue, and whether the end is reached.
        looked_at, units: how many issues were found, and the read units that this has cost.
    """

    project: Project
    visible: Visible
    query: IssueQuery
    newest: int
    values: list[ValueTerm] = field(default_factory=list)
    ids: set[str] | None = None
    few: bool = False
    until: int = 0
    rest: bool = False
    held: deque[Candidate] = field(default_factory=deque)
    after: ListKey | None = None
    done: bool = False
    looked_at: int = 0
    units: float = 0
    _rows: int = 0
    _floor: MergeKey = _TOP

    @property
    def top(self) -> MergeKey:
        """The highest key that the next issue can have. `BOTTOM`: there is none."""
        if self.held:
            return self.held[0].sorts_by
        return BOTTOM if self.done else self._floor

    @property
    def has_rest(self) -> bool:
        """Whether issues without rows follow at the end of the list."""
        return bool(self.until) and not (self.few or is_indexed(self.query))

    def begin(self, at: AcrossStart, projects: int) -> None:
        """Start at a position of the list. `projects`: how many lanes share the first rows."""
        first, least = (_FIRST, _LEAST) if self.ids is None else (_FIRST_SPARSE, _LEAST)
        self.rest, self._floor = at.rest, _TOP
        if self._reads:
            first, least = _FIRST_READ, _LEAST_READ
        self._rows = max(least, min(self._most, first // projects))
        self.done = self.ids is not None and not self.ids
        if self.rest:
            self.done = not self.has_rest
            self.after = ListKey(self.until)
        elif self.query.sort == ranks.LAST_SEEN:
            self.after = ListKey(self.newest, index=True)
        if self._begun(at):
            self.after = self._key_in(at)

    def hold(self, issues: Iterable[Issue], at: AcrossStart) -> None:
        """Hold those of these issues that come after a start. No other issue can match."""
        keys = [(key_of(each, self.query.sort), each) for each in issues]
        for key, issue in sorted(keys, key=lambda each: each[0].sorts_by, reverse=True):
            self.looked_at += 1
            if not self._begun(at) or key.sorts_by < self._key_in(at).sorts_by:
                self.held.append(
                    self._seen_first(key, issue)
                    if self._reads
                    else Candidate(self._merge_key(key), key, issue=issue)
                )
        self.done = True

    def refill(self) -> None:
        """Read the next rows."""
        if self.rest:
            statuses = self.query.statuses
            chunk = issue_lists.from_index(self.visible, statuses, self.after, self._rows)
            found, stopped = chunk.found, chunk.stopped
        else:
            found, stopped = next_rows(self.visible, self.query, self.after, self._rows)
        self._rows = min(2 * self._rows, self._most)
        self.looked_at += len(found)
        size = _NUMBER_ROW_BYTES if self._reads else _ROW_BYTES
        self.units += max(0.5, len(found) * size / UNIT)
        wanted = [each for each in found if self.ids is None or each.key.issue_id in self.ids]
        self.held.extend(self._read(wanted) if self._reads else map(self._candidate, wanted))
        self.done = stopped is None
        self.after = stopped
        if stopped and not self._reads:
            self._floor = self._merge_key(stopped)

    # -------------------------------------------------------------- helpers

    @property
    def _number(self) -> int:
        return int(self.project.id)

    @property
    def _reads(self) -> bool:
        return self.query.sort == ranks.FIRST_SEEN and not self.rest

    @property
    def _most(self) -> int:
        if self._reads:
            return _MOST_READ
        return _MOST if self.ids is None else _MOST_SPARSE

    def _begun(self, at: AcrossStart) -> bool:
        return self._number in at.numbers if self._reads else bool(at.project)

    def _key_in(self, at: AcrossStart) -> ListKey:
        """Return the key in this project that corresponds to a start of the list."""
        mine = self._number
        if self._reads:
            return ListKey(at.numbers[mine])
        other = int(at.project)
        if mine == other:
            return ListKey(at.value, at.index, at.issue_id)
        # Of the same value, entries of the index come before rows, then higher project ids first.
        if mine > other:
            return ListKey(at.value, at.index)
        return ListKey(at.value + 1) if at.index else ListKey(at.value, index=True)

    def _merge_key(self, key: ListKey) -> MergeKey:
        return key.value, key.index, self._number, "" if key.index else key.issue_id

    def _candidate(self, row: ListEntry) -> Candidate:
        return Candidate(self._merge_key(row.key), row.key, row)

    def _read(self, rows: list[ListEntry]) -> Iterable[Candidate]:
        """Yield the issues of these rows in the order of their numbers, with first-seen times."""
        ids = (each.key.issue_id for each in rows)
        issues, _ = issue_lists.read(self.visible, ids, until=False)
        self.units += len(rows)
        for each in rows:
            if issue := issues.get(each.key.issue_id):
                yield self._seen_first(each.key, issue, each)

    def _seen_first(self, key: ListKey, issue: Issue, row: ListEntry | None = None) -> Candidate:
        # A higher number mostly means a later time. Where it does not, use the time before, so that
        # the lane stays sorted.
        seen = min(issue.first_seen, self._floor[0])
        self._floor = seen, False, self._number, ""
        return Candidate(self._floor, key, row, issue)


def key_of(issue: Issue, sort: str) -> ListKey:
    """Return the key of an issue in a list, as if it had been found in a row."""
    value = {
        ranks.FIRST_SEEN: lambda: issue.number,
        ranks.EVENTS: lambda: ranks.rank(issue.count),
        ranks.USERS: lambda: ranks.rank(estimate(issue.users)),
    }.get(sort, lambda: issue.ranked_at)()
    return ListKey(value, issue_id=issue.id)
