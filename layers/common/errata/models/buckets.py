"""Numbers of events by minute, hour and day, and what they say about an issue.

An issue keeps the numbers of sixty minutes, 25 hours (the current one and the 24 before) and thirty
days, counted back from the newest one that has events. So they do not depend on the time of
reading. Those without events are left out.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
MAX_MINUTES, MAX_HOURS, MAX_DAYS = 60, 25, 30

# An issue is rising if the last hour has this many events, and this many times as many as an
# average hour of the day before.
RISING_EVENTS = 10
RISING_FACTOR = 4


@dataclass(slots=True)
class Buckets:
    """Numbers of events by minute, hour and day. Each key is a time since the epoch, in its unit.

    Entries without events are missing.
    """

    minutes: dict[int, int] = field(default_factory=dict)
    hours: dict[int, int] = field(default_factory=dict)
    days: dict[int, int] = field(default_factory=dict)

    def add(self, at_ms: int, count: int = 1) -> None:
        """Count events at a time in milliseconds since the epoch, unless it is too old."""
        for counts, unit_ms, most in (
            (self.minutes, MINUTE_MS, MAX_MINUTES),
            (self.hours, HOUR_MS, MAX_HOURS),
            (self.days, DAY_MS, MAX_DAYS),
        ):
            at = at_ms // unit_ms
            newest = max(counts, default=at)
            if at in counts or at > newest - most:
                counts[at] = counts.get(at, 0) + count
            if at > newest:
                for old in [each for each in counts if each <= at - most]:
                    del counts[old]

    def copy(self) -> "Buckets":
        """Return an independent copy."""
        return Buckets(dict(self.minutes), dict(self.hours), dict(self.days))

    @classmethod
    def union(cls, some: Iterable["Buckets"]) -> "Buckets":
        """Return the sums of these numbers, without entries that are too old beside the newest."""
        found = list(some)
        sums = []
        for name, most in (("minutes", MAX_MINUTES), ("hours", MAX_HOURS), ("days", MAX_DAYS)):
            total = Counter[int]()
            for each in found:
                total.update(getattr(each, name))
            newest = max(total, default=0)
            sums.append({at: n for at, n in total.items() if at > newest - most})
        return cls(*sums)

    def pack(self) -> bytes:
        """Return the numbers in a compact form: a few hundred bytes at most."""
        return b"".join(map(_packed, (self.minutes, self.hours, self.days)))

    @classmethod
    def unpack(cls, packed: bytes) -> "Buckets":
        """Return what `pack` has packed. `b""` has no numbers."""
        numbers = _numbers(packed)
        return cls(*(_unpacked(numbers) for _ in range(3))) if packed else cls()

    def last_hour(self, now_ms: int) -> int:
        """Return the number of events of the last sixty minutes, the current one included."""
        newest = now_ms // MINUTE_MS
        return sum(n for minute, n in self.minutes.items() if newest - 60 < minute <= newest)

    def last_minutes(self, now_ms: int, minutes: int) -> int:
        """Return the number of events of the last `minutes` (at most 60), with the current one."""
        newest = now_ms // MINUTE_MS
        return sum(n for each, n in self.minutes.items() if newest - minutes < each <= newest)

    def last_day(self, now_ms: int) -> int:
        """Return the number of events of this hour (UTC) and the 23 hours before."""
        newest = now_ms // HOUR_MS
        return sum(n for hour, n in self.hours.items() if newest - 24 < hour <= newest)

    def _day_before(self, now_ms: int) -> int:
        """Return the number of events of the 24 hours before the last sixty minutes.

        Up to an hour more may be included, because hours are counted as a whole.
        """
        newest = now_ms // HOUR_MS
        found = sum(n for hour, n in self.hours.items() if newest - MAX_HOURS < hour <= newest)
        return found - self.last_hour(now_ms)

    def usual_hour(self, now_ms: int) -> float:
        """Return the mean number of events in an hour, of the 24 hours before the last one."""
        return self._day_before(now_ms) / 24

    def is_rising(self, now_ms: int) -> bool:
        """Return whether there are many events in the last hour, compared with the day before."""
        last_hour = self.last_hour(now_ms)
        mean = self.usual_hour(now_ms)
        return last_hour >= RISING_EVENTS and last_hour >= RISING_FACTOR * mean


# ------------------------------------------------------------------ packed form


# A list is the number of its entries, its oldest time, and for each entry the distance to the one
# before and its count. Each number is a LEB128 (DWARF 5, section 7.6): seven bits a byte, lowest
# first.


def _packed(counts: dict[int, int]) -> bytes:
    numbers = [len(counts)]
    before = 0
    for at in sorted(counts):
        numbers += (at - before, counts[at])
        before = at
    out = bytearray()
    for number in numbers:
        while number > 127:
            out.append(number & 127 | 128)
            number >>= 7
        out.append(number)
    return bytes(out)


def _unpacked(numbers: Iterator[int]) -> dict[int, int]:
    take = partial(next, numbers)
    at, counts = 0, {}
    for _ in range(take()):
        at += take()
        counts[at] = take()
    return counts


def _numbers(packed: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in packed:
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            yield number
            number = shift = 0
