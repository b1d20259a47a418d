"""Find out what people may want to be told about issues that digest has counted. Calls nothing.

Each occasion names the event with which it came. Messages get their ids from it, so it must not
depend on how the events are divided into batches: a batch that comes again may have more of them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from errata.models import sketch
from errata.models.alert import EVENTS, NEW, RISING, Occasion, reached
from errata.models.buckets import Buckets
from errata.models.event import Stored, user_identity
from errata.models.ids import minted_ms
from errata.models.issue import IGNORED, Issue
from errata.store.digest import IssueChange


def occasions(
    before: Mapping[str, Issue],
    fresh: Mapping[str, Sequence[Stored]],
    changes: Iterable[IssueChange],
    thresholds: str,
) -> Iterator[Occasion]:
    """Yield what people may want to be told about these issues.

    Args:
        before: the issues by id as they were stored, without new ones.
        fresh: the events that they have counted now, by issue id, in the order of the stream.
        thresholds: those of the project's alert rules (`errata.models.alert.thresholds_of`).
    """
    for change in changes:
        issue, events = change.issue, fresh[change.issue.id]
        was = before.get(issue.id)
        if change.activity:
            event = next(each for each in events if each.id == change.activity.event)
            yield Occasion(change.activity.what, event, issue)
        elif was is None and issue.opened_by == events[0].id:
            yield Occasion(NEW, events[0], issue)
        if issue.status == IGNORED:
            continue  # people are told only that an ignored issue is open again
        if _begins_to_rise(was, issue):
            yield Occasion(RISING, _first(RISING, "", was, events), issue)
        for kind, threshold in reached(thresholds, was, issue):
            yield Occasion(kind, _first(kind, threshold, was, events), issue, threshold)


def _begins_to_rise(before: Issue | None, after: Issue) -> bool:
    """Return whether an issue is rising, and would not be without these events."""
    if not after.buckets.is_rising(after.last_seen):
        return False
    return before is None or not before.buckets.is_rising(after.last_seen)


def _first(kind: str, threshold: str, before: Issue | None, events: Sequence[Stored]) -> Stored:
    """Return the event with which an issue begins to rise or reaches a threshold.

    Returns the last one if none does.
    """
    buckets = before.buckets.copy() if before else Buckets()
    users = before.users if before else b""
    most, _, minutes = threshold.partition("/")
    for event in events:
        at_ms = minted_ms(event.id)
        if kind in (RISING, EVENTS):
            buckets.add(at_ms)
        else:
            users = sketch.add(users, filter(None, [user_identity(event.fields)]))
        if kind == RISING:
            found = buckets.is_rising(at_ms)
        elif kind == EVENTS:
            found = buckets.last_minutes(at_ms, int(minutes)) >= int(most)
        else:
            found = sketch.estimate(users) >= int(most)
        if found:
            return event
    return events[-1]
