"""Cache look-ups in the store for 30 seconds. A change takes effect within that time."""

from collections.abc import Callable

from errata.models.times import CACHE_TTL_MS


class TTLCache[T]:
    """Results of a look-up, by key; at most `max_entries`."""

    def __init__(self, max_entries: int) -> None:
        self._max_entries = max_entries
        # Key → (expiry in milliseconds, result), oldest first.
        self._entries: dict[str, tuple[int, T]] = {}

    def get(self, key: str, now_ms: int, look_up: Callable[[], T]) -> T:
        """Return the cached result, or look it up and cache it."""
        cached = self._entries.get(key)
        if cached and cached[0] > now_ms:
            return cached[1]
        self._entries.pop(key, None)
        result = look_up()
        if len(self._entries) >= self._max_entries:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = (now_ms + CACHE_TTL_MS, result)
        return result

    def drop_if(self, key: str, result: T) -> None:
        """Drop the entry if it holds this very result."""
        if key in self._entries and self._entries[key][1] is result:
            del self._entries[key]

    def drop(self, key: str) -> None:
        """Drop one entry."""
        self._entries.pop(key, None)

    def clear(self) -> None:
        """Drop all entries."""
        self._entries.clear()
