"""Watch cron monitors: note check-ins, missed and too long runs, and store their events.

Each change of a monitor is one conditional write. What follows from it is in its row: events to be
stored (`owed`), an issue to be resolved (`recovered`), and when a schedule looks at it next. A
queue message that comes again finds there what is left to do. See
docs/decisions/0072-cron-monitors.md.

A schedule is made before the row names it. It looks no later than something may be due. If it looks
too early, it only makes the next one. So a check-in in time needs no schedule to be moved.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from errata.config import settings
from errata.errors import ErrataError, LimitReachedError, UnavailableError
from errata.models.ids import DAY_MS
from errata.models.monitor import MAX_MONITORS, CheckIn, Monitor
from errata.models.project import Access
from errata.store import check_ins, schedules
from errata.store.check_ins import Look
from errata.store.monitors import add_monitor, drop_monitor, find_monitor, save_monitor
from errata.store.retry import attempts
from errata.usecases import access, monitor_issues, monitor_runs, report_losses

logger = logging.getLogger("errata")

_TRIES = 8
_SECOND_MS = 1_000
# Scheduler refuses a time that has passed, and a batch of messages takes a while.
_LEAST_AHEAD_MS = 10_000
# EventBridge Scheduler takes times in the near future.
_MOST_AHEAD_MS = 365 * DAY_MS

# A look that is so late has waited in the queue, and so have check-ins. Scheduler takes a minute.
_LATE_MS = 120_000
_WAIT_S = 60

# Returns what becomes of a monitor; None: there is none, and none is made.
type _Change = Callable[[Monitor | None], Monitor | None]


def work_off(messages: list[Any], now_ms: int) -> list[str]:
    """Process queue messages, each by itself. Return the ids of those that SQS must redeliver."""
    again = []
    for each in messages:
        try:
            process(each["body"], now_ms)
        except (ErrataError, ValueError, KeyError, TypeError):
            logger.warning("monitors: message %s comes again", each["messageId"], exc_info=True)
            again.append(each["messageId"])
    return again


def process(body: str, now_ms: int) -> str:
    """Process a queue message. Returns what it was about, for people.

    Raises:
        ValueError, KeyError, TypeError: it is no message about monitors.
        StoreError: not now. The same message can be processed again.
    """
    project_id, found, look = check_ins.parse(body)
    opened = access.of_project(project_id, now_ms)
    if opened is None:
        if look:
            drop_monitor(project_id, look.slug, look.environment)
        return f"project {project_id}, which is deleted"
    for each in found:
        _note(opened, each, now_ms)
    if look:
        _look(opened, look, now_ms)
    names = [each.slug for each in found] or [look.slug if look else ""]
    return f"{', '.join(names)} of project {project_id}"


def _note(opened: Access, check_in: CheckIn, now_ms: int) -> None:
    def change(before: Monitor | None) -> Monitor:
        new = Monitor(
            opened.project_id, check_in.slug, check_in.environment, created_ms=check_in.at_ms
        )
        return monitor_runs.apply(before or new, check_in)

    try:
        _change(opened, Look(check_in.slug, check_in.environment), change, now_ms)
    except LimitReachedError:
        report_losses.note(opened.project_id, "monitors")
        logger.warning(
            "monitors: project %s has %d monitors, and %s would be another",
            opened.project_id,
            MAX_MONITORS,
            check_in.slug,
        )


def _look(opened: Access, look: Look, now_ms: int) -> None:
    if look.at_ms and now_ms - look.at_ms > _LATE_MS:
        # Look again later. Check-ins may wait behind this message: their runs are not missed.
        check_ins.look_later(opened.project_id, look.slug, look.environment, _WAIT_S)
        return

    def change(before: Monitor | None) -> Monitor | None:
        return monitor_runs.advance(before, now_ms) if before else None

    _change(opened, look, change, now_ms)


def _change(opened: Access, look: Look, change: _Change, now_ms: int) -> None:
    """Change a monitor, and do what follows from it. `look`: which one, and what looks at it."""
    key = (opened.project_id, look.slug, look.environment)
    for _ in attempts(_TRIES):
        before = find_monitor(*key)
        if before and (before := monitor_issues.update_issue(opened, before, now_ms)) is None:
            continue  # somebody else has changed it
        after = change(before)
        if after is None:
            return
        if before == after and not _is_over(after, look, now_ms):
            return
        after = _with_schedule(after, look, now_ms)
        if before == after:
            return
        saved = save_monitor(after) if before else add_monitor(after)
        if not saved:
            continue
        if before and before.timer_group == after.timer_group and before.timer_ms > after.timer_ms:
            schedules.remove(opened.project_id, replace(look, at_ms=before.timer_ms))
        after = replace(after, version=after.version + 1)
        if monitor_issues.update_issue(opened, after, now_ms) is not None:
            return
    raise UnavailableError


def _is_over(monitor: Monitor, look: Look, now_ms: int) -> bool:
    """Return whether the schedule of a monitor has done its work, or is of another stack."""
    if monitor.timer_group != settings().schedule_group:
        return True
    return monitor.timer_ms <= max(now_ms, look.at_ms)


def _with_schedule(monitor: Monitor, look: Look, now_ms: int) -> Monitor:
    """Return the monitor with a schedule that looks at it in time. Makes one if needed."""
    due_ms = monitor_runs.due_ms(monitor)
    if due_ms is None:
        return monitor  # the schedule that there may be finds nothing to do
    # Never at the time of the one that looks now: AWS may not have deleted that yet.
    at_ms = max(due_ms, now_ms + _LEAST_AHEAD_MS, look.at_ms + 2 * _SECOND_MS)
    at_ms = -(-min(at_ms, now_ms + _MOST_AHEAD_MS) // _SECOND_MS) * _SECOND_MS
    if not _is_over(monitor, look, now_ms) and monitor.timer_ms <= at_ms:
        return monitor
    schedules.put(monitor.project_id, replace(look, at_ms=at_ms))
    return replace(monitor, timer_ms=at_ms, timer_group=settings().schedule_group)
