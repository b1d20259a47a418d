"""Queries for the list of issues, and the cursors of the lists of issues and releases."""

import base64
import binascii
import json
import re
from dataclasses import dataclass

from errata.errors import InvalidInputError
from errata.models.issue import STATUSES
from errata.protocol.read import LEVELS

SORTS = ("last_seen", "first_seen", "count", "users")
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


@dataclass(frozen=True, slots=True)
class IssueQuery:
    """Which issues to show, and in which order. None and "" mean no filter.

    `text` is searched in title, culprit, transaction and logger, ignoring case. All sort orders
    are descending.
    """

    status: str = "open"
    environment: str | None = None
    release: str | None = None
    level: str | None = None
    text: str | None = None
    sort: str = "last_seen"
    cursor: str | None = None
    limit: int = DEFAULT_LIMIT

    @property
    def narrow(self) -> bool:
        """Whether the query has a filter other than the status."""
        return bool(self.environment or self.release or self.level or self.text)


@dataclass(frozen=True, slots=True)
class Position:
    """The end of a page: its last issue, which sorts by `value` and `issue_id`.

    `part` is one of `INDEX`, `ROWS` and `REST` in a list that is filtered by status only.

    If there are too many issues to search at once, the search covers one range of ids at a time:
    from `start` (exclusive) to `end` (inclusive). `issue_id` is "" at the beginning of a range.
    """

    value: int = 0
    issue_id: str = ""
    start: str = ""
    end: str = ""
    part: str = INDEX


def position(query: IssueQuery) -> Position | None:
    """Validate a query and return the position to continue from; None for the first page.

    Raises:
        InvalidInputError: a part of the query is invalid. Names every invalid part.
    """
    errors: dict[str, list[str]] = {}
    if query.status not in ASKED_STATUSES:
        errors["status"] = [f"The status must be one of {', '.join(ASKED_STATUSES)}."]
    if query.level and query.level not in LEVELS:
        errors["level"] = ["The level filter must be error, warning, info or debug."]
    if query.sort not in SORTS:
        errors["sort"] = [f"The sort must be one of {', '.join(SORTS)}."]
    if query.limit < 1:
        errors["limit"] = ["The limit must be at least 1."]
    found = _from_cursor(query.cursor, query.sort) if query.cursor else None
    if query.cursor and found is None:
        errors["cursor"] = ["The cursor is invalid. Start again from the first page."]
    if errors:
        raise InvalidInputError(errors)
    return found


def to_cursor(sort: str, at: Position) -> str:
    """Return the cursor of the page that starts after a position."""
    place = [sort, at.value, at.issue_id, at.start, at.end]
    text = json.dumps([*place, at.part] if at.part else place, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode()


def to_release_cursor(at: Position) -> str:
    """Return the cursor of a page of releases. `issue_id` is the hash of a release."""
    return to_cursor(_RELEASES, at)


def release_position(cursor: str | None) -> Position:
    """Return the position from which the list of releases continues.

    Raises:
        InvalidInputError: the cursor is invalid.
    """
    found = _from_cursor(cursor, _RELEASES) if cursor else Position()
    if found is None:
        raise InvalidInputError(
            {"cursor": ["The cursor is invalid. Start again from the first page."]}
        )
    return found


def _from_cursor(cursor: str, sort: str) -> Position | None:
    try:
        content = json.loads(base64.b64decode(cursor, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return None
    match content:
        case [str() as sorted_by, int() as value, str(), str() as start, str() as end, *part] if (
            sorted_by == sort
            and (not end or start < end)
            and type(value) is int
            and 0 <= value < _MOST
            and all(not each or _ID.fullmatch(each) for each in content[2:5])
            and part in ([], [ROWS], [REST])
        ):
            return Position(*content[1:])
    return None
