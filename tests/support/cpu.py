"""CPU time of a call, as little disturbed by the rest of the machine as possible."""

import time
from collections.abc import Callable


def cpu_s(run: Callable[[], object], below: float, tries: int = 3) -> float:
    """Return the CPU time of `run` in seconds, the least of up to `tries` calls.

    Stops with the first call that takes less than `below`: other work on the machine and the
    garbage collector can only make a call longer.
    """
    least = float("inf")
    for _ in range(tries):
        started = time.process_time()
        run()
        least = min(least, time.process_time() - started)
        if least < below:
            break
    return least
