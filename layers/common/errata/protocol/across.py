"""Cursors of lists of issues across projects: at most 2 KB, however many projects there are."""

import base64
import binascii
import json
import re
from dataclasses import dataclass, field

from errata.errors import InvalidInputError
from errata.protocol.issues import SORTS, IssueQuery

# Most projects of one part. With a number for each, a cursor stays below 2 KB.
MAX_PROJECTS = 200
_MOST = 10**15
_PROJECT = re.compile(r"(?:0|[1-9][0-9]{0,17})?", re.ASCII)
_ISSUE = re.compile(r"(?:[0-9a-f]{32})?")


@dataclass(frozen=True, slots=True)
class AcrossStart:
    """Where the next page of a list across projects begins.

    A list goes through the projects in parts: those with ids above `after`, up to `end`. All issues
    of a part come in one order.

    Attributes:
        after, end: ids of projects. "": no limit.
        rest: whether the part has come to the issues that have no rows, at its end.
        value, index, issue_id: the list key of the last issue that was looked at, as in
            `store.issue_lists`.
        project: the project of this issue, "" at the beginning of the part.
        numbers: by project id, the number of the last issue that was looked at; 0 if there are no
            more. Only if the list sorts by `first_seen`, because numbers of two projects cannot be
            compared.
    """

    after: str = ""
    end: str = ""
    rest: bool = False
    value: int = 0
    index: bool = False
    project: str = ""
    issue_id: str = ""
    numbers: dict[int, int] = field(default_factory=dict)


def start_of(query: IssueQuery) -> AcrossStart:
    """Validate a query and return where its page starts.

    Raises:
        InvalidInputError: a part of the query is invalid. Names every invalid part.
    """
    errors: dict[str, list[str]] = {}
    if query.sort not in SORTS:
        errors["sort"] = [f"The sort must be one of {', '.join(SORTS)}."]
    if query.limit < 1:
        errors["limit"] = ["The limit must be at least 1."]
    found = _from_cursor(query.cursor, query.sort) if query.cursor else AcrossStart()
    if found is None:
        errors["cursor"] = ["The cursor is invalid. Start again from the first page."]
    if errors or found is None:
        raise InvalidInputError(errors)
    return found


def to_cursor(sort: str, at: AcrossStart) -> str:
    """Return the cursor of the page that starts at `at`."""
    key = [at.value, at.index, at.project, at.issue_id]
    text = json.dumps([sort, at.after, at.end, at.rest, *key], separators=(",", ":"))
    parts = [text.encode(), *([_packed(at.numbers)] if at.numbers else [])]
    return ".".join(base64.urlsafe_b64encode(each).decode() for each in parts)


def _from_cursor(cursor: str, sort: str) -> AcrossStart | None:
    try:
        text, *packed = (base64.b64decode(each, b"-_", validate=True) for each in cursor.split("."))
        content = json.loads(text)
        numbers = _unpacked(packed[0]) if packed else {}
    except (binascii.Error, ValueError, RecursionError):
        return None
    match content:
        case [
            str() as by,
            str() as after,
            str() as end,
            bool() as rest,
            int() as value,
            bool() as index,
            str() as project,
            str() as issue_id,
        ] if (
            by == sort
            and len(packed) <= 1
            and type(value) is int
            and 0 <= value < _MOST
            and all(map(_PROJECT.fullmatch, (after, end, project)))
            and _ISSUE.fullmatch(issue_id)
        ):
            return AcrossStart(after, end, rest, value, index, project, issue_id, numbers)
    return None


def _packed(numbers: dict[int, int]) -> bytes:
    """Return numbers by project as variable-length integers. A project's id is a difference."""
    found, last = bytearray(), 0
    for project in sorted(numbers):
        for number in (project - last, numbers[project]):
            left = number
            while left > 127:
                found.append(left & 127 | 128)
                left >>= 7
            found.append(left)
        last = project
    return bytes(found)


def _unpacked(packed: bytes) -> dict[int, int]:
    """Return what `_packed` has packed.

    Raises:
        ValueError: it was not.
    """
    found: list[int] = []
    number = shift = 0
    for byte in packed:
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            found.append(number)
            number = shift = 0
        elif shift > 63:
            raise ValueError
    if shift or len(found) % 2 or len(found) > 2 * MAX_PROJECTS:
        raise ValueError
    numbers, last = {}, 0
    for project, each in zip(found[::2], found[1::2], strict=True):
        if each >= _MOST:
            raise ValueError
        last += project
        numbers[last] = each
    return numbers
