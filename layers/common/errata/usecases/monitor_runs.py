"""Compute how check-ins, and time that passes, change a monitor. Calls nothing.

Everything follows from the runs that a monitor keeps. So a check-in that comes again changes
nothing, and one that comes late takes its place in the order of time.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from errata.models.crontab import ScheduleError, next_ms
from errata.models.monitor import (
    KEPT_RUNS,
    MAX_IN_PROGRESS,
    MOST_MISSED,
    CheckIn,
    Monitor,
    MonitorConfig,
    Run,
)

_MINUTE_MS = 60_000
# A run may begin this early: its machine's clock may be a little fast.
EARLY_MS = 15_000
# How long a check-in may be on its way to the worker.
GRACE_MS = 10_000
# After a pause of Errata, only so many missed runs become events one by one: the last ones.
_MOST_AT_ONCE = KEPT_RUNS
# The most times of a schedule that are computed in a row. For a crontab, these take 60 ms.
_MOST_STEPS = 1_000


def due_ms(monitor: Monitor) -> int | None:
    """Return when the next run will be missed or too long, in milliseconds. None: never."""
    found = [at_ms for at_ms, _ in _due(monitor)]
    return min(found, default=None)


def _due(monitor: Monitor) -> list[tuple[int, Run | None]]:
    """Return when each run in progress is too long, and, with None, when the next is missed."""
    config = monitor.config
    if config is None:
        return []
    limit_ms = config.max_runtime * _MINUTE_MS + GRACE_MS
    due: list[tuple[int, Run | None]] = [
        (max(run.at_ms, run.alive_ms) + limit_ms, run)
        for run in monitor.runs
        if run.status == "in_progress"
    ]
    if monitor.expected_ms is not None and not monitor.sleeps:
        due.append((monitor.expected_ms + config.margin * _MINUTE_MS + GRACE_MS, None))
    return due


def advance(monitor: Monitor, now_ms: int) -> Monitor:
    """Return the monitor with the runs that were missed, or took too long, by now."""
    monitor = _skip(monitor, now_ms)
    while due := _due(monitor):
        at_ms, run = min(due, key=lambda each: each[0])
        if at_ms > now_ms:
            break
        monitor = _timed_out(monitor, run, at_ms - GRACE_MS) if run else _missed(monitor)
    return monitor


def _skip(monitor: Monitor, now_ms: int) -> Monitor:
    """Return the monitor, past missed runs that nobody would read one by one.

    So at most `_MOST_AT_ONCE` missed runs are left to add.
    """
    config, expected_ms = monitor.config, monitor.expected_ms
    if config is None or expected_ms is None:
        return monitor
    latest_ms = now_ms - config.margin * _MINUTE_MS - GRACE_MS
    last = _until(config, expected_ms, latest_ms)
    if len(last) == _MOST_STEPS and last[-1] < latest_ms:
        # There are more. Compute only the last ones, from the mean time between the first ones.
        step_ms = (last[-1] - last[0]) // _MOST_STEPS + 1
        from_ms = max(last[-1], latest_ms - _MOST_AT_ONCE * step_ms)
        last = _until(config, next_ms(config, from_ms), latest_ms) or last
    return replace(monitor, expected_ms=last[-_MOST_AT_ONCE:][0]) if last else monitor


def _until(config: MonitorConfig, expected_ms: int, latest_ms: int) -> list[int]:
    """Return the times of a schedule from one to another, at most `_MOST_STEPS`."""
    found: list[int] = []
    while expected_ms <= latest_ms and len(found) < _MOST_STEPS:
        found.append(expected_ms)
        expected_ms = next_ms(config, expected_ms)
    return found


def _timed_out(monitor: Monitor, run: Run, at_ms: int) -> Monitor:
    return _with(monitor, [run], [replace(run, status="timeout", ended_ms=at_ms)])


def _missed(monitor: Monitor) -> Monitor:
    config, expected_ms = monitor.config, monitor.expected_ms
    if config is None or expected_ms is None:
        raise ValueError("no run is expected")
    run = Run(f"missed-{expected_ms}", "missed", expected_ms, began=False)
    following = replace(
        monitor, expected_ms=next_ms(config, expected_ms), missed=monitor.missed + 1
    )
    if following.missed >= MOST_MISSED:
        following = replace(following, expected_ms=None)
    return _with(following, [], [run])


def apply(monitor: Monitor, check_in: CheckIn) -> Monitor:
    """Return the monitor with a check-in. It is unchanged if the check-in came before."""
    before = monitor
    monitor = _configured(advance(monitor, check_in.at_ms), check_in)
    run, changed = _run_of(monitor, check_in)
    if changed is None or changed == run:
        return before if monitor.config == before.config else monitor
    gone = [run] if run else _missed_instead(monitor, check_in.at_ms)
    monitor = _with(monitor, gone, [changed])
    monitor = replace(monitor, seen_ms=max(monitor.seen_ms, check_in.at_ms), missed=0)
    every = monitor.config.every if monitor.config else 0
    # An interval begins again with each check-in. A crontab expects the same when a run ends.
    if run is None or every or monitor.expected_ms is None:
        monitor = replace(monitor, expected_ms=_after_run(monitor, check_in.at_ms))
    return monitor


def _configured(monitor: Monitor, check_in: CheckIn) -> Monitor:
    """Return the monitor with the config of a check-in, if that differs and is newer."""
    config = check_in.config
    if config is None or config == monitor.config or check_in.at_ms < monitor.config_ms:
        return monitor
    expected_ms, problem = None, ""
    try:
        expected_ms = next_ms(config, check_in.at_ms)
    except ScheduleError as error:
        problem = str(error)
    return replace(
        monitor,
        config=config,
        config_ms=check_in.at_ms,
        problem=problem,
        expected_ms=expected_ms,
        missed=0,
    )


def _run_of(monitor: Monitor, check_in: CheckIn) -> tuple[Run | None, Run | None]:
    """Return the run that a check-in is about, and this run after it.

    The first is None if the run is new. The second is None if the check-in changes nothing.
    """
    runs = monitor.runs
    named = check_in.run_id
    begins = check_in.status == "in_progress"
    # Whether it may have come before: its run may not be kept any more.
    seen = check_in.at_ms <= monitor.forgot_ms
    if not named:
        seen = seen or any(check_in.id in (r.id, r.ended_by, r.began_by) for r in runs)
        if seen:
            return None, None
    if named:
        run = next((each for each in runs if each.id == named), None)
    elif begins:
        # Its end may have come first.
        ended = (r for r in runs if r.unnamed and not r.began and r.at_ms >= check_in.at_ms)
        run = next(ended, None)
    else:
        open_ones = (r for r in runs if r.status == "in_progress" and r.at_ms <= check_in.at_ms)
        run = max(open_ones, key=lambda each: each.at_ms, default=None)
    if run is None:
        return None, None if seen else _new_run(check_in)
    if begins:
        return run, _begun(run, check_in)
    if run.status in ("ok", "error"):
        return run, run  # the first end counts
    return run, _ended(run, check_in)


def _new_run(check_in: CheckIn) -> Run:
    begins = check_in.status == "in_progress"
    run = Run(
        id=check_in.run_id or check_in.id,
        status="in_progress",
        at_ms=check_in.at_ms,
        began=begins,
        unnamed=not check_in.run_id,
        release=check_in.release,
    )
    return run if begins else _ended(run, check_in)


def _begun(run: Run, check_in: CheckIn) -> Run:
    """Apply a check-in `in_progress` to a run: it begins, or still runs. Return the run.

    Source: Sentry's consumer of check-ins, "IN_PROGRESS heartbeats bump the timeout".
    """
    at_ms = min(check_in.at_ms, run.at_ms)
    if run.status in ("ok", "error"):
        if run.began and at_ms == run.at_ms:
            return run
        return replace(
            run,
            began=True,
            began_by=check_in.id,
            at_ms=at_ms,
            release=run.release or check_in.release,
        )
    alive_ms = max(check_in.at_ms, run.at_ms, run.alive_ms)
    if (at_ms, alive_ms) == (run.at_ms, max(run.at_ms, run.alive_ms)):
        return run
    # A run that has timed out still runs. If its event is not stored yet, it needs none.
    event = "" if run.event == "owed" else run.event
    return replace(
        run, status="in_progress", ended_ms=None, at_ms=at_ms, alive_ms=alive_ms, event=event
    )


def _ended(run: Run, check_in: CheckIn) -> Run:
    return replace(
        run,
        status=check_in.status,
        ended_ms=max(check_in.at_ms, run.at_ms),
        ended_by=check_in.id,
        duration_ms=check_in.duration_ms,
        release=check_in.release or run.release,
        # A run that has timed out and ends well after all needs no event.
        event="" if check_in.status == "ok" and run.event == "owed" else run.event,
    )


def _missed_instead(monitor: Monitor, at_ms: int) -> list[Run]:
    """Return the missed run that was this one: its check-in reached the worker too late."""
    if monitor.config is None:
        return []
    margin_ms = monitor.config.margin * _MINUTE_MS + GRACE_MS
    return [
        run
        for run in monitor.runs
        if run.status == "missed" and run.at_ms - EARLY_MS <= at_ms <= run.at_ms + margin_ms
    ]


def _after_run(monitor: Monitor, at_ms: int) -> int | None:
    """Return when a run is expected after one that began at this time."""
    config, expected_ms = monitor.config, monitor.expected_ms
    if config is None or monitor.problem:
        return None
    if expected_ms is None:
        return next_ms(config, at_ms)
    if at_ms >= expected_ms - EARLY_MS:
        return next_ms(config, max(at_ms, expected_ms) if config.crontab else at_ms)
    # A run in between: a crontab expects the same as before.
    return expected_ms if config.crontab else max(expected_ms, next_ms(config, at_ms))


# ------------------------------------------------------------------ what follows from the runs


def _kept(config: MonitorConfig | None) -> int:
    if config is None:
        return KEPT_RUNS
    return max(KEPT_RUNS, config.failure_threshold, config.recovery_threshold)


def _with(monitor: Monitor, gone: Iterable[Run], new: Iterable[Run]) -> Monitor:
    """Return the monitor without the runs `gone` and with `new` ones, and what follows from them.

    That is which events are owed, and whether the monitor is failing or has recovered.
    """
    left_out, added = set(gone), {run.id: run for run in new}
    runs = sorted(
        [*(each for each in monitor.runs if each not in left_out), *added.values()],
        key=lambda r: r.at_ms,
    )
    usual = monitor.config or MonitorConfig()
    bad = good = 0
    owed: set[str] = set()
    streak: list[Run] = []
    for run in runs:
        if run.status == "in_progress":
            continue
        if run.failed:
            bad, good = bad + 1, 0
            streak.append(run)
            # Without a new run, the thresholds of that time have decided which runs were reported.
            if bad >= usual.failure_threshold and any(each.id in added for each in streak):
                owed.update(each.id for each in streak if not each.event)
        else:
            bad, good, streak = 0, good + 1, []
    if monitor.failing:
        owed.update(each.id for each in streak if not each.event)
    runs = [replace(run, event="owed") if run.id in owed else run for run in runs]
    failing, recovered = monitor.failing or bool(owed), monitor.recovered
    if bad >= usual.failure_threshold:
        failing, recovered = True, False
    elif failing and good >= usual.recovery_threshold:
        failing, recovered = False, True
    return _with_newest(replace(monitor, failing=failing, recovered=recovered), runs)


def _with_newest(monitor: Monitor, runs: Sequence[Run]) -> Monitor:
    """Return the monitor with the runs it keeps: the newest, all owed ones, those in progress."""
    config = monitor.config
    # Sort by the end of runs. A long run that has just ended must be kept: its end may come again.
    ended = sorted((run for run in runs if run.status != "in_progress"), key=_over_ms)
    old = [run for run in ended if run.event != "owed"][: -_kept(config)]
    forgot_ms = max([monitor.forgot_ms, *map(_over_ms, old)])
    gone = {run.id for run in old}
    in_progress = [run.id for run in runs if run.status == "in_progress"]
    # Without a schedule they may stay for ever. With one, the oldest are the next to time out.
    gone.update(in_progress[MAX_IN_PROGRESS:] if config else in_progress[:-KEPT_RUNS])
    kept = tuple(run for run in runs if run.id not in gone)
    return replace(monitor, runs=kept, forgot_ms=forgot_ms)


def _over_ms(run: Run) -> int:
    return run.at_ms if run.ended_ms is None else run.ended_ms
