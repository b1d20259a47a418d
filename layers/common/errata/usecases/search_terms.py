"""Check whether the terms of a search hold for an issue."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from errata.errors import InvalidQueryError
from errata.models.buckets import DAY_MS, HOUR_MS
from errata.models.issue import OPEN, OPEN_STATUSES, REGRESSED, RESOLVED, Issue, short_name, trend
from errata.models.search_text import without_numbers
from errata.models.seen_values import RELEASE, SeenValues, short_value, tag_key
from errata.models.visible import Visible
from errata.protocol.issues import IssueQuery
from errata.protocol.query import (
    ASSIGNED,
    CHANGES,
    FIRST_RELEASE,
    FIRST_SEEN,
    IS,
    LAST_SEEN,
    REGRESSED_IN,
    RESOLVED_AFTER,
    TEXT,
    VALUES,
    Term,
    interval,
)
from errata.store.assignees import issues_of
from errata.store.values import OPENED, IssuesWithValue, issues_with
from errata.usecases import assignee_terms

# Bytes of value rows that one page reads, and at most 1 MB more.
_VALUE_BYTES = 1_500_000
# More than every time.
_END_MS = 10**15
# Keys whose values an issue itself counts.
_COUNTED: dict[str, Callable[[Issue], dict[str, int]]] = {
    "environment": lambda issue: issue.environments,
    "release": lambda issue: issue.releases,
    "server": lambda issue: issue.servers,
    FIRST_RELEASE: lambda issue: {issue.first_release: 1},
}
_CHANGES = {FIRST_RELEASE: OPENED, REGRESSED_IN: REGRESSED}
# Keys whose values are usually rare come first: they may leave nothing to look for.
_RAREST_FIRST = ("user.id", "user.email", "url", "transaction", "", "logger", "release", "server")


@dataclass(frozen=True, slots=True)
class ValueTerm:
    """A term about a value, and the issues that had it.

    `seen` has the time when each had it, by issue id. `complete`: no other issue can have had it.
    """

    term: Term
    seen: IssuesWithValue
    complete: bool

    @property
    def narrows(self) -> bool:
        """Whether only the issues in `seen` can match."""
        return self.complete and not self.term.negated

    def holds(self, issue: Issue) -> bool:
        """Return whether the term holds for an issue."""
        had = self.seen.at.get(issue.id, -1) >= issue.first_seen
        if not self.complete:
            had = had or self._is_counted(issue)
        lost = not (had or self.seen.complete or self.term.key in CHANGES)
        if lost and self.term.exact:
            # Look into the issue's filter, which is seldom wrong. Without it, nobody could search
            # for a value that so many issues have had.
            key, value = _key(self.term), short_value(self.term.value)
            had = SeenValues.unpack(issue.values, {}).has(key, value)
        return had != self.term.negated

    def _is_counted(self, issue: Issue) -> bool:
        names = _COUNTED[self.term.key](issue) if self.term.key in _COUNTED else {}
        if self.term.exact:
            return short_name(self.term.value) in names
        return any(map(self.term.matches, names))


@dataclass(frozen=True, slots=True)
class _OfAssignee(ValueTerm):
    """A term about assignees. An issue itself says who its assignee is."""

    is_asked: Callable[[str], bool]

    def holds(self, issue: Issue) -> bool:
        return self.is_asked(issue.assignee) != self.term.negated


def _of_assignee(visible: Visible, term: Term) -> ValueTerm:
    begin, is_asked = assignee_terms.asked(visible, term)
    seen = IssuesWithValue({}, complete=False, bytes=0)
    if not term.negated:
        seen = issues_of(visible, begin, is_asked, _VALUE_BYTES)
    return _OfAssignee(term, seen, seen.complete, is_asked)


def read_values(visible: Visible, terms: Iterable[Term], older: bool) -> list[ValueTerm]:
    """Return which issues had the values, or have the assignees, that the terms ask for.

    `older`: the project has issues of release 0.1.0, which counted names and had no value rows.

    Raises:
        InvalidQueryError: too many values match a term with `*`, or there is no such assignee.
    """
    terms = list(terms)
    asked = [each for each in terms if reads_values(each) and each.key != ASSIGNED]
    found = [_of_assignee(visible, each) for each in terms if each.key == ASSIGNED]
    left = _VALUE_BYTES - sum(each.seen.bytes for each in found)
    for term in sorted(asked, key=_rarity):
        seen = (
            _seen(visible, term, left) if left > 0 else IssuesWithValue({}, complete=False, bytes=0)
        )
        left -= seen.bytes
        counted = term.key in _COUNTED
        if not (seen.complete or term.exact or counted):
            raise InvalidQueryError(
                f"Too many values match {term}. Write more of the value before the *.",
                *(str(term), 0, len(str(term))),
            )
        found.append(ValueTerm(term, seen, seen.complete and not (older and counted)))
    return found


def reads_values(term: Term) -> bool:
    """Return whether value rows or assignee rows say for which issues a term holds."""
    return term.key in (*VALUES, *CHANGES, ASSIGNED) or bool(term.tag)


def _rarity(term: Term) -> int:
    key = "" if term.tag else term.key
    return _RAREST_FIRST.index(key) if key in _RAREST_FIRST else len(_RAREST_FIRST)


def _seen(visible: Visible, term: Term, most: int) -> IssuesWithValue:
    key, change = _key(term), _CHANGES.get(term.key, "")
    if not term.exact:
        return issues_with(visible, key, term.pieces[0], term.matches, most, change)
    stored = short_value(term.value)
    return issues_with(visible, key, f"{stored}#", lambda value: value == stored, most, change)


def _key(term: Term) -> str:
    if term.key in CHANGES:
        return RELEASE
    return tag_key(term.tag) if term.tag else term.key


# ------------------------------------------------------------------ what an issue itself says


def holds(term: Term, issue: Issue, now_ms: int) -> bool:
    """Return whether a term holds for an issue, if the issue itself decides it; else True."""
    match term.key:
        case "is":
            found = _is(term.value, issue, now_ms)
        case "level":
            # The level of the newest event, or one in the issue's filter. There are few levels, so
            # the filter is seldom wrong. Value rows of levels would have all issues of a project.
            found = issue.level == term.value
            found = found or SeenValues.unpack(issue.values, {}).has("level", term.value)
        case "first-seen" | "last-seen":
            first, last = interval(term, now_ms)
            seen = issue.first_seen if term.key == FIRST_SEEN else issue.last_seen
            found = first <= seen < last
        case "resolved-in" | "resolved-after":
            after = term.key == RESOLVED_AFTER
            here = issue.status == RESOLVED and bool(issue.resolved_after) == after
            found = here and bool(issue.resolved_in) and term.matches(issue.resolved_in)
        case _:
            return True
    return found != term.negated


def _is(state: str, issue: Issue, now_ms: int) -> bool:
    if state in (OPEN, "unresolved"):
        return issue.status in OPEN_STATUSES
    if state in ("assigned", "unassigned"):
        return bool(issue.assignee) == (state == "assigned")
    return issue.status == state or state in trend(issue, now_ms)


def narrowed(visible: Visible, query: IssueQuery) -> tuple[Visible, int]:
    """Return `visible` without issues that were last seen too long ago to match.

    Also returns the time before which matching issues were last seen, in milliseconds.
    """
    now_ms = visible.now_ms
    oldest, newest = visible.oldest_ms, _END_MS
    for term in query.terms:
        if term.negated:
            continue
        if term.key == LAST_SEEN:
            first, last = interval(term, now_ms)
            oldest, newest = max(oldest, first), min(newest, last)
        elif term.key == FIRST_SEEN:
            oldest = max(oldest, interval(term, now_ms)[0])
        elif term.key == IS and term.value == "new":
            oldest = max(oldest, now_ms - DAY_MS)
        elif term.key == IS and term.value == "rising":
            # Counts have whole minutes.
            oldest = max(oldest, now_ms - 2 * HOUR_MS)
        elif term.key == IS and term.value == "quiet":
            newest = min(newest, now_ms - DAY_MS + 1)
    return replace(visible, oldest_ms=oldest), newest


# ------------------------------------------------------------------ words


@dataclass(frozen=True, slots=True)
class SearchWords:
    """The words that must occur in an issue's text, and those that must not."""

    asked: Sequence[Term]
    refused: Sequence[Term]

    @classmethod
    def of(cls, terms: Iterable[Term]) -> "SearchWords":
        """Return the words among the terms of a query."""
        found = [each for each in terms if each.key == TEXT]
        return cls(
            [each for each in found if not each.negated], [each for each in found if each.negated]
        )

    def __bool__(self) -> bool:
        return bool(self.asked or self.refused)

    def may_hold(self, row: str) -> bool:
        """Return whether the words may hold for an issue whose number row has this text.

        Ignores numbers, because those in the text may have changed since it was stored.
        """
        text = without_numbers(row.casefold())
        return all(each.is_in(text) for each in self._asked_without_numbers)

    @property
    def _asked_without_numbers(self) -> list[Term]:
        return [
            replace(each, pieces=tuple(map(without_numbers, each.pieces))) for each in self.asked
        ]

    def decide(self, issue: Issue) -> bool | None:
        """Return whether the words hold, None if the issue's own texts do not decide it."""
        text = _own(issue)
        if any(each.is_in(text) for each in self.refused):
            return False
        if not self.refused and all(each.is_in(text) for each in self.asked):
            return True
        return None

    def hold(self, issue: Issue, row: str) -> bool:
        """Return whether the words hold for an issue whose number row has this text."""
        text = f"{_own(issue)}\n{row.casefold()}"
        refused = any(each.is_in(text) for each in self.refused)
        return not refused and all(each.is_in(text) for each in self.asked)


def _own(issue: Issue) -> str:
    texts = (issue.title, issue.culprit, issue.transaction, issue.logger)
    return "\n".join(texts).casefold()
