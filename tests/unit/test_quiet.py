"""Quiet hours of alert rules."""

from datetime import UTC, datetime

import pytest

from errata.models.quiet import is_quiet_hours, quiet_until


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("hours", "now", "until"),
    [
        ("22:00-07:00", "2026-11-30T23:30", "2026-12-01T07:00"),
        ("22:00-07:00", "2026-11-30T06:59", "2026-11-30T07:00"),
        ("22:00-07:00", "2026-11-30T07:00", ""),
        ("22:00-07:00", "2026-11-30T21:59", ""),
        ("12:00-13:00", "2026-11-30T12:30", "2026-11-30T13:00"),
        ("12:00-13:00", "2026-11-30T13:00", ""),
        ("22:00-07:00 Europe/Vienna", "2026-11-30T21:30", "2026-12-01T06:00"),
        ("22:00-07:00 Europe/Vienna", "2026-07-01T20:30", "2026-07-02T05:00"),
        ("", "2026-11-30T12:30", ""),
    ],
)
def test_quiet_hours_end_in_their_time_zone(hours: str, now: str, until: str) -> None:
    assert quiet_until(hours, at(now)) == (at(until) if until else 0)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("22:00-07:00", True),
        ("22:00-07:00 Europe/Vienna", True),
        ("22:00-22:00", False),
        ("25:00-07:00", False),
        ("22:00-07:00 Mars/Olympus", False),
        ("22:00-07:00 ../../etc/passwd", False),
        ("22-7", False),
    ],
)
def test_quiet_hours_are_checked(text: str, right: bool) -> None:
    assert is_quiet_hours(text) is right
