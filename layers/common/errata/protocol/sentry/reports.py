"""Parses client reports: the number of events that an SDK did not send, by reason.

Source: the SDK development documentation, "Client Reports".
"""

from collections import Counter

from errata.errors import InvalidInputError
from errata.models.loss import SDK_REASONS
from errata.protocol.body import parse_object

# Errata does not store the other categories (transactions, sessions, …), so it does not count them.
_CATEGORIES = {"error", "default", "security"}
_MAX_QUANTITY = 1_000_000


def discarded(payload: bytes) -> Counter[str]:
    """Return the number of discarded events by reason (`SDK_REASONS`).

    An invalid report counts as empty.
    """
    lost: Counter[str] = Counter()
    try:
        report = parse_object(payload)
    except InvalidInputError:
        return lost
    entries = report.get("discarded_events")
    for entry in entries if isinstance(entries, list) else ():
        if not isinstance(entry, dict) or entry.get("category") not in _CATEGORIES:
            continue
        quantity = entry.get("quantity")
        if type(quantity) is int and 0 < quantity <= _MAX_QUANTITY:
            reason = f"sdk_{entry.get('reason')}"
            lost[reason if reason in SDK_REASONS else "sdk_other"] += quantity
    return lost
