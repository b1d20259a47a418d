"""Count function calls and bytes: the same numbers on every machine, unlike seconds."""

import cProfile
import pstats
import tracemalloc
from collections.abc import Callable
from typing import Any

# 250 ms of CPU are about twice as many.
MOST_STEPS = 400_000
MOST_BYTES = 128 * 1024 * 1024


def steps(call: Callable[[], Any]) -> int:
    """Return how many function calls `call` makes. A match of a regular expression is one call."""
    profile = cProfile.Profile()
    profile.runcall(call)
    # typeshed does not declare `total_calls`.
    total: int = pstats.Stats(profile).total_calls  # type: ignore[attr-defined]
    return total


def peak_bytes(call: Callable[[], Any]) -> int:
    """Return the most memory that `call` has at one time, in bytes."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
