"""Queries for lists of issues, and the cursors of the lists of issues and releases."""

import base64
import binascii
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from errata.errors import InvalidInputError
from errata.models.issue import IGNORED, OPEN, OPEN_STATUSES, REGRESSED, RESOLVED, STATUSES
from errata.protocol.query import IS, RESOLUTIONS, TEXT, Term, parse_terms, query_text

SORTS = ("last_seen", "first_seen", "count", "users")
# Rising issues first, then the others, most recently seen first. No list has this order: only a
# search in one project does.
RISING = "rising"
ORDERS = (*SORTS, RISING)
DEFAULT_LIMIT = 50
# "open" includes regressed issues.
ASKED_STATUSES = (*STATUSES, "all")
# The id of an issue, or the hash of a release.
_ID = re.compile(r"[0-9a-f]{24}|[0-9a-f]{32}")
_RELEASES = "releases"
_MOST = 10**15
# Where a page of a list by status ended: in the index by_last_seen, in rows, or among the issues
# that have no rows.
INDEX, ROWS, REST = "", "rows", "rest"
# How a search goes through the issues: those that have a value, those that have a word, or a list.
VALUE_ROWS, TEXTS, LIST = KINDS = ("values", "texts", "list")


@dataclass(frozen=True, slots=True)
class IssueQuery:
    """Which issues to show, and in which order. All sort orders are descending.

    `status` is one of `ASKED_STATUSES`, and `terms` are the other conditions. `read_query` makes
    both of the text of a query.
    """

    status: str = "open"
    terms: tuple[Term, ...] = ()
    sort: str = "last_seen"
    cursor: str | None = None
    limit: int = DEFAULT_LIMIT

    @property
    def is_search(self) -> bool:
        """Whether no list has these issues in this order."""
        return bool(self.terms) or self.sort == RISING

    @property
    def statuses(self) -> tuple[str, ...]:
        """The statuses that the query asks for. There may be none."""
        asked = {"all": STATUSES, OPEN: OPEN_STATUSES}.get(self.status, (self.status,))
        return tuple(each for each in asked if _allows(self.terms, each))


@dataclass(frozen=True, slots=True)
class ListStart:
    """Where a page of a list starts: after the issue that sorts by `value` and `issue_id`.

    `source` is one of `INDEX`, `ROWS` and `REST` in a list that is filtered by status only.

    If there are too many releases to read at once, a list covers one range of hashes at a time:
    from `start` (exclusive) to `end` (inclusive). `issue_id` is "" at the beginning of a range.
    """

    value: int = 0
    issue_id: str = ""
    start: str = ""
    end: str = ""
    source: str = INDEX


@dataclass(frozen=True, slots=True)
class SearchStart:
    """Where a page of a search starts. A search goes through the issues in parts.

    Attributes:
        kind: how the parts are made, one of `KINDS`.
        start: where the part begins; None for the first one. In `TEXTS`, it has a number only.
        last: the sort value and the id of the last issue of the page before; None at the beginning
            of a part.
    """

    kind: str
    start: ListStart | None = None
    last: tuple[int, str] | None = None


def read_query(
    text: str, sort: str = "last_seen", cursor: str | None = None, limit: int = DEFAULT_LIMIT
) -> IssueQuery:
    """Return the query with this text. Without `is:`, it asks for issues of all statuses.

    Raises:
        InvalidQueryError: the text is not a query.
    """
    terms = parse_terms(text)
    asked = {each for each in STATUSES if _allows(terms, each)}
    status = next(status for status, listed in _LISTS.items() if asked <= listed)
    if asked == _LISTS[status]:
        terms = tuple(each for each in terms if not _of_status(each))
    return IssueQuery(status, terms, sort, cursor, limit)


# All lists, with the statuses of their issues. The smallest ones come first.
_LISTS = {
    **{each: {each} for each in (REGRESSED, RESOLVED, IGNORED)},
    OPEN: set(OPEN_STATUSES),
    "all": set(STATUSES),
}


def _of_status(term: Term) -> bool:
    return term.key == IS and (term.value in STATUSES or term.value == "unresolved")


def _allows(terms: Sequence[Term], status: str) -> bool:
    """Return whether the terms allow a status."""
    if status != RESOLVED and any(each.key in RESOLUTIONS and not each.negated for each in terms):
        return False
    return all(
        (status in (OPEN_STATUSES if each.value in (OPEN, "unresolved") else (each.value,)))
        != each.negated
        for each in terms
        if _of_status(each)
    )


def translated(
    status: str = "open", environment: str = "", release: str = "", level: str = "", text: str = ""
) -> str:
    """Return the text of the query for the filters of old links, from before there was a query."""
    texts = {"environment": environment, "release": release, "level": level, TEXT: text.strip()}
    terms = [Term(IS, (status,))] if status != "all" else []
    terms += [Term(key, (value,)) for key, value in texts.items() if value]
    return query_text(terms)


def start_of(query: IssueQuery) -> ListStart | SearchStart | None:
    """Validate a query and return where its page starts; None for the first page.

    A search has a `SearchStart`, other queries a `ListStart`.

    Raises:
        InvalidInputError: a part of the query is invalid. Names every invalid part.
    """
    errors: dict[str, list[str]] = {}
    if query.status not in ASKED_STATUSES:
        errors["status"] = [f"The status must be one of {', '.join(ASKED_STATUSES)}."]
    if query.sort not in ORDERS:
        errors["sort"] = [f"The sort must be one of {', '.join(ORDERS)}."]
    if query.limit < 1:
        errors["limit"] = ["The limit must be at least 1."]
    found: ListStart | SearchStart | None = None
    if query.cursor and query.is_search:
        found = _from_search_cursor(query.cursor, query.sort)
    elif query.cursor:
        found = _from_cursor(query.cursor, query.sort)
    if query.cursor and found is None:
        errors["cursor"] = ["The cursor is invalid. Start again from the first page."]
    if errors:
        raise InvalidInputError(errors)
    return found


def to_cursor(sort: str, at: ListStart) -> str:
    """Return the cursor of the page that starts at `at`."""
    content = [sort, at.value, at.issue_id, at.start, at.end]
    return _encoded([*content, at.source] if at.source else content)


def to_search_cursor(sort: str, at: SearchStart) -> str:
    """Return the cursor of the page of a search that starts at `at`."""
    start = at.start and [at.start.value, at.start.issue_id, at.start.source]
    return _encoded([sort, at.kind, start, at.last and list(at.last)])


def _encoded(content: list[Any]) -> str:
    text = json.dumps(content, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode()


def to_release_cursor(at: ListStart) -> str:
    """Return the cursor of a page of releases. `issue_id` is the hash of a release."""
    return to_cursor(_RELEASES, at)


def release_start(cursor: str | None) -> ListStart:
    """Return where the page of releases with this cursor starts.

    Raises:
        InvalidInputError: the cursor is invalid.
    """
    found = _from_cursor(cursor, _RELEASES) if cursor else ListStart()
    if found is None:
        raise InvalidInputError(
            {"cursor": ["The cursor is invalid. Start again from the first page."]}
        )
    return found


def _from_search_cursor(cursor: str, sort: str) -> SearchStart | None:
    match _decoded(cursor):
        case [str() as by, str() as kind, start, last] if by == sort and kind in KINDS:
            begun, shown = _list_start(start), _last(last)
            if (start is None or begun) and (last is None or shown):
                return SearchStart(kind, begun, shown)
    return None


def _list_start(content: Any) -> ListStart | None:
    match content:
        case [value, str() as issue_id, str() as source] if source in (INDEX, ROWS, REST):
            return ListStart(value, issue_id, source=source) if _is_valid(value, issue_id) else None
    return None


def _last(content: Any) -> tuple[int, str] | None:
    match content:
        case [value, str() as issue_id] if _is_valid(value, issue_id):
            return value, issue_id
    return None


def _is_valid(value: object, issue_id: str) -> bool:
    return (
        type(value) is int
        and 0 <= value < _MOST
        and (not issue_id or bool(_ID.fullmatch(issue_id)))
    )


def _from_cursor(cursor: str, sort: str) -> ListStart | None:
    content = _decoded(cursor)
    match content:
        case [
            str() as sorted_by,
            value,
            str() as issue_id,
            str() as start,
            str() as end,
            *source,
        ] if (
            sorted_by == sort
            and (not end or start < end)
            and _is_valid(value, issue_id)
            and all(not each or _ID.fullmatch(each) for each in (start, end))
            and source in ([], [ROWS], [REST])
        ):
            return ListStart(value, issue_id, start, end, *source)
    return None


def _decoded(cursor: str) -> Any:
    try:
        return json.loads(base64.b64decode(cursor, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return None
