"""How people settle an issue: in which release it is resolved, or until when it is ignored.

| attribute of `Issue` | what |
|---|---|
| `resolved_in` | the release; "" if it is resolved in all of them |
| `resolved_in_seen` | when it was first seen, in milliseconds; 0 if it was not seen yet |
| `resolved_after` | 1 if the issue is resolved in the next release after this one |
| `ignored_until` | one of `UNTIL`; "" if it is ignored for ever |
| `ignored_number` | a time in milliseconds, or how many more events or users |
| `ignored_base` | events or users that it had then; events in that hour if it was rising |
| `merged_into` | the issue whose status it has, if it is merged |

All are stored with the issue, so they stay true when a release expires or is deleted.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from errata.models.buckets import DAY_MS, Buckets
from errata.models.issue import IGNORED, OPEN, RESOLVED, Issue
from errata.models.release_order import SeenRelease, compare, order
from errata.models.sketch import estimate
from errata.models.texts import cut

TIME, EVENTS, USERS, RISING = UNTIL = ("time", "events", "users", "rising")
# An issue that was ignored while it was rising must have this many times as many events in an
# hour, within a day.
_MORE = 2
_MAX_RELEASE = 60

# Attributes of an issue by name, with values of JSON's types.
type IssueFields = dict[str, Any]
UNSETTLED: IssueFields = {
    "resolved_in": "",
    "resolved_in_seen": 0,
    "resolved_after": 0,
    "ignored_until": "",
    "ignored_number": 0,
    "ignored_base": 0,
    "merged_into": "",
}
FIELDS = tuple(UNSETTLED)
# What digest finds out later: when the release was first seen, if it was not seen before.
LEARNED = frozenset({"resolved_in_seen"})


def fields_of(issue: Issue) -> IssueFields:
    """Return the attributes that say how an issue is settled, without those that are not set."""
    return {name: value for name in FIELDS if (value := getattr(issue, name))}


def set_fields(issue: Issue, fields: Mapping[str, Any]) -> None:
    """Set these attributes of an issue, and clear the other ones of `FIELDS`."""
    for name, value in {**UNSETTLED, **fields}.items():
        setattr(issue, name, value)


# ------------------------------------------------------------------ resolved in a release


def resolved(release: SeenRelease | None, *, after: bool = False) -> IssueFields:
    """Return the attributes of an issue that is resolved in a release, or after one."""
    if release is None:
        return UNSETTLED
    return {
        **UNSETTLED,
        "resolved_in": release.name,
        "resolved_in_seen": release.first_seen,
        "resolved_after": int(after),
    }


def reopens(issue: Issue, release: str, first_seen: Callable[[str], int]) -> bool:
    """Return whether an event of this release, received later, reopens a resolved issue.

    `first_seen` returns when a release was first seen. It is only called if versions do not decide.
    """
    if not issue.resolved_in:
        return True
    if not release:
        return False
    later = compare(release, issue.resolved_in)
    if later is None:
        of_event = SeenRelease(release, first_seen(release))
        later = order(of_event, SeenRelease(issue.resolved_in, issue.resolved_in_seen))
    return later > 0 if issue.resolved_after else later >= 0


# ------------------------------------------------------------------ ignored until


def ignored(issue: Issue, until: str, number: int, now_ms: int) -> IssueFields:
    """Return the attributes of an ignored issue.

    `until` is the condition that wakes it, "" for none. `number` is a time in milliseconds, or how
    many more events or users.
    """
    base = 0
    match until:
        case "events":
            base = issue.count
        case "users":
            base = estimate(issue.users)
        case "rising" if issue.buckets.is_rising(now_ms):
            base = issue.buckets.last_hour(now_ms)
    return {
        **UNSETTLED,
        "ignored_until": until,
        "ignored_number": number,
        "ignored_base": base,
    }


def wait_as_before(issue: Issue, before: Issue, after: Issue) -> None:
    """Keep how many more events or users an ignored issue waits for.

    Call it after an issue was merged into it or separated from it. That changes its numbers from
    those of `before` to those of `after`, without a new event (`errata.models.merged`).
    """
    match issue.ignored_until:
        case "events":
            issue.ignored_base += after.count - before.count
        case "users":
            issue.ignored_base += estimate(after.users) - estimate(before.users)


def wait_again(issue: Issue, total: Issue) -> None:
    """Restart the wait for N more events or users if an issue has fewer than when it was ignored.

    It has fewer after members have expired. `total` is the issue with the members that are left.
    """
    match issue.ignored_until:
        case "events":
            issue.ignored_base = min(issue.ignored_base, total.count)
        case "users":
            issue.ignored_base = min(issue.ignored_base, estimate(total.users))


def is_over(issue: Issue, now_ms: int) -> bool:
    """Return whether an issue was ignored until a time that is over."""
    return issue.ignored_until == TIME and issue.ignored_number <= now_ms


def awake(issue: Issue, now_ms: int) -> Issue:
    """Set an issue's status to open if the time for which it was ignored is over. Return it.

    Its row changes only with its next event (`stored_status`).
    """
    if issue.status == IGNORED and is_over(issue, now_ms):
        issue.status = OPEN
    return issue


def stored_status(issue: Issue) -> str:
    """Return the status in an issue's row, which `awake` does not change."""
    return IGNORED if issue.ignored_until else issue.status


def rises(issue: Issue, buckets: Buckets, at_ms: int) -> bool:
    """Return whether these counts wake an issue that is ignored until it is rising."""
    if not buckets.is_rising(at_ms):
        return False
    within_a_day = at_ms < issue.status_at + DAY_MS
    return not within_a_day or buckets.last_hour(at_ms) >= _MORE * issue.ignored_base


# ------------------------------------------------------------------ in words


def how(issue: Issue) -> str:
    """Return how an issue is settled: `in the next release after 10.18.7`.

    "" if it is not settled, if it has no condition, or if it is open again.
    """
    if issue.status not in (RESOLVED, IGNORED):
        return ""
    number = issue.ignored_number
    match issue.ignored_until:
        case "time":
            return f"until {minute(number)}"
        case "events":
            return f"until {number:,} more event{_s(number)}"
        case "users":
            return f"until \N{ALMOST EQUAL TO} {number:,} more user{_s(number)}"
        case "rising" if issue.ignored_base:
            more = _MORE * issue.ignored_base
            return f"until it is rising further: {more:,} events in an hour, within a day"
        case "rising":
            return "until it is rising"
    release = cut(issue.resolved_in, _MAX_RELEASE)
    if not release:
        return ""
    return f"in the next release after {release}" if issue.resolved_after else f"in {release}"


def still_to_come(issue: Issue) -> str:
    """Return how many events or users an ignored issue still waits for, "" for other issues."""
    match issue.ignored_until:
        case "events":
            return f"{max(0, issue.ignored_base + issue.ignored_number - issue.count):,} to go"
        case "users":
            left = issue.ignored_base + issue.ignored_number - estimate(issue.users)
            return f"\N{ALMOST EQUAL TO} {max(0, left):,} to go"
    return ""


def why_awake(issue: Issue) -> str:
    """Return why an ignored issue is woken: the condition that is met."""
    number = issue.ignored_number
    match issue.ignored_until:
        case "time":
            return f"it was ignored until {minute(number)}"
        case "events":
            return f"{number:,} more event{_s(number)} since it was ignored"
        case "users":
            return f"\N{ALMOST EQUAL TO} {number:,} more user{_s(number)} since it was ignored"
    return "it is rising"


def minute(at_ms: int) -> str:
    """Return a time as `2026-11-26 15:44 UTC`."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"


def _s(number: int) -> str:
    return "" if number == 1 else "s"
