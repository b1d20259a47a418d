"""Make a limited number of attempts, with a random wait between them."""

import random
import time
from collections.abc import Iterator


def attempts(tries: int = 6, *, base_s: float = 0.02, most_s: float = 1.0) -> Iterator[int]:
    """Yield the number of each attempt, from 0, and wait before every one but the first.

    Leave the loop with `return` or `break` when an attempt succeeds. If the loop ends, all attempts
    have failed. The wait grows exponentially, with full jitter, up to `most_s` seconds.
    """
    for attempt in range(tries):
        if attempt:
            pause_s = min(most_s, base_s * 2 ** (attempt - 1))
            time.sleep(random.uniform(0, pause_s))  # noqa: S311 - not a secret
        yield attempt
