"""The handlers' own rate limit, for requests that API Gateway cannot count by key.

These have the key in the body, or no key. A token bucket allows `burst` requests at once, and
`limit` more each minute. It is stored as one number by GCRA (ITU-T I.371), so one conditional write
takes a token, and one refused write says when to retry. An execution environment caches that a
bucket is empty, and then makes no call.
"""

from collections.abc import Callable

from errata.caches import BoundedDict
from errata.errors import RateLimitedError
from errata.models.organization import address_block
from errata.models.project import DEFAULT_LIMIT, Access
from errata.store import rate_buckets

_MINUTE_MS = 60_000
_TRIES = 8

# Counts one request against the key of an access at a timestamp, or raises RateLimitedError.
type Take = Callable[[Access, int], None]

# The last known theoretical arrival time of each bucket.
_known = BoundedDict[str, int](max_entries=10_000)


def take(
    bucket: str,
    limit: int,
    now_ms: int,
    window_ms: int = _MINUTE_MS,
    *,
    burst: int | None = None,
) -> None:
    """Take one token from a bucket of `limit` requests a minute, or per `window_ms`.

    `burst`: requests at once; None means `limit`.

    Raises:
        RateLimitedError: as `take_some`.
    """
    take_some(bucket, limit, now_ms, 1, window_ms, burst=burst)


def take_some(
    bucket: str,
    limit: int,
    now_ms: int,
    most: int,
    window_ms: int = _MINUTE_MS,
    *,
    burst: int | None = None,
) -> int:
    """Take up to `most` tokens, at least one, from a bucket as in `take`. Return how many.

    Raises:
        RateLimitedError: the bucket is empty; `retry_after` is the seconds until its next token.
    """
    step = window_ms // limit
    tolerance = step * ((burst or limit) - 1)
    tat = _known.get(bucket, 0)
    for _ in range(_TRIES):
        if tat > now_ms + tolerance:
            raise RateLimitedError(_seconds(tat - tolerance - now_ms))
        tokens = min(most, (now_ms + tolerance - max(tat, now_ms)) // step + 1)
        taken, tat = rate_buckets.take_tokens(
            bucket, idle=tat <= now_ms, now=now_ms, step=step, tolerance=tolerance, tokens=tokens
        )
        _known[bucket] = tat
        if taken:
            return tokens
    if tat > now_ms + tolerance:
        raise RateLimitedError(_seconds(tat - tolerance - now_ms))
    # There was a conflict on every try: other requests took the tokens.
    raise RateLimitedError(1)


def take_for_key(access: Access, now_ms: int) -> None:
    """Count one request against a key.

    Raises:
        RateLimitedError: the key has reached its rate limit.
    """
    take(bucket_of(access), access.rate_limit, now_ms, burst=access.burst)


def bucket_of(access: Access) -> str:
    """Return the name of the bucket of a key."""
    return f"key#{access.key_id}"


def take_for_address(address: str, now_ms: int) -> None:
    """Count one request without a resolved key against its address, or its /64 if it is IPv6.

    Raises:
        RateLimitedError: the address or its block has reached its rate limit.
    """
    take(f"ip#{address_block(address)}", DEFAULT_LIMIT.per_minute, now_ms)


def _seconds(milliseconds: int) -> int:
    return max(1, -(-milliseconds // 1000))


def clear_cache() -> None:
    """Drop the cached buckets."""
    _known.clear()
