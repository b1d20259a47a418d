"""How check-ins and time change a monitor. Without calls."""

from dataclasses import replace
from itertools import permutations

import pytest

from errata.models.crontab import next_ms
from errata.models.monitor import CheckIn, Monitor, MonitorConfig, Reported
from errata.usecases import monitor_runs

# 2026-11-30T10:00:00Z, which is a full hour.
START = 1_796_032_800_000
MINUTE = 60_000
DAY = 1_440 * MINUTE


def check_in(
    status: Reported, at_ms: int, run: str = "", config: MonitorConfig | None = None
) -> CheckIn:
    """Return a check-in. Its id follows from its time."""
    sent = CheckIn("nightly", "production", status, f"{at_ms:032x}", run, at_ms)
    return replace(sent, config=config)


def applied(config: MonitorConfig | None, *sent: CheckIn) -> Monitor:
    """Return a new monitor after these check-ins."""
    result = Monitor("1", "nightly", "production", START)
    for each in sent:
        result = monitor_runs.apply(result, replace(each, config=config))
    return result


def test_a_minutely_job_that_hangs_each_time_times_out() -> None:
    config = MonitorConfig(crontab="* * * * *", max_runtime=30)
    begun = [check_in("in_progress", START + n * MINUTE, f"{n:032x}") for n in range(33)]
    hanging = applied(config, *begun)
    assert [run.id for run in hanging.runs if run.event == "owed"] == [f"{0:032x}", f"{1:032x}"]
    assert hanging.failing


def test_a_run_that_hangs_beside_many_good_ones_times_out_and_is_reported() -> None:
    config = MonitorConfig(crontab="* * * * *", max_runtime=30)
    sent = [check_in("in_progress", START, "a" * 32)]
    sent += [check_in("ok", START + n * MINUTE, f"{n:032x}") for n in range(1, 32)]
    (owed,) = [run for run in applied(config, *sent).runs if run.event == "owed"]
    assert (owed.id, owed.status) == ("a" * 32, "timeout")
    # The run was reported and is no longer kept. Its first check-in comes again, and is known.
    reported = applied(config, *sent)
    reported = replace(
        reported, runs=tuple(replace(r, event="told") if r.event else r for r in reported.runs)
    )
    for number in range(32, 52):
        reported = monitor_runs.apply(
            reported, check_in("ok", START + number * MINUTE, f"{number:032x}")
        )
    assert "a" * 32 not in [run.id for run in reported.runs]
    assert monitor_runs.apply(reported, sent[0]) == reported


def test_a_monitor_keeps_the_oldest_100_runs_in_progress_and_they_time_out() -> None:
    config = MonitorConfig(crontab="* * * * *", max_runtime=1_000)
    begun = [check_in("in_progress", START + n * 1_000, f"{n:032x}") for n in range(150)]
    full = applied(config, *begun)
    assert [run.id for run in full.runs] == [f"{n:032x}" for n in range(100)]
    assert {run.status for run in full.runs} == {"in_progress"}
    later = monitor_runs.advance(full, START + 1_010 * MINUTE)
    timed_out = [run for run in later.runs if run.status == "timeout"]
    assert [run.id for run in timed_out] == [f"{n:032x}" for n in range(100)]
    assert [run.ended_ms for run in timed_out] == [
        START + n * 1_000 + 1_000 * MINUTE for n in range(100)
    ]
    assert {run.event for run in timed_out} == {"owed"}
    # A run that is not kept cannot time out. Its end still counts.
    failed = monitor_runs.apply(full, check_in("error", START + MINUTE * 10, f"{149:032x}"))
    (run,) = [run for run in failed.runs if run.id == f"{149:032x}"]
    assert (run.status, run.event) == ("error", "owed")


def test_without_a_schedule_the_newest_20_runs_in_progress_are_kept_and_none_times_out() -> None:
    begun = [check_in("in_progress", START + n * 1_000, f"{n:032x}") for n in range(150)]
    without = applied(None, *begun)
    assert [run.id for run in without.runs] == [f"{n:032x}" for n in range(130, 150)]
    assert {(run.status, run.event) for run in without.runs} == {("in_progress", "")}
    assert monitor_runs.due_ms(without) is None
    assert monitor_runs.advance(without, START + 365 * DAY) == without
    # The end of a run that is no longer kept still counts.
    failed = monitor_runs.apply(without, check_in("error", START + MINUTE * 10, f"{0:032x}"))
    (run,) = [run for run in failed.runs if run.id == f"{0:032x}"]
    assert (run.status, run.event) == ("error", "owed")


def test_a_repeated_end_of_a_long_run_changes_nothing() -> None:
    config = MonitorConfig(crontab="* * * * *", max_runtime=60, failure_threshold=100)
    sent = [check_in("in_progress", START, "a" * 32)]
    sent += [check_in("ok", START + n * MINUTE, f"{n:032x}") for n in range(1, 102)]
    sent.insert(31, check_in("error", START + 30 * MINUTE + 1, "a" * 32))
    ended = applied(config, *sent)
    assert [run.status for run in ended.runs if run.id == "a" * 32] == ["error"]
    assert monitor_runs.apply(ended, sent[31]) == ended


def test_a_repeated_end_without_an_id_ends_no_other_run() -> None:
    config = MonitorConfig(crontab="* * * * *", max_runtime=60)
    sent = [check_in("in_progress", START), check_in("error", START + 1)]
    sent.insert(0, check_in("in_progress", START - MINUTE, "a" * 32))
    sent += [check_in("ok", START + n * MINUTE, f"{n:032x}") for n in range(1, 25)]
    monitor = applied(config, *sent)
    reported = replace(monitor, runs=tuple(replace(r, event="") for r in monitor.runs))
    later = monitor_runs.apply(reported, check_in("ok", START + 25 * MINUTE, f"{25:032x}"))
    assert [run.id for run in later.runs if run.status == "in_progress"] == ["a" * 32]
    assert monitor_runs.apply(later, sent[2]) == later


def test_a_run_that_reports_again_times_out_later() -> None:
    config = MonitorConfig(crontab="0 * * * *", max_runtime=30)
    begun = [check_in("in_progress", START + n * 20 * MINUTE, "a" * 32) for n in range(3)]
    alive = monitor_runs.advance(applied(config, *begun), START + 60 * MINUTE)
    (run,) = alive.runs
    assert (run.status, run.at_ms) == ("in_progress", START)
    assert monitor_runs.apply(alive, begun[0]) == alive
    assert monitor_runs.apply(alive, begun[2]) == alive
    dead = monitor_runs.advance(alive, START + 71 * MINUTE)
    assert dead.runs[0].status == "timeout"
    assert dead.runs[0].ended_ms == START + 70 * MINUTE


def test_a_timed_out_run_that_reports_again_is_in_progress() -> None:
    config = MonitorConfig(crontab="0 * * * *", max_runtime=30)
    late = monitor_runs.advance(
        applied(config, check_in("in_progress", START, "a" * 32)), START + 31 * MINUTE
    )
    assert late.runs[0].event == "owed"
    alive = monitor_runs.apply(late, check_in("in_progress", START + 32 * MINUTE, "a" * 32))
    assert (alive.runs[0].status, alive.runs[0].event) == ("in_progress", "")
    reported = replace(late, runs=(replace(late.runs[0], event="told"),))
    alive = monitor_runs.apply(reported, check_in("in_progress", START + 32 * MINUTE, "a" * 32))
    assert (alive.runs[0].status, alive.runs[0].event) == ("in_progress", "told")


def test_reports_of_a_run_in_any_order_give_the_same_run() -> None:
    config = MonitorConfig(crontab="0 * * * *", max_runtime=30)
    sent = [check_in("in_progress", START + n * MINUTE, "a" * 32) for n in (0, 20, 25)]
    sent.append(check_in("ok", START + 40 * MINUTE, "a" * 32))
    for order in permutations(sent):
        (run,) = applied(config, *order, *order).runs
        assert (run.status, run.at_ms, run.ended_ms) == ("ok", START, START + 40 * MINUTE)
    for order in permutations(sent[:3]):
        monitor = applied(config, *order, *order)
        assert [run.at_ms for run in monitor.runs] == [START]
        assert monitor_runs.due_ms(monitor) == START + 55 * MINUTE + monitor_runs.GRACE_MS


def test_an_interval_begins_with_the_last_check_in() -> None:
    config = MonitorConfig(every=1, unit="hour")
    begun = check_in("in_progress", START, "a" * 32)
    ended = check_in("ok", START + 25 * MINUTE, "a" * 32)
    assert applied(config, begun).expected_ms == START + 60 * MINUTE
    assert applied(config, begun, ended).expected_ms == START + 85 * MINUTE
    assert applied(config, ended, begun).expected_ms == START + 85 * MINUTE
    assert applied(config, begun, ended, begun).expected_ms == START + 85 * MINUTE
    crontab = MonitorConfig(crontab="0 * * * *")
    assert applied(crontab, begun, ended).expected_ms == START + 60 * MINUTE


def test_the_end_of_a_run_wakes_a_monitor() -> None:
    config = MonitorConfig(crontab="* * * * *", max_runtime=40_000)
    asleep = applied(config, check_in("in_progress", START, "a" * 32))
    asleep = replace(asleep, missed=1_000, expected_ms=None)
    assert asleep.sleeps
    woken = monitor_runs.apply(asleep, check_in("ok", START + 20 * 60 * MINUTE, "a" * 32))
    assert woken.expected_ms == START + 20 * 60 * MINUTE + MINUTE


def test_a_lower_threshold_does_not_report_old_failures() -> None:
    lax = MonitorConfig(crontab="0 * * * *", failure_threshold=3)
    old = applied(lax, check_in("error", START), check_in("ok", START + MINUTE))
    strict = replace(lax, failure_threshold=1)
    after = monitor_runs.apply(old, check_in("ok", START + 2 * MINUTE, config=strict))
    assert [run.event for run in after.runs] == ["", "", ""]
    assert not after.recovered
    failed = monitor_runs.apply(after, check_in("error", START + 3 * MINUTE))
    assert [run.event for run in failed.runs] == ["", "", "", "owed"]


@pytest.mark.parametrize(
    "config",
    [
        MonitorConfig(crontab="* * * * *", timezone="Europe/Berlin"),
        MonitorConfig(crontab="0 3 * * 1"),
        MonitorConfig(every=1, unit="minute"),
    ],
    ids=lambda config: config.schedule,
)
def test_after_years_without_a_look_the_last_runs_are_found_in_few_steps(
    config: MonitorConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = 0

    def counted(config: MonitorConfig, after_ms: int) -> int:
        nonlocal steps
        steps += 1
        return next_ms(config, after_ms)

    monkeypatch.setattr(monitor_runs, "next_ms", counted)
    asleep = Monitor("1", "nightly", "production", START, config, expected_ms=START)
    now_ms = START + 2_000 * DAY
    awake = monitor_runs.advance(asleep, now_ms)
    assert len(awake.runs) >= 15
    assert (awake.expected_ms or 0) > now_ms - 2 * MINUTE
    assert steps < 3_000


@pytest.mark.parametrize("run", ["a" * 32, ""], ids=["named", "unnamed"])
def test_check_ins_in_any_order_give_the_same_runs(run: str) -> None:
    sent = [
        check_in("in_progress", START, run),
        check_in("ok", START + 50, run),
        check_in("error", START + 70, "b" * 32),
    ]
    wanted = applied(None, *sent)
    assert [each.status for each in wanted.runs] == ["ok", "error"]
    assert wanted.runs[0].began
    for order in permutations(sent):
        result = applied(None, *order, *order, *sent)
        assert [(r.status, r.at_ms, r.began) for r in result.runs] == [
            (r.status, r.at_ms, r.began) for r in wanted.runs
        ]


def test_after_a_long_pause_only_the_last_missed_runs_are_kept() -> None:
    config = MonitorConfig(crontab="* * * * *")
    new = Monitor("1", "nightly", "production", START, config, expected_ms=START)
    later = monitor_runs.advance(new, START + 30 * DAY)
    assert len(later.runs) == 20
    assert later.expected_ms == START + 30 * DAY - MINUTE
    for _ in range(60):
        reported = tuple(replace(run, event="told") for run in later.runs)
        later = monitor_runs.advance(
            replace(later, runs=reported), (later.expected_ms or 0) + 60 * MINUTE
        )
    assert later.sleeps
    assert monitor_runs.due_ms(later) is None
