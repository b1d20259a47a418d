"""Text that hardly compresses, with four bytes per character: the worst case for a body."""

import random
from functools import cache


@cache
def _pool() -> str:
    points = random.Random(1).choices(range(0x10000, 0x10FFFF), k=300_000)
    return "".join(map(chr, points))


def noise(characters: int, seed: int = 0) -> str:
    """Return the same text for the same seed, up to 200,000 characters."""
    start = seed * 9_973 % 100_000
    return _pool()[start : start + characters]
