"""The handlers' token bucket behaves like a simple one, with any state of the caches."""

from fractions import Fraction
from itertools import count
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.errors import RateLimitedError
from errata.usecases.rate_limit import take
from tests.support import fuzz
from tests.support.calls import recorded
from tests.support.fresh import clear_cache

_names = count()


class Bucket:
    """`limit` tokens, and one more each `60000 // limit` milliseconds."""

    def __init__(self, limit: int, now_ms: int) -> None:
        self.limit, self.step = limit, 60_000 // limit
        self.tokens, self.at_ms = Fraction(limit), now_ms

    def take(self, now_ms: int) -> int:
        """Return 0 if there was a token, or else the seconds until there is one."""
        gained = Fraction(now_ms - self.at_ms, self.step)
        self.tokens, self.at_ms = min(self.tokens + gained, Fraction(self.limit)), now_ms
        if self.tokens >= 1:
            self.tokens -= 1
            return 0
        return max(1, ceil((1 - self.tokens) * self.step / 1000))


def taken(bucket: str, limit: int, now_ms: int) -> int:
    """Return the same as `Bucket.take`."""
    try:
        take(bucket, limit, now_ms)
    except RateLimitedError as limited:
        return limited.retry_after
    return 0


pauses = st.lists(st.integers(0, 3) | st.integers(0, 30_000), min_size=5, max_size=25)


@fuzz.bounded(40)
@given(limit=st.sampled_from([1, 2, 3, 7, 60, 600]), pauses=pauses, memory=st.booleans())
def test_a_bucket_gives_as_many_tokens_as_a_simple_one(
    limit: int, pauses: list[int], memory: bool
) -> None:
    now_ms = 1_795_341_600_000
    name, plain = f"bucket {next(_names)}", Bucket(limit, now_ms)
    for pause in pauses:
        now_ms += pause
        if not memory:
            clear_cache()
        assert taken(name, limit, now_ms) == plain.take(now_ms)


def test_a_bucket_that_is_known_to_be_empty_makes_no_call() -> None:
    for _ in range(3):
        taken("empty", 2, 1_000_000)
    with recorded() as seen:
        assert taken("empty", 2, 1_000_001) == 30
    assert seen == []


def test_a_token_costs_one_call() -> None:
    for _ in range(5):
        with recorded() as seen:
            assert taken("usual", 60, 1_000_000) == 0
        assert [call.operation for call in seen] == ["UpdateItem"]


def test_a_process_with_an_empty_cache_makes_two_calls() -> None:
    taken("shared", 60, 1_000_000)
    clear_cache()
    with recorded() as seen:
        assert taken("shared", 60, 1_000_000) == 0
    assert len(seen) == 2


def test_a_clock_that_is_behind_gets_no_token_of_an_empty_bucket() -> None:
    assert [taken("skewed", 2, 1_000_000) for _ in range(3)] == [0, 0, 30]
    clear_cache()
    assert taken("skewed", 2, 995_000) == 35
    assert taken("skewed", 2, 1_030_000) == 0


@pytest.mark.parametrize("limit", [1, 59, 60, 61, 60_000])
def test_the_first_burst_is_the_limit(limit: int) -> None:
    burst = min(limit, 61)
    assert [taken(f"burst {limit}", limit, 1_000_000) for _ in range(burst)] == [0] * burst
    assert (taken(f"burst {limit}", limit, 1_000_000) > 0) == (limit <= burst)
