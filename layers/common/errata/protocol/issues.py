"""What somebody asks of the list of issues, and the cursors of its pages."""

import base64
import binascii
import json
import re
from dataclasses import dataclass

from errata.errors import Invalid
from errata.models.issue import STATUSES
from errata.protocol.read import LEVELS

SORTS = ("last_seen", "first_seen", "count")
DEFAULT_LIMIT = 50
# "open" asks for what is open: regressed issues, too.
ASKED_STATUSES = (*STATUSES, "all")
# Of an issue, or the hash of a release.
_ID = re.compile(r"[0-9a-f]{24}|[0-9a-f]{32}")
_RELEASES = "releases"
_MOST = 10**15


@dataclass(frozen=True, slots=True)
class IssueQuery:
    """Which issues to show, in which order; None and "" where nothing was asked.

    `text` is looked for in title and culprit, in any case. All sorts begin with the greatest.
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
        """Whether more is asked for than a status."""
        return bool(self.environment or self.release or self.level or self.text)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page ended: behind the issue that sorts by `value` and `issue_id`.

    Where there are too many issues to look through all at once, the next page goes on among those
    with ids above `start`, up to `end`; without an `issue_id` at their beginning.
    """

    value: int = 0
    issue_id: str = ""
    start: str = ""
    end: str = ""


def position(query: IssueQuery) -> Position | None:
    """Where to go on; None for the first page.

    Raises:
        Invalid: names everything in the query that is not as it must be.
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
        errors["cursor"] = ["The cursor is not one of this list."]
    if errors:
        raise Invalid(errors)
    return found


def to_cursor(sort: str, at: Position) -> str:
    """The cursor of the page that begins there."""
    text = json.dumps([sort, at.value, at.issue_id, at.start, at.end], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode()


def to_release_cursor(at: Position) -> str:
    """The cursor of the page of releases that begins there; `issue_id` is a release's hash."""
    return to_cursor(_RELEASES, at)


def release_position(cursor: str | None) -> Position:
    """Where the list of releases goes on.

    Raises:
        Invalid: the cursor is not one of this list.
    """
    found = _from_cursor(cursor, _RELEASES) if cursor else Position()
    if found is None:
        raise Invalid({"cursor": ["The cursor is not one of this list."]})
    return found


def _from_cursor(cursor: str, sort: str) -> Position | None:
    try:
        content = json.loads(base64.b64decode(cursor, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return None
    match content:
        case [str() as sorted_by, int() as value, str(), str() as start, str() as end] if (
            sorted_by == sort
            and (not end or start < end)
            and type(value) is int
            and 0 <= value < _MOST
            and all(not each or _ID.fullmatch(each) for each in content[2:])
        ):
            return Position(*content[1:])
    return None
