"""The rate limit of the SDK endpoint: spend the tokens of a key's bucket from leases.

An execution environment takes some tokens with one write and spends them from memory. The first
lease has one token. After each lease that is used up in time, the next one has `GROWTH` times as
many, up to a twentieth of the tokens of a minute; after one that is not, half as many. After
`LEASE_MS`, the rest of a lease is lost. So a key never gets more than its rate plus one lease for
each execution environment. See docs/decisions/0061-sdk-endpoint-url.md.
"""

from dataclasses import dataclass
from threading import Lock

from errata.caches import BoundedDict
from errata.models.project import Access
from errata.usecases import rate_limit

LEASE_MS = 5_000
# A burst of a hundred events takes five leases. Each is a write that its event waits for.
GROWTH = 4
# A lease has at most 1 / PART of the tokens of a minute.
PART = 20


@dataclass(slots=True)
class RateLease:
    """The `size` tokens that this process took at `taken_at`. `left` of them are not spent."""

    left: int
    size: int
    taken_at: int

    def holds(self, now_ms: int) -> bool:
        """Return whether a token can be spent from memory."""
        return self.left > 0 and self.fresh(now_ms)

    def fresh(self, now_ms: int) -> bool:
        """Return whether the lease has not expired."""
        return now_ms - self.taken_at <= LEASE_MS


_lock = Lock()
_leases = BoundedDict[str, RateLease](max_entries=10_000)


def take_for_key(access: Access, now_ms: int) -> None:
    """Count one request against a key.

    Raises:
        RateLimitedError: the key has reached its rate limit. While that is cached, costs no call.
    """
    bucket = rate_limit.bucket_of(access)
    with _lock:
        lease = _leases.get(bucket)
        if lease is None or not lease.holds(now_ms):
            most = min(_next_size(lease, now_ms), max(1, access.rate_limit // PART))
            size = rate_limit.take_some(bucket, access.rate_limit, now_ms, most, burst=access.burst)
            lease = _leases[bucket] = RateLease(size, size, now_ms)
        lease.left -= 1


def _next_size(lease: RateLease | None, now_ms: int) -> int:
    if lease is None:
        return 1
    return lease.size * GROWTH if lease.fresh(now_ms) else max(1, lease.size // 2)


def clear_cache() -> None:
    """Drop every lease, as if the process had ended."""
    _leases.clear()
