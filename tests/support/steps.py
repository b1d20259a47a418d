"""Count function calls, of Python and of C: the same number on every machine, unlike seconds."""

import cProfile
import pstats
from collections.abc import Callable
from typing import Any

# 250 ms of CPU are about twice as many.
MOST_STEPS = 400_000


def steps(call: Callable[[], Any]) -> int:
    """Return how many function calls `call` makes, one for each match of a regular expression."""
    profile = cProfile.Profile()
    profile.runcall(call)
    total: int = pstats.Stats(profile).total_calls  # type: ignore[attr-defined]
    return total
