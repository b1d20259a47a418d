"""Search issues by what people know of them: values, words, times and states.

A search goes through the issues in parts, in one of three ways:

- `VALUE_ROWS`: the issues that had a rare value. They are one part, unless their rows are so large
  that reading them all would cost too much. Then parts are ranges of ids.
- `TEXTS`: the issues whose number rows have rare words. Parts are ranges of numbers, newest first.
- `LIST`: all issues of a status, in the order of the list. Value rows rule many out unread.

Each part is sorted, and every term is checked with the issue itself. If rising issues come first,
the first part of a list has all issues that were seen within an hour: no other can be rising.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from errata.models.buckets import HOUR_MS
from errata.models.issue import OPEN, RANK_LAG_MS, REGRESSED, Issue
from errata.models.visible import Visible
from errata.protocol.issues import (
    INDEX,
    LIST,
    RISING,
    TEXTS,
    VALUE_ROWS,
    IssueQuery,
    ListStart,
    SearchStart,
)
from errata.store import issue_lists, numbers, ranks
from errata.store.issue_lists import MergedMember
from errata.store.issues import find_issues
from errata.store.items import BATCH_GET
from errata.usecases.issue_lists import look, sort_key
from errata.usecases.merged import with_members
from errata.usecases.search_terms import SearchWords, ValueTerm, holds, narrowed, read_values

# A read unit reads 8 KB if the read is not strongly consistent.
_UNIT = 2 * 4096
# Bytes of an issue's row beside its texts, names and filters; of a name and its number.
_ISSUE_BYTES, _NAME_BYTES = 1_500, 10
# The most issues that are read and sorted as one part. With words, each may cost two read units.
_FEW, _FEW_WITH_WORDS = 600, 300
# The most members that are read for a part, to add up the numbers of their heads.
_MOST_MEMBERS = 300
# A page begins no further part at the first number of read units, or if it may exceed the second.
_ENOUGH_UNITS, _MOST_UNITS = 700, 1_000
# A part reads no more issues when the page has spent about this many read units.
_MOST_OF_ISSUES = 900
# How many rows of a list a part has: if value rows leave most of them out, and otherwise. Number
# rows have a text, so fewer are read.
_SPARSE, _SPARSE_NUMBERS, _DENSE = 1_000, 300, BATCH_GET
_ROW_BYTES, _NUMBER_ROW_BYTES = 100, 900
# More than every number.
_TOP = 10**10 - 1


@dataclass(slots=True)
class SearchPage:
    """A page of a search.

    Attributes:
        issues: in the requested order.
        following: where the next page begins; None at the end.
        looked_at: how many issues the page has looked at.
        exhaustive: whether the order holds across all pages.
    """

    issues: list[Issue] = field(default_factory=list)
    following: SearchStart | None = None
    looked_at: int = 0
    exhaustive: bool = True


@dataclass(slots=True)
class _Matches:
    """The matches in a part of a search, and where the next part begins; None at the end."""

    issues: list[Issue]
    looked_at: int
    units: float
    following: ListStart | None = None


@dataclass(slots=True)
class _Texts:
    """Issues whose number rows may have the words: number, id and text of each, newest first.

    `numbers` has those of all rows that were looked at; `stopped` is the last one, 0 at the end.
    """

    found: list[tuple[int, str, str]]
    numbers: list[int]
    stopped: int
    units: float


def search(visible: Visible, query: IssueQuery, at: SearchStart | None) -> SearchPage:
    """Return a page of the issues that a query with terms asks for.

    Costs at most about a thousand read units. A page may be short or empty even if another one
    follows. No issue is twice on it.

    Raises:
        InvalidQueryError: too many values match a term with `*`.
    """
    if not query.statuses:
        return SearchPage()
    within, newest = narrowed(visible, query)
    counter = numbers.counter_of(within)
    older = numbers.without_rows_until(within, counter)
    values = read_values(within, query.terms, bool(older))
    members, read = issue_lists.merged(within) if numbers.has_merged(within, counter) else ([], 0)
    for value in values:
        for each in members:
            if each.issue_id in value.seen.at:
                at_ms = value.seen.at.pop(each.issue_id)
                value.seen.at[each.head_id] = max(at_ms, value.seen.at.get(each.head_id, 0))
    words = SearchWords.of(query.terms)
    search = _Search(within, query, values, words, older, newest, members, spent=1 + read / _UNIT)
    return search.page(at)


@dataclass(slots=True)
class _Search:
    visible: Visible
    query: IssueQuery
    values: Sequence[ValueTerm]
    words: SearchWords
    older: int
    newest: int
    members: Sequence[MergedMember] = ()
    texts: _Texts | None = None
    spent: float = 1

    def page(self, at: SearchStart | None) -> SearchPage:
        page, shown = SearchPage(), set[str]()
        self.spent += sum(each.seen.bytes for each in self.values) / _UNIT
        at = self._begin(at)
        begun = at
        while True:
            matches = self._read(at)
            self.spent += matches.units
            page.looked_at += matches.looked_at
            left = [each for each in matches.issues if each.id not in shown]
            left.sort(key=self._sorts_by, reverse=True)
            if at.last:
                left = [each for each in left if self._sorts_by(each) < at.last]
            missing = self.query.limit - len(page.issues)
            page.issues += left[:missing]
            shown |= {each.id for each in left[:missing]}
            if len(left) > missing:
                last = self._sorts_by(page.issues[-1]) if missing else at.last
                page.following = replace(at, last=last)
                break
            if not matches.following:
                page.following = None
                break
            at = page.following = SearchStart(at.kind, matches.following)
            # Assume that the next part costs as much as this one.
            enough = self.spent >= _ENOUGH_UNITS or self.spent + matches.units > _MOST_UNITS
            if enough or len(page.issues) == self.query.limit:
                break
        by_number = begun.kind == TEXTS and self.query.sort == ranks.FIRST_SEEN
        in_parts = begun.kind != LIST and not by_number
        page.exhaustive = not in_parts or not (begun.start or at.start or matches.following)
        if at.kind == LIST and self._may_rise(matches.following):
            page.exhaustive = False
        return page

    def _sorts_by(self, issue: Issue) -> tuple[int, str]:
        return sort_key(issue, self.query.sort, self.visible.now_ms)

    def _begin(self, at: SearchStart | None) -> SearchStart:
        """Return where the page begins. Later pages of a search read rows of the same kind."""
        few = _FEW_WITH_WORDS if self.words else _FEW
        ids = self._ids()
        if at is None or at.kind == VALUE_ROWS:
            # Later pages do as the first one, even if events have added issues since.
            if ids is not None and (at or len(ids) <= few):
                return at or SearchStart(VALUE_ROWS)
            at = None
        if at is None and self.words.asked and not self.older:
            self.texts = self._may_match(None)
            if len(self.texts.found) <= _FEW_WITH_WORDS:
                return SearchStart(TEXTS)
            self.spent += self.texts.units
        return at or SearchStart(LIST)

    def _ids(self) -> set[str] | None:
        """Return the ids of all issues that can match, None if values do not narrow them."""
        some = [set(each.seen.at) for each in self.values if each.narrows]
        return set.intersection(*some) if some else None

    def _read(self, at: SearchStart) -> _Matches:
        match at.kind:
            case "values":
                return self._of_values(at.start)
            case "texts":
                return self._of_texts(at.start)
        return self._of_list(at.start)

    def _of_values(self, start: ListStart | None) -> _Matches:
        after = start.issue_id if start else ""
        ids = sorted(each for each in self._ids() or () if each > after)
        issues, looked_at, units = self._read_some(ids)
        found, more = self._matching(issues)
        stopped = ids[looked_at - 1] if looked_at < len(ids) else ""
        following = ListStart(0, stopped) if stopped else None
        return _Matches(found, looked_at, units + more, following)

    def _read_some(self, ids: Sequence[str], spent: float = 0) -> tuple[list[Issue], int, int]:
        """Read issues, fewer than all if they cost too much because their rows are large.

        `spent`: what the part has cost so far. Also returns how many ids were looked at, and the
        read units.
        """
        found: list[Issue] = []
        looked_at = units = 0
        size = BATCH_GET
        while size >= 1 and looked_at < len(ids):
            some = ids[looked_at : looked_at + size]
            read = find_issues(self.visible, some)
            units += len(some) - len(read) + sum(map(_units_of, read))
            units += sum(len(each.members) for each in read)
            found += with_members(self.visible, read, _MOST_MEMBERS)
            looked_at += len(some)
            # Words may cost as many units as there are issues.
            cost = units + (len(found) if self.words else 0)
            # Assume that the next ones are as large as those so far.
            left = _MOST_OF_ISSUES - self.spent - spent - cost
            size = min(BATCH_GET, int(left * looked_at / cost))
        return found, looked_at, units

    # -------------------------------------------------------------- parts by number

    def _of_texts(self, start: ListStart | None) -> _Matches:
        texts = self.texts or self._may_match(start)
        self.texts = None
        some, stopped = texts.found, texts.stopped
        last_id = ""
        if len(some) > _FEW_WITH_WORDS:
            some = some[:_FEW_WITH_WORDS]
            stopped, last_id, _ = some[-1]
        rows = {issue_id: row for _, issue_id, row in some}
        for issue_id, row in self._words_of_members().items():
            if issue_id in rows:
                rows[issue_id] += f" {row}"
        issues, read, units = self._read_some(list(rows), texts.units)
        if read < len(rows):
            last_id = list(rows)[read - 1]
            stopped = next(n for n, each, _ in some if each == last_id)
        found = [each for each in self._checked(issues) if self.words.hold(each, rows[each.id])]
        looked_at = sum(number >= stopped for number in texts.numbers)
        # Heads that were found by their members have the number `_TOP` here, so continue by id.
        following = ListStart(stopped, last_id if stopped == _TOP else "") if stopped else None
        return _Matches(found, looked_at, texts.units + units, following)

    def _may_match(self, start: ListStart | None) -> _Texts:
        """Return issues with a number below `start` whose number rows may have the words."""
        before = min(start.value, _TOP) if start else _TOP
        asked = {OPEN if each == REGRESSED else each for each in self.query.statuses}
        texts = [
            issue_lists.texts(self.visible, each, before) for each in ranks.LISTED if each in asked
        ]
        stopped = max(each.stopped for each in texts)
        rows = sorted(
            (row for each in texts for row in each.found if row[0] >= stopped), reverse=True
        )
        ids = self._ids()
        after = start.issue_id if start else ""
        of_members = self._by_members(after) if start is None or after else []
        heads = {each for _, each, _ in self._by_members()}
        # The first part has these heads, whether or not their own words match.
        rows_of = [row for row in rows if row[1] not in heads and self.words.may_hold(row[2])]
        return _Texts(
            [row for row in of_members + rows_of if ids is None or row[1] in ids],
            [number for number, _, _ in rows],
            stopped,
            sum(each.bytes for each in texts) / _UNIT,
        )

    def _by_members(self, after: str = "") -> list[tuple[int, str, str]]:
        """Return heads after an id, with the text of a member that may match, and number `_TOP`."""
        some = [e for e in self.members if e.head_id > after and self.words.may_hold(e.text)]
        return [(_TOP, e.head_id, e.text) for e in sorted(some, key=lambda e: e.head_id)]

    def _words_of_members(self) -> dict[str, str]:
        words = defaultdict(list)
        for each in self.members:
            words[each.head_id].append(each.text)
        return {head_id: " ".join(some) for head_id, some in words.items()}

    # -------------------------------------------------------------- parts of a list

    def _of_list(self, start: ListStart | None) -> _Matches:
        """Return a part of a list. If rising issues come first, it has all of these that it can."""
        part = self._some_of_list(start)
        while self._may_rise(part.following) and part.units < _ENOUGH_UNITS:
            more = self._some_of_list(part.following)
            # An issue may move between the two reads.
            issues = {each.id: each for each in (*part.issues, *more.issues)}
            part = _Matches(
                list(issues.values()),
                part.looked_at + more.looked_at,
                part.units + more.units,
                more.following,
            )
        return part

    def _may_rise(self, start: ListStart | None) -> bool:
        """Return whether rising issues may follow, in a list that has them first."""
        since = self.visible.now_ms - HOUR_MS - RANK_LAG_MS
        return self.query.sort == RISING and start is not None and start.value >= since

    def _some_of_list(self, start: ListStart | None) -> _Matches:
        ids = self._ids()
        by_number = self.query.sort == ranks.FIRST_SEEN
        sparse = _SPARSE_NUMBERS if by_number else _SPARSE
        rows = _DENSE if ids is None else sparse
        listed = self.query
        if listed.sort == RISING:
            listed = replace(listed, sort=ranks.LAST_SEEN)
        if start is None and listed.sort == ranks.LAST_SEEN:
            start = ListStart(self.newest, source=INDEX)

        def wanted(issue_id: str) -> bool:
            return ids is None or issue_id in ids

        looked = look(self.visible, listed, start, wanted, rows, self.older)
        issues = with_members(self.visible, looked.issues, _MOST_MEMBERS)
        found, units = self._matching(issues)
        units += sum(len(each.members) for each in issues)
        read = looked.number * (_NUMBER_ROW_BYTES if by_number else _ROW_BYTES) / _UNIT
        read += looked.read - len(looked.issues) + sum(map(_units_of, looked.issues))
        return _Matches(found, looked.number, read + units, looked.following)

    # -------------------------------------------------------------- terms

    def _checked(self, issues: Iterable[Issue]) -> list[Issue]:
        """Return the issues for which all terms but words hold."""
        return [each for each in issues if satisfies(self.visible, self.query, self.values, each)]

    def _matching(self, issues: Iterable[Issue]) -> tuple[list[Issue], int]:
        """Return the issues for which all terms hold, and the read units that this has cost."""
        found = [(self.visible, each) for each in self._checked(issues)]
        matching, units = with_words(self.words, found, self._words_of_members())
        return [issue for _, issue in matching], units


def _units_of(issue: Issue) -> int:
    """Return an estimate of the read units that an issue's row costs, rather too high."""
    names = (*issue.environments, *issue.releases, *issue.servers)
    texts = (
        *(issue.fingerprint, issue.title, issue.culprit, issue.exception_class),
        *(issue.transaction, issue.logger, issue.first_release, issue.last_release),
    )
    size = _ISSUE_BYTES + len(issue.values) + len(issue.users) + _NAME_BYTES * len(names)
    return math.ceil((size + sum(len(each.encode()) for each in (*names, *texts))) / 4096)


def satisfies(
    visible: Visible, query: IssueQuery, values: Iterable[ValueTerm], issue: Issue
) -> bool:
    """Return whether an issue has a status that a query asks for, and all terms but words hold."""
    return (
        issue.status in query.statuses
        and all(holds(term, issue, visible.now_ms) for term in query.terms)
        and all(value.holds(issue) for value in values)
    )


def with_words(
    words: SearchWords,
    found: Sequence[tuple[Visible, Issue]],
    of_members: Mapping[str, str] | None = None,
) -> tuple[list[tuple[Visible, Issue]], int]:
    """Return the issues for which the words hold, and the read units that this has cost.

    `of_members` has the words of merged issues by the id of their head.
    """
    if not words:
        return list(found), 0
    decisions = [words.decide(issue) for _, issue in found]
    unclear = [each for each, holds_ in zip(found, decisions, strict=True) if holds_ is None]
    rows = issue_lists.texts_of(unclear)
    for visible, issue in unclear:
        name = visible.project_id, issue.id
        rows[name] = f"{rows.get(name, '')} {(of_members or {}).get(issue.id, '')}"
    matching = [
        (visible, issue)
        for (visible, issue), holds_ in zip(found, decisions, strict=True)
        if holds_ or (holds_ is None and words.hold(issue, rows[visible.project_id, issue.id]))
    ]
    return matching, len(unclear)
