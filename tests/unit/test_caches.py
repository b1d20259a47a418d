"""The caches of a process are bounded, in entries and in time."""

from collections.abc import Iterator
from itertools import count

import pytest

from errata.caches import BoundedDict, TTLCache
from errata.models.times import CACHE_TTL_MS

NOW_MS = 1_795_341_600_000


def test_a_new_entry_evicts_the_one_that_was_set_longest_ago() -> None:
    cache = BoundedDict[str, int](max_entries=2)
    cache["a"] = 1
    cache["b"] = 2
    cache["a"] = 3
    assert cache == {"a": 3, "b": 2}
    cache["c"] = 4
    assert cache == {"a": 3, "c": 4}


def test_an_entry_that_is_set_again_evicts_nothing() -> None:
    cache = BoundedDict[str, int](max_entries=1)
    for value in range(3):
        cache["a"] = value
        assert cache == {"a": value}


def looked_up(cache: TTLCache[int], key: str, at_ms: int, values: Iterator[int]) -> int:
    return cache.get(key, at_ms, lambda: next(values))


def test_a_result_is_looked_up_again_after_its_time() -> None:
    cache, values = TTLCache[int](max_entries=2), count()
    found = [
        looked_up(cache, "a", NOW_MS + after, values)
        for after in (0, CACHE_TTL_MS - 1, CACHE_TTL_MS, 2 * CACHE_TTL_MS - 1, 2 * CACHE_TTL_MS)
    ]
    assert found == [0, 0, 1, 1, 2]


def test_a_new_result_evicts_the_oldest_one() -> None:
    cache, values = TTLCache[int](max_entries=2), count()
    assert [looked_up(cache, key, NOW_MS, values) for key in "abcbca"] == [0, 1, 2, 1, 2, 3]


def test_a_look_up_that_fails_is_not_cached() -> None:
    cache = TTLCache[int](max_entries=2)
    with pytest.raises(ZeroDivisionError):
        cache.get("a", NOW_MS, lambda: 1 // 0)
    assert looked_up(cache, "a", NOW_MS, count(7)) == 7


def test_a_result_is_dropped_alone_or_with_all_others() -> None:
    cache, values = TTLCache[list[int]](max_entries=3), count()

    def found() -> list[list[int]]:
        return [cache.get(key, NOW_MS, lambda: [next(values)]) for key in "ab"]

    first, second = found()
    cache.drop_if("a", [0])  # equal, but not this one
    cache.drop_if("none", first)
    cache.drop("none")
    assert found() == [[0], [1]]
    cache.drop_if("a", first)
    assert found() == [[2], [1]]
    cache.drop("b")
    assert found() == [[2], [3]]
    cache.clear()
    assert found() == [[4], [5]]
    assert second == [1]
