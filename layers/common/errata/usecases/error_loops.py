"""Number the events of each issue in an hour, as this execution environment has seen them.

The numbers are only in memory. In a new environment they begin with 1: then more events are kept in
full, and none is counted twice or left out.

All execution environments together accept at most `IssueCap` events of an issue in an hour. They
lease them, as they lease units of a quota: a lease has as many events as the environment has had,
and at most a hundredth of the cap. The events that are always kept in full need no lease.
"""

from dataclasses import dataclass

from errata.caches import BoundedDict
from errata.config import settings
from errata.errors import IssueCapError, StoreError
from errata.models.buckets import HOUR_MS
from errata.models.tally import KEPT_AN_HOUR
from errata.store import loop_leases

# A lease has at most 1 / _PARTS of the cap, so that environments that end leave little unused.
_PARTS = 100
# SDKs drop the errors of all issues for this time, so it is short.
_MOST_PAUSE_S = 10


@dataclass(slots=True)
class _Hour:
    """How many events an issue had in an hour since the epoch, and how many more are leased."""

    hour: int
    events: int = 0
    left: int = 0
    capped: bool = False


# By issue id. If there are more issues, some begin with 1 again.
_hours = BoundedDict[str, _Hour](max_entries=10_000)


def next_number(issue_id: str, at_ms: int) -> int:
    """Return the number of the next event of an issue in its hour: 1 for the first.

    Raises:
        IssueCapError: the issue has had as many events in this hour as are allowed.
    """
    found = _current(issue_id, at_ms)
    number = found.events + 1
    if number > KEPT_AN_HOUR and not found.left:
        _lease(issue_id, found, at_ms)
    return number


def count(issue_id: str, at_ms: int) -> None:
    """Count an event of an issue, once it is stored."""
    found = _current(issue_id, at_ms)
    found.events += 1
    if found.events > KEPT_AN_HOUR:
        found.left -= 1


def _current(issue_id: str, at_ms: int) -> _Hour:
    hour = at_ms // HOUR_MS
    found = _hours.get(issue_id)
    if found is None or found.hour != hour:
        found = _hours[issue_id] = _Hour(hour)
    return found


def _lease(issue_id: str, found: _Hour, at_ms: int) -> None:
    cap = settings().issue_cap
    size = max(1, min(found.events, cap // _PARTS))
    if cap and not found.capped:
        try:
            found.capped = not loop_leases.lease(issue_id, found.hour, size, cap - size)
        except StoreError:
            size = 1  # the cap saves costs. It must not lose events when the table is busy.
    if found.capped:
        left_s = ((found.hour + 1) * HOUR_MS - at_ms) // 1000 + 1
        raise IssueCapError(min(_MOST_PAUSE_S, left_s))
    found.left = size


def clear_cache() -> None:
    """Drop the numbers, as if the process had ended."""
    _hours.clear()
