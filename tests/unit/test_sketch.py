"""The estimated number of users is within the stated error."""

import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.models.sketch import STANDARD_ERROR, add, estimate


def users(size: int, seed: int) -> list[str]:
    return [f"id:{number}" for number in random.Random(seed).sample(range(10**9), size)]


def test_an_empty_sketch_counts_no_users() -> None:
    assert estimate(b"") == 0
    assert add(b"", []) == b""


@pytest.mark.parametrize("size", range(1, 11))
def test_up_to_ten_users_are_counted_almost_always_exactly(size: int) -> None:
    exact = [estimate(add(b"", users(size, seed))) == size for seed in range(50)]
    assert sum(exact) >= 45


@pytest.mark.parametrize("size", [100, 1_000, 1_400, 3_000, 20_000])
def test_larger_numbers_are_within_the_stated_error(size: int) -> None:
    errors = [estimate(add(b"", users(size, seed))) / size - 1 for seed in range(24)]
    assert abs(sum(errors) / len(errors)) < STANDARD_ERROR
    # Of a normal distribution 95.4 % lie within two standard errors, 99.99 % within four.
    assert sum(abs(error) < 2 * STANDARD_ERROR for error in errors) >= 20
    assert max(map(abs, errors)) < 4 * STANDARD_ERROR


@given(st.lists(st.text(), max_size=30), st.randoms())
def test_order_repetition_and_batches_do_not_change_the_sketch(
    identities: list[str], chance: random.Random
) -> None:
    whole = add(b"", identities)
    shuffled = identities * 2
    chance.shuffle(shuffled)
    piecewise = b""
    while shuffled:
        taken = chance.randint(1, len(shuffled))
        piecewise = add(piecewise, shuffled[:taken])
        del shuffled[:taken]
    assert estimate(piecewise) == estimate(whole)
    assert piecewise == whole == b"" or zlib.decompress(piecewise) == zlib.decompress(whole)


def test_known_users_do_not_change_the_sketch() -> None:
    sketch = add(b"", ["id:1", "id:2"])
    assert add(sketch, ["id:2", "id:1"]) is sketch


def test_a_sketch_of_100_000_users_has_less_than_512_bytes() -> None:
    assert len(add(b"", users(100_000, 1))) < 512


def test_any_text_is_an_identity() -> None:
    assert estimate(add(b"", ["", "\ud800", "\x00", "x" * 100_000])) == 4
