"""IssuesTable: the rows by which lists find issues, by status and order.

| item | sk | what |
|---|---|---|
| number row | `number#<status>#<number>` | issue: its id; text: the words by which people find it |
| rank row | `rank#<order>#<status>#<rank>#<issue id>` | nothing but its key |
| assignee row | `assigned#<assignee>#<issue id>` | nothing but its key |
| counter | `numbers` in the partition `<project>` | last: the number of the newest issue |

Their keys are computed from the issue's row. They are stored before it and deleted after it. So an
issue always has its rows, but a row may be left over: a reader compares its key with the issue's
row (`is_current`). A rank is a coarse logarithm: the numbers of one rank differ by less than 5 %.
So a rank row is only rewritten after some events.

An open issue is in the index by_last_seen, so it has no rank row for that order. A regressed issue
is open, too: it has the rows of both statuses. An issue that is ignored until a time also has both:
when the time is over, lists of open issues show it, and those of ignored issues do not, without a
write.

An issue that is merged into another one has a number row only. No list reads it, but look-ups of
its short id and searches for its words do.
"""

import math

from errata.models.issue import (
    IGNORED,
    MERGED,
    OPEN,
    OPEN_STATUSES,
    REGRESSED,
    RESOLVED,
    Issue,
)
from errata.models.settled import TIME, stored_status
from errata.models.sketch import estimate
from errata.store.items import Values

FIRST_SEEN, LAST_SEEN, EVENTS, USERS = "first_seen", "last_seen", "count", "users"
# The statuses in keys, in the order in which a list of all issues reads them.
LISTED = (OPEN, RESOLVED, IGNORED)
# Those in the keys of number rows.
NUMBERED = (*LISTED, MERGED)
_BASE = math.log(1.05)


def rank(number: int) -> int:
    """Return the rank of a number of events or users: 0 for 0, else a logarithm to base 1.05."""
    return 1 + int(math.log(number) / _BASE) if number > 0 else 0


def key(order: str, status: str, issue: Issue) -> str:
    """Return the sort key of an issue's row for lists of this status and order.

    The issue must have the status, or be regressed for `OPEN`.
    """
    match order:
        case "first_seen":
            return number_key(status, issue.number)
        case "last_seen":
            rank_text = f"{issue.ranked_at:015d}"
        case "count":
            rank_text = f"{rank(issue.count):04d}"
        case _:
            rank_text = f"{rank(estimate(issue.users)):04d}"
    return f"{prefix(order, status)}{rank_text}#{issue.id}"


def prefix(order: str, status: str) -> str:
    """Return the prefix of the sort keys of the rows of an order and a status."""
    return f"number#{status}#" if order == FIRST_SEEN else f"rank#{order}#{status}#"


def is_current(sk: str, order: str, status: str, issue: Issue) -> bool:
    """Return whether an issue, as it is now, has a row with the sort key `sk`.

    If not, the row is left over.
    """
    listed = issue.number > 0 and status in statuses(issue.status)
    return listed and key(order, status, issue) == sk


def rows(issue: Issue, text: str | None = None) -> dict[str, Values]:
    """Return the rank rows, number rows and assignee row of an issue by sort key, without `ttl`."""
    found = number_rows(issue, text)
    if issue.merged_into:
        return found
    if issue.assignee:
        found[f"{assigned_prefix(issue.assignee)}#{issue.id}"] = {}
    for status in _row_statuses(issue):
        orders = (EVENTS, USERS) if status == OPEN else (EVENTS, USERS, LAST_SEEN)
        found |= {key(order, status, issue): {} for order in orders}
    return found


def assigned_prefix(begin: str) -> str:
    """Return the prefix of the sort keys of assignee rows whose assignee begins with `begin`."""
    return f"assigned#{begin}"


def number_rows(issue: Issue, text: str | None = None) -> dict[str, Values]:
    """Return the number rows of an issue by sort key, without `ttl`.

    The first has the `text`, the words by which people find the issue. If it is ignored until a
    time, both have it.
    """
    first, *others = (number_key(status, issue.number) for status in _row_statuses(issue))
    found: dict[str, Values] = {first: {"issue": issue.id, "text": text}}
    more: Values = {"text": text} if issue.ignored_until == TIME else {}
    if issue.merged_into:
        found[first]["head"] = issue.merged_into
    return found | {key: {"issue": issue.id, **more} for key in others}


def _row_statuses(issue: Issue) -> tuple[str, ...]:
    if issue.merged_into:
        return (MERGED,)
    return (IGNORED, OPEN) if issue.ignored_until == TIME else statuses(stored_status(issue))


def statuses(status: str) -> tuple[str, ...]:
    """Return the statuses in the keys of an issue of this status. The first has the text."""
    return OPEN_STATUSES if status == REGRESSED else (status,)


def number_key(status: str, number: int) -> str:
    """Return the sort key of a number row."""
    return f"{prefix(FIRST_SEEN, status)}{number:010d}"
