"""The monthly quota of an organization, spent from leases.

A counter in the table says how many of a calendar month's units (UTC) are leased. An execution
environment leases some with one conditional update, which never goes beyond the quota, and spends
them from memory. It begins with one, and takes twice as many whenever it has used up a lease soon,
up to `MAX_LEASE`; and never more than a thousandth of what is left, so that of the last two
thousand each is leased singly. See docs/decisions/0011-quota-by-lease.md.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock

from botocore.exceptions import BotoCoreError, ClientError

from errata.errors import PaymentRequired, Refused
from errata.models.project import Access
from errata.store import idempotency as store
from errata.store.attributes import surely_refused

MAX_LEASE = 100
# How much must be left for each unit of a lease that has more than one.
LEFT_PER_UNIT = 1_000
# An environment that needs longer for a lease holds too much that would go with it.
SOON_MS = 5 * 60 * 1000


@dataclass(slots=True)
class Lease:
    """Units of a month that this process may spend."""

    organization: str
    quota: int
    month: str
    left: int = 0
    size: int = 0
    next_size: int = 1
    taken_at: int = 0


_lock = Lock()
_leases: dict[str, Lease] = {}


def month_of(at_ms: int) -> str:
    """The calendar month of a time, in UTC: `2026-11`."""
    return f"{datetime.fromtimestamp(at_ms // 1000, UTC):%Y-%m}"


def spend(access: Access, at_ms: int) -> Lease | None:
    """Take a unit for an event, and say which lease it is of; None where there is no limit.

    Raises:
        PaymentRequired: the organization has none left this month, or has not paid an invoice.
    """
    if access.unpaid_url is not None:
        raise PaymentRequired.invoice_unpaid(access.unpaid_url)
    quota = access.monthly_quota
    if quota is None:
        return None
    with _lock:
        lease = _current(access.organization, quota, at_ms)
        if not lease.left:
            _renew(lease, at_ms)
        lease.left -= 1
        return lease


def give_back(lease: Lease | None, why: Refused | ClientError | None = None) -> None:
    """Give back a unit whose event was not stored.

    `why` is what kept it from that; where the event may be stored nevertheless, its unit is used.
    """
    if lease is None or (isinstance(why, ClientError) and not surely_refused(why)):
        return
    with _lock:
        if lease.size > 1:
            lease.left += 1
            return
        # Others may be waiting for it.
        try:
            store.return_units(lease.organization, lease.month, 1)
        except (BotoCoreError, ClientError) as error:
            # Of one that may be returned nobody knows whose it is: it counts as used.
            lease.left += surely_refused(error)


def used(organization: str, at_ms: int) -> int:
    """How many units of the current month are leased: as good as used."""
    return store.leased_units(organization, month_of(at_ms))


def forget() -> None:
    """Drop every lease, as a process that ends does."""
    _leases.clear()


def _current(organization: str, quota: int, at_ms: int) -> Lease:
    month = month_of(at_ms)
    lease = _leases.get(organization)
    if lease and (lease.quota, lease.month) == (quota, month):
        return lease
    _leases[organization] = fresh = Lease(organization, quota, month)
    if lease and lease.left and lease.month == month:
        # Leased under another quota, and perhaps more than the new one has.
        store.return_units(organization, month, lease.left)
    return fresh


def _renew(lease: Lease, at_ms: int) -> None:
    quota = lease.quota
    if lease.size and at_ms - lease.taken_at > SOON_MS:
        lease.next_size = lease.size // 2
    size = max(1, min(lease.next_size, MAX_LEASE, quota // LEFT_PER_UNIT))
    while quota:
        left_before = size * LEFT_PER_UNIT if size > 1 else 1
        leased = store.lease_units(lease.organization, lease.month, size, quota - left_before)
        if leased is None:
            lease.left = lease.size = size
            lease.next_size = size * 2
            lease.taken_at = at_ms
            return
        if size == 1:
            break
        size = max(1, min(size - 1, (quota - leased) // LEFT_PER_UNIT))
    raise PaymentRequired.quota_reached(quota)
