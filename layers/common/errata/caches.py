"""Caches that a process keeps in memory. None grows without bound."""

from collections.abc import Callable

from errata.models.times import CACHE_TTL_MS


class BoundedDict[K, V](dict[K, V]):
    """A dict of at most `max_entries`. A new key evicts the one that was set longest ago."""

    def __init__(self, max_entries: int) -> None:
        super().__init__()
        self._max_entries = max_entries

    def __setitem__(self, key: K, value: V) -> None:
        self.pop(key, None)  # A key that is set again becomes the newest.
        if len(self) >= self._max_entries:
            del self[next(iter(self))]
        super().__setitem__(key, value)


class TTLCache[T]:
    """Results of look-ups in the store, by key; at most `max_entries`.

    A result is kept for 30 seconds. A change takes effect within that time.
    """

    def __init__(self, max_entries: int) -> None:
        # Key → (expiry in milliseconds, result).
        self._entries = BoundedDict[str, tuple[int, T]](max_entries)

    def get(self, key: str, now_ms: int, look_up: Callable[[], T]) -> T:
        """Return the cached result, or look it up and cache it."""
        cached = self._entries.get(key)
        if cached and cached[0] > now_ms:
            return cached[1]
        result = look_up()
        self._entries[key] = (now_ms + CACHE_TTL_MS, result)
        return result

    def drop_if(self, key: str, result: T) -> None:
        """Drop the entry if it still holds this object."""
        if key in self._entries and self._entries[key][1] is result:
            del self._entries[key]

    def replace(self, key: str, result: T, by: T) -> None:
        """Replace `result` if the entry still holds this object. The expiry does not change."""
        cached = self._entries.get(key)
        if cached and cached[1] is result:
            self._entries[key] = (cached[0], by)

    def drop(self, key: str) -> None:
        """Drop one entry."""
        self._entries.pop(key, None)

    def clear(self) -> None:
        """Drop all entries."""
        self._entries.clear()
