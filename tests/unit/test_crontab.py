"""When the runs of schedules are due."""

from datetime import UTC, datetime

import pytest

from errata.models.crontab import ScheduleError, next_ms
from errata.models.monitor import MonitorConfig


def due(crontab: str, after: str, number: int = 1, timezone: str = "UTC") -> list[str]:
    """Return the first runs after a time in UTC."""
    config = MonitorConfig(crontab=crontab, timezone=timezone)
    return _due(config, after, number)


def _due(config: MonitorConfig, after: str, number: int) -> list[str]:
    at_ms = round(datetime.fromisoformat(after).replace(tzinfo=UTC).timestamp() * 1000)
    found = []
    for _ in range(number):
        at_ms = next_ms(config, at_ms)
        found.append(datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M"))
    return found


@pytest.mark.parametrize(
    ("crontab", "expected"),
    [
        ("* * * * *", ["2026-11-30 12:01", "2026-11-30 12:02"]),
        ("*/20 * * * *", ["2026-11-30 12:20", "2026-11-30 12:40"]),
        ("5/15 12-13 * * *", ["2026-11-30 12:05", "2026-11-30 12:20"]),
        ("32-33 12 * * *", ["2026-11-30 12:32", "2026-11-30 12:33"]),
        ("0 0 * * mon-fri", ["2026-12-01 00:00", "2026-12-02 00:00"]),
        ("0 0 * * 7", ["2026-12-06 00:00", "2026-12-13 00:00"]),
        ("30 4 1,15 * 5", ["2026-12-01 04:30", "2026-12-04 04:30"]),  # either day
        ("0 0 L * *", ["2026-12-31 00:00", "2027-01-31 00:00"]),
        ("0 0 29 feb ?", ["2028-02-29 00:00", "2032-02-29 00:00"]),
        ("@weekly", ["2026-12-06 00:00", "2026-12-13 00:00"]),
    ],
)
def test_a_crontab_is_due_at_these_times(crontab: str, expected: list[str]) -> None:
    assert due(crontab, "2026-11-30 12:00", len(expected)) == expected


@pytest.mark.parametrize(
    "crontab",
    [
        *("", "* * * *", "60 * * * *", "* * 0 * *", "5-1 * * * *", "*/0 * * * *", "*/x * * * *"),
        *("0 0 30 2 *", "a b c d e", "1/ * * * *", "* * * * 1" + " " * 200 + "x"),
    ],
)
def test_an_invalid_crontab_raises(crontab: str) -> None:
    with pytest.raises(ScheduleError):
        next_ms(MonitorConfig(crontab=crontab or " "), 0)


def test_an_unknown_time_zone_raises() -> None:
    for name in ("Nowhere/Now", "../../etc/passwd", "\0"):
        with pytest.raises(ScheduleError):
            next_ms(MonitorConfig(crontab="* * * * *", timezone=name), 0)


def test_clock_changes_neither_skip_nor_repeat_a_daily_run() -> None:
    berlin = "Europe/Berlin"
    # 02:30 does not exist on 2027-03-28: the run is due at 03:00, which is 01:00 UTC.
    assert due("30 2 * * *", "2027-03-27 12:00", 2, berlin) == [
        "2027-03-28 01:00",
        "2027-03-29 00:30",
    ]
    # It comes twice on 2027-10-31: once is enough.
    assert due("30 2 * * *", "2027-10-30 12:00", 2, berlin) == [
        "2027-10-31 00:30",
        "2027-11-01 01:30",
    ]
    # An hourly run is due in each hour that passes.
    assert due("30 * * * *", "2027-10-30 23:00", 4, berlin) == [
        "2027-10-30 23:30",
        "2027-10-31 00:30",
        "2027-10-31 01:30",
        "2027-10-31 02:30",
    ]
    assert due("30 * * * *", "2027-03-28 00:00", 2, berlin) == [
        "2027-03-28 00:30",
        "2027-03-28 01:30",
    ]


def test_a_run_in_a_repeated_hour_is_not_due_in_the_past() -> None:
    # 2027-10-31 01:20 UTC is 02:20 for the second time: 02:45 was due at 00:45 UTC.
    assert due("45 2 * * *", "2027-10-31 01:20", 1, "Europe/Berlin") == ["2027-11-01 01:45"]
    assert due("5-50/15 1-3 * * *", "2027-10-31 01:20", 1, "Europe/Berlin") == ["2027-10-31 02:05"]


def test_an_interval_is_due_after_its_number_of_units() -> None:
    def every(number: int, unit: object) -> str:
        config = MonitorConfig(every=number, unit=unit)  # type: ignore[arg-type]
        return _due(config, "2027-01-31 12:00", 1)[0]

    assert every(90, "minute") == "2027-01-31 13:30"
    assert every(1, "month") == "2027-02-28 12:00"
    assert every(11, "month") == "2027-12-31 12:00"
    assert every(2, "year") == "2029-01-31 12:00"
    with pytest.raises(ScheduleError):
        every(9_000, "year")
