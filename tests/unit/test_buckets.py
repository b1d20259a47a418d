"""Events are counted by minute, hour and day, and the counts say whether an issue is rising."""

import random
from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.models.buckets import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    Buckets,
)
from errata.models.issue import trend
from tests.support import shelf

NOW_MS = 1_795_341_600_000  # on the hour
times = st.lists(st.integers(NOW_MS - 40 * DAY_MS, NOW_MS), max_size=60)


def filled(at_ms: list[int]) -> Buckets:
    buckets = Buckets()
    for each in at_ms:
        buckets.add(each)
    return buckets


@given(times)
def test_unpack_returns_the_packed_counts(at_ms: list[int]) -> None:
    buckets = filled(at_ms)
    assert Buckets.unpack(buckets.pack()) == buckets


@given(times)
def test_the_newest_minutes_hours_and_days_are_kept(at_ms: list[int]) -> None:
    buckets = filled(at_ms)
    for counts, unit_ms, most in (
        (buckets.minutes, MINUTE_MS, 60),
        (buckets.hours, HOUR_MS, 25),
        (buckets.days, DAY_MS, 30),
    ):
        units = [each // unit_ms for each in at_ms]
        kept = [each for each in units if each > max(units) - most]
        assert counts == {each: kept.count(each) for each in kept}


def test_the_order_of_events_does_not_matter() -> None:
    at_ms = [NOW_MS, NOW_MS - 59 * MINUTE_MS, NOW_MS - 61 * MINUTE_MS, NOW_MS - 31 * DAY_MS]
    assert len({filled(list(order)).pack() for order in permutations(at_ms)}) == 1


def test_full_buckets_take_less_than_half_a_kilobyte() -> None:
    chance = random.Random(1)
    buckets = Buckets()
    for minute in range(30 * 24 * 60):
        buckets.add(NOW_MS - minute * MINUTE_MS, chance.randrange(10_000, 16_000))
    assert len(buckets.minutes) == 60
    assert len(buckets.pack()) < 512
    assert Buckets().pack() == b"\0\0\0"
    assert Buckets.unpack(b"") == Buckets()


def test_the_last_hour_and_day_end_now() -> None:
    at_ms = [NOW_MS - 30_000 - minutes * MINUTE_MS for minutes in (0, 58, 59, 120, 1_400, 1_500)]
    buckets = filled(at_ms)
    assert buckets.last_hour(NOW_MS) == 2
    assert buckets.last_day(NOW_MS) == 4
    # Counts from later than the time of reading do not belong to it.
    assert buckets.last_hour(NOW_MS - 10 * MINUTE_MS) == 2
    assert (buckets.last_hour(NOW_MS + DAY_MS), buckets.last_day(NOW_MS + 3 * DAY_MS)) == (0, 0)


def test_the_usual_hour_is_the_mean_of_the_day_before_the_last_hour() -> None:
    buckets = filled([NOW_MS - 25 * HOUR_MS])
    assert buckets.usual_hour(NOW_MS) == 0
    buckets.add(NOW_MS - 24 * HOUR_MS, 48)
    assert buckets.usual_hour(NOW_MS) == 2


@pytest.mark.parametrize(
    ("before", "last_hour", "rising"),
    [
        (0, 9, False),
        (0, 10, True),
        # A mean of 2.5 an hour: ten is four times as much.
        (60, 10, True),
        (61, 10, False),
        (2_400, 399, False),
        (2_400, 400, True),
    ],
)
def test_rising_is_ten_events_and_four_times_the_mean(
    before: int, last_hour: int, rising: bool
) -> None:
    buckets = Buckets()
    buckets.add(NOW_MS - 90 * MINUTE_MS, before)
    buckets.add(NOW_MS - 5 * MINUTE_MS, last_hour)
    assert buckets.is_rising(NOW_MS) is rising


def test_a_trend_names_each_state_of_the_issue() -> None:
    rising = Buckets()
    rising.add(NOW_MS - MINUTE_MS, 10)
    day_ago = NOW_MS - DAY_MS

    def words(buckets: Buckets, first_seen: int, last_seen: int) -> tuple[str, ...]:
        issue = replace(shelf.ISSUE, first_seen=first_seen, last_seen=last_seen, buckets=buckets)
        return trend(issue, NOW_MS)

    assert words(rising, NOW_MS - 1, NOW_MS - 1) == ("rising", "new")
    assert words(rising, day_ago, NOW_MS - 1) == ("rising",)
    assert words(Buckets(), day_ago + 1, day_ago + 1) == ("new",)
    assert words(Buckets(), day_ago - 1, day_ago) == ("quiet",)
    assert words(Buckets(), day_ago - 1, day_ago + 1) == ()
