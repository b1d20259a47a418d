"""Decide whether events reopen an issue that a person has settled. Calls nothing.

The result depends on the events and their order only, not on how they are divided into batches.
"""

from collections.abc import Callable, Sequence

from errata.models import sketch
from errata.models.event import Stored, user_identity
from errata.models.ids import minted_ms
from errata.models.issue import (
    IGNORED,
    OPEN,
    REGRESSED,
    RESOLVED,
    WOKEN,
    Activity,
    Issue,
    short_name,
)
from errata.models.merged import whole
from errata.models.settled import UNSETTLED, reopens, rises, set_fields, wait_again, why_awake


def reopen(
    issue: Issue,
    events: Sequence[Stored],
    first_seen: Callable[[str], int],
    members: Sequence[Issue] = (),
) -> Activity | None:
    """Open a settled issue if one of these new events reopens it. Return the activity.

    Returns None if none does. `events` are those of the issue and of the `members` merged into it.
    None of them has counted these events yet. `first_seen` returns when a release was first seen.
    """
    total = whole(issue, members)
    if total is not issue:
        wait_again(issue, total)
        total.ignored_base = issue.ignored_base
    activity = _reopen(total, events, first_seen)
    if activity and total is not issue:
        issue.status, issue.status_at, issue.status_by = total.status, total.status_at, ""
        set_fields(issue, UNSETTLED)
    return activity


def _reopen(
    issue: Issue, events: Sequence[Stored], first_seen: Callable[[str], int]
) -> Activity | None:
    if issue.status == RESOLVED:
        return _regress(issue, events, first_seen)
    if issue.status == IGNORED and issue.ignored_until:
        return _wake(issue, events)
    return None


def _regress(
    issue: Issue, events: Sequence[Stored], first_seen: Callable[[str], int]
) -> Activity | None:
    """Open a resolved issue again if an event was received after it was resolved.

    If it is resolved in or after a release, the release of the event must be late enough, too
    (`errata.models.settled.reopens`).
    """
    for event in events:
        received_ms = minted_ms(event.id)
        release = event.fields.get("release") or ""
        if received_ms > issue.status_at and reopens(issue, release, first_seen):
            _open(issue, REGRESSED, received_ms)
            return Activity(received_ms, REGRESSED, event=event.id, release=short_name(release))
    return None


def _wake(issue: Issue, events: Sequence[Stored]) -> Activity | None:
    """Open an ignored issue again if the condition until which it is ignored has come true."""
    event = _waker(issue, events)
    if event is None:
        return None
    at_ms = max(minted_ms(event.id), issue.status_at + 1)
    detail = why_awake(issue)
    _open(issue, OPEN, at_ms)
    release = short_name(event.fields.get("release") or "")
    return Activity(at_ms, WOKEN, event=event.id, release=release, detail=detail)


def _waker(issue: Issue, events: Sequence[Stored]) -> Stored | None:
    """Return the event that wakes an ignored issue, None if none of them does.

    That is the first one with which the condition until which it is ignored has come true.
    """
    match issue.ignored_until:
        case "time":
            late = (each for each in events if minted_ms(each.id) >= issue.ignored_number)
            return next(late, None)
        case "events":
            left = issue.ignored_base + issue.ignored_number - issue.count
            return events[max(left, 1) - 1] if left <= len(events) else None
        case "users":
            return _last_user(issue, events)
    buckets = issue.buckets.copy()
    for event in events:
        at_ms = minted_ms(event.id)
        buckets.add(at_ms)
        if rises(issue, buckets, at_ms):
            return event
    return None


def _last_user(issue: Issue, events: Sequence[Stored]) -> Stored | None:
    wanted, seen = issue.ignored_base + issue.ignored_number, issue.users
    for event in events:
        identity = user_identity(event.fields)
        if identity:
            seen = sketch.add(seen, [identity])
            if sketch.estimate(seen) >= wanted:
                return event
    return None


def _open(issue: Issue, status: str, at_ms: int) -> None:
    issue.status, issue.status_at, issue.status_by = status, at_ms, ""
    set_fields(issue, UNSETTLED)
