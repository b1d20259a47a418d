"""Spend an organization's monthly quota from leases.

A counter in the table holds how many units of a calendar month (UTC) are leased. An execution
environment leases some with one conditional update, which never exceeds the quota, and spends them
from memory. The first lease has one unit. Each lease that is used up within `SOON_MS` doubles the
next one, up to `MAX_LEASE`. A lease never has more than a thousandth of what is left, so each of
the last two thousand units is leased by itself. See docs/decisions/0011-quota-by-lease.md.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock

from errata.errors import ErrataError, PaymentRequiredError, StoreError
from errata.models.loss import LOW_QUOTA
from errata.models.project import Access
from errata.store import quota_leases

MAX_LEASE = 100
# A lease may have one unit for each thousand that are left. It always has at least one.
LEFT_PER_UNIT = 1_000
# A lease that lasts longer is too large: its unused units are lost when the environment ends.
SOON_MS = 5 * 60 * 1000
# How long it is cached that a quota is reached. Units that are returned count after that time.
REACHED_MS = 1_000
# Percent of the quota at which the owners get a notice.
LOW = 80

logger = logging.getLogger("errata")


@dataclass(slots=True)
class QuotaLease:
    """Units of a month that this process has reserved and may spend."""

    organization: str
    quota: int
    month: str
    left: int = 0
    size: int = 0
    next_size: int = 1
    taken_at: int = 0
    reached_until: int = 0


_lock = Lock()
_leases: dict[str, QuotaLease] = {}


def month_of(at_ms: int) -> str:
    """Return the calendar month of a timestamp, in UTC: `2026-11`."""
    return f"{datetime.fromtimestamp(at_ms // 1000, UTC):%Y-%m}"


def spend(access: Access, at_ms: int) -> QuotaLease | None:
    """Take a quota unit for an event. Return its lease, or None if there is no quota.

    Raises:
        PaymentRequiredError: the organization has no units left this month, or an unpaid invoice.
    """
    if access.unpaid_url is not None:
        raise PaymentRequiredError.invoice_unpaid(access.unpaid_url)
    quota = access.monthly_quota
    if quota is None:
        return None
    with _lock:
        lease = _current(access.organization, quota, at_ms)
        if not lease.left:
            _renew(lease, at_ms)
        lease.left -= 1
        return lease


class QuotaUnit:
    """A unit of the quota, taken for one event."""

    def __init__(self, lease: QuotaLease | None) -> None:
        self._lease = lease

    def give_back(self) -> None:
        """Give the unit back, because an earlier request stored the event."""
        give_back(self._lease)


@contextmanager
def unit(access: Access, at_ms: int) -> Iterator[QuotaUnit]:
    """Take a quota unit for the event that the block stores.

    If the block raises, the unit is given back, unless the event may have been stored.

    Raises:
        PaymentRequiredError: the organization has no units left this month, or an unpaid invoice.
    """
    lease = spend(access, at_ms)
    try:
        yield QuotaUnit(lease)
    except ErrataError as error:
        give_back(lease, error)
        raise


def check(access: Access, at_ms: int) -> None:
    """Raise the error that `spend` would raise, without taking a unit.

    Call this before you refuse an event for another reason, because 402 has priority.

    Raises:
        PaymentRequiredError: as `spend`.
    """
    if in_hand(access, at_ms):
        return
    if access.unpaid_url is not None:
        raise PaymentRequiredError.invoice_unpaid(access.unpaid_url)
    with _lock:
        lease = _leases[access.organization]
        _check_known(lease, at_ms)
        if quota_leases.leased_units(lease.organization, lease.month) >= lease.quota:
            raise _reached(lease, at_ms)


def in_hand(access: Access, at_ms: int) -> bool:
    """Return whether `spend` can take a unit from memory, or needs none: there is no quota."""
    if access.unpaid_url is not None:
        return False
    if access.monthly_quota is None:
        return True
    with _lock:
        return _current(access.organization, access.monthly_quota, at_ms).left > 0


def give_back(lease: QuotaLease | None, why: ErrataError | None = None) -> None:
    """Give back a unit whose event was not stored.

    `why` is the error of storing it. If the event may be stored despite the error, its unit counts
    as used.
    """
    if lease is None or (isinstance(why, StoreError) and why.maybe_applied):
        return
    with _lock:
        if lease.size > 1:
            lease.left += 1
            return
        # Return it to the table: other processes may need it.
        try:
            quota_leases.return_units(lease.organization, lease.month, 1)
            lease.reached_until = 0
        except StoreError as error:
            # A unit that may have been returned counts as used: another process may have it.
            lease.left += not error.maybe_applied


def used(organization: str, at_ms: int) -> int:
    """Return how many units of the current month are leased, which counts as used."""
    return quota_leases.leased_units(organization, month_of(at_ms))


def clear_cache() -> None:
    """Drop every lease, as if the process had ended."""
    _leases.clear()


def _current(organization: str, quota: int, at_ms: int) -> QuotaLease:
    month = month_of(at_ms)
    lease = _leases.get(organization)
    if lease and (lease.quota, lease.month) == (quota, month):
        return lease
    _leases[organization] = fresh = QuotaLease(organization, quota, month)
    if lease and lease.left and lease.month == month:
        # The units were leased under another quota. They may be more than the new one allows.
        quota_leases.return_units(organization, month, lease.left)
    return fresh


def _renew(lease: QuotaLease, at_ms: int) -> None:
    _check_known(lease, at_ms)
    quota = lease.quota
    if lease.size and at_ms - lease.taken_at > SOON_MS:
        lease.next_size = min(lease.next_size, lease.size // 2)
    size = max(1, min(lease.next_size, MAX_LEASE, quota // LEFT_PER_UNIT))
    while quota:
        left_before = size * LEFT_PER_UNIT if size > 1 else 1
        taken, leased = quota_leases.lease_units(
            lease.organization, lease.month, size, quota - left_before
        )
        if taken:
            if leased - size < quota * LOW // 100 <= leased:
                logger.warning(LOW_QUOTA, lease.organization, lease.month)
            lease.left = lease.size = size
            lease.next_size = size * 2
            lease.taken_at = at_ms
            return
        if size == 1:
            break
        # Fewer than `size` thousands are left, so the next size is smaller.
        size = max(1, (quota - leased) // LEFT_PER_UNIT)
    raise _reached(lease, at_ms)


def _check_known(lease: QuotaLease, at_ms: int) -> None:
    if at_ms < lease.reached_until:
        raise PaymentRequiredError.quota_reached(lease.quota)


def _reached(lease: QuotaLease, at_ms: int) -> PaymentRequiredError:
    """Return the error for a reached quota. Cache that it is reached, for `REACHED_MS`."""
    lease.next_size = 1
    lease.reached_until = at_ms + REACHED_MS
    return PaymentRequiredError.quota_reached(lease.quota)
