"""Search issues by what people know of them: values, words, times and states.

A search goes through the issues in parts, in one of three ways:

- `VALUE_ROWS`: the issues that had a rare value. They are read at once, as one part.
- `TEXTS`: the issues whose number rows have rare words. Parts are ranges of numbers, newest first.
- `LIST`: all issues of a status, in the order of the list. Value rows leave most of them out.

Each part is sorted, and every term is checked with the issue itself.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from errata.models.issue import OPEN, REGRESSED, Issue
from errata.models.visible import Visible
from errata.protocol.issues import (
    INDEX,
    LIST,
    TEXTS,
    VALUE_ROWS,
    IssueQuery,
    Position,
    SearchPosition,
)
from errata.store import issue_lists as store
from errata.store import numbers, ranks
from errata.store.issues import find_issues
from errata.store.items import BATCH_GET
from errata.usecases.issue_lists import look, sort_key
from errata.usecases.search_terms import Value, Words, holds, narrowed, read_values

# A read unit has 8 KB, if the read is not consistent.
_UNIT = 2 * 4096
# Issues that are read to be sorted at once. With words, each may cost two read units.
_FEW, _FEW_WITH_WORDS = 600, 300
# A page begins no further part when it has spent so many read units.
_ENOUGH_UNITS = 700
# How many rows of a list a part has: if value rows leave most of them out, and otherwise. Number
# rows have a text, so fewer are read.
_SPARSE, _SPARSE_NUMBERS, _DENSE = 1_000, 300, BATCH_GET
_ROW_BYTES, _NUMBER_ROW_BYTES = 100, 900
# More than every number.
_TOP = 10**10 - 1


@dataclass(slots=True)
class Found:
    """A page of a search.

    Attributes:
        issues: in the requested order.
        following: where the next page begins; None at the end.
        looked_at: how many issues the page has looked at.
        exhaustive: whether the order holds across all pages.
    """

    issues: list[Issue] = field(default_factory=list)
    following: SearchPosition | None = None
    looked_at: int = 0
    exhaustive: bool = True


@dataclass(slots=True)
class _Part:
    """A part of a search: its matches, and where the next part begins; None at the end."""

    issues: list[Issue]
    looked_at: int
    units: float
    following: Position | None = None


@dataclass(slots=True)
class _Texts:
    """Issues whose number rows may have the words: number, id and text of each, newest first."""

    found: list[tuple[int, str, str]]
    numbers: list[int]
    stopped: int
    units: float


def search(visible: Visible, query: IssueQuery, at: SearchPosition | None) -> Found:
    """Return a page of the issues that a query with terms asks for.

    Costs at most a thousand read units, if issues have their usual size. A page may be short or
    empty even if another one follows. No issue is twice on it.

    Raises:
        InvalidQueryError: too many values match a term with `*`.
    """
    if not query.statuses:
        return Found()
    within, newest = narrowed(visible, query)
    older = numbers.without_rows_until(within, numbers.counter_of(within))
    values = read_values(within, query.terms, bool(older))
    return _Search(within, query, values, Words.of(query.terms), older, newest).page(at)


@dataclass(slots=True)
class _Search:
    visible: Visible
    query: IssueQuery
    values: Sequence[Value]
    words: Words
    older: int
    newest: int
    texts: _Texts | None = None
    spent: float = 1

    def page(self, at: SearchPosition | None) -> Found:
        page, shown = Found(), set[str]()
        self.spent += sum(each.seen.bytes for each in self.values) / _UNIT
        at = self._begin(at)
        begun = at
        while True:
            part = self._read(at)
            self.spent += part.units
            page.looked_at += part.looked_at
            left = [each for each in part.issues if each.id not in shown]
            left.sort(key=self._sorts_by, reverse=True)
            if at.last:
                left = [each for each in left if self._sorts_by(each) < at.last]
            room = self.query.limit - len(page.issues)
            page.issues += left[:room]
            shown |= {each.id for each in left[:room]}
            if len(left) > room:
                last = self._sorts_by(page.issues[-1]) if room else at.last
                page.following = replace(at, last=last)
                break
            if not part.following:
                page.following = None
                break
            at = page.following = SearchPosition(at.kind, part.following)
            if len(page.issues) == self.query.limit or self.spent >= _ENOUGH_UNITS:
                break
        in_parts = begun.kind == TEXTS and self.query.sort != ranks.FIRST_SEEN
        page.exhaustive = not in_parts or not (begun.start or at.start or part.following)
        return page

    def _sorts_by(self, issue: Issue) -> tuple[int, str]:
        return sort_key(issue, self.query.sort)

    def _begin(self, at: SearchPosition | None) -> SearchPosition:
        """Return where the page begins. A search goes on in its way, if that is possible."""
        few = _FEW_WITH_WORDS if self.words else _FEW
        ids = self._ids()
        if at is None or at.kind == VALUE_ROWS:
            if ids is not None and len(ids) <= few:
                return at or SearchPosition(VALUE_ROWS)
            at = None
        if at is None and self.words.asked and not self.older:
            self.texts = self._may_match(None)
            if len(self.texts.found) <= _FEW_WITH_WORDS:
                return SearchPosition(TEXTS)
            self.spent += self.texts.units
        return at or SearchPosition(LIST)

    def _ids(self) -> set[str] | None:
        """Return the ids of all issues that can match, None if the values do not say so."""
        some = [set(each.seen.at) for each in self.values if each.narrows]
        return set.intersection(*some) if some else None

    def _read(self, at: SearchPosition) -> _Part:
        match at.kind:
            case "values":
                ids = self._ids() or set()
                found, units = self._matching(find_issues(self.visible, sorted(ids)))
                return _Part(found, len(ids), len(ids) + units)
            case "texts":
                return self._of_texts(at.start)
        return self._of_list(at.start)

    # -------------------------------------------------------------- parts by number

    def _of_texts(self, start: Position | None) -> _Part:
        texts = self.texts or self._may_match(start)
        self.texts = None
        some, stopped = texts.found, texts.stopped
        if len(some) > _FEW_WITH_WORDS:
            some = some[:_FEW_WITH_WORDS]
            stopped = some[-1][0]
        rows = {issue_id: row for _, issue_id, row in some}
        issues = find_issues(self.visible, rows)
        found = [each for each in self._checked(issues) if self.words.hold(each, rows[each.id])]
        looked_at = sum(number >= stopped for number in texts.numbers)
        following = Position(stopped) if stopped else None
        return _Part(found, looked_at, texts.units + len(rows), following)

    def _may_match(self, start: Position | None) -> _Texts:
        """Return issues with a number below `start` whose number rows may have the words."""
        before = min(start.value, _TOP) if start else _TOP
        asked = {OPEN if each == REGRESSED else each for each in self.query.statuses}
        parts = [store.texts(self.visible, each, before) for each in ranks.LISTED if each in asked]
        stopped = max(each.stopped for each in parts)
        rows = sorted(
            (row for part in parts for row in part.found if row[0] >= stopped), reverse=True
        )
        ids = self._ids()
        return _Texts(
            [row for row in rows if (ids is None or row[1] in ids) and self.words.may_hold(row[2])],
            [number for number, _, _ in rows],
            stopped,
            sum(each.bytes for each in parts) / _UNIT,
        )

    # -------------------------------------------------------------- parts of a list

    def _of_list(self, start: Position | None) -> _Part:
        ids = self._ids()
        by_number = self.query.sort == ranks.FIRST_SEEN
        sparse = _SPARSE_NUMBERS if by_number else _SPARSE
        rows = _DENSE if ids is None else sparse
        if start is None and self.query.sort == ranks.LAST_SEEN:
            start = Position(self.newest, part=INDEX)

        def wanted(issue_id: str) -> bool:
            return ids is None or issue_id in ids

        looked = look(self.visible, self.query, start, wanted, rows, self.older)
        found, units = self._matching(looked.issues)
        read = looked.number * (_NUMBER_ROW_BYTES if by_number else _ROW_BYTES) / _UNIT
        return _Part(found, looked.number, looked.read + read + units, looked.following)

    # -------------------------------------------------------------- terms

    def _checked(self, issues: Iterable[Issue]) -> list[Issue]:
        """Return the issues for which all terms but words hold."""
        now_ms, asked = self.visible.now_ms, self.query.statuses
        return [
            issue
            for issue in issues
            if issue.status in asked
            and all(holds(term, issue, now_ms) for term in self.query.terms)
            and all(value.holds(issue) for value in self.values)
        ]

    def _matching(self, issues: Iterable[Issue]) -> tuple[list[Issue], int]:
        """Return the issues for which all terms hold, and the read units that this has cost."""
        found = self._checked(issues)
        if not self.words:
            return found, 0
        verdicts = {each.id: self.words.verdict(each) for each in found}
        unclear = [each for each in found if verdicts[each.id] is None]
        rows = store.texts_of(self.visible, unclear)
        matching = [
            each
            for each in found
            if verdicts[each.id]
            or (verdicts[each.id] is None and self.words.hold(each, rows.get(each.id, "")))
        ]
        return matching, len(unclear)
