"""Parses client reports: the number of events that an SDK did not send, by reason.

Source: the SDK development documentation, "Client Reports".
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from errata.errors import InvalidInputError
from errata.models.loss import SDK_REASONS
from errata.protocol.body import MAX_JSON_BYTES, parse_object

# Errata does not store the other categories (transactions, sessions, …), so it does not count them.
_CATEGORIES = {"error", "default", "security"}
# The most events that count, for each reason and envelope. SDKs report once a minute. Anybody who
# has the public key can send a report, so one request must not make up millions of losses.
MAX_QUANTITY = 1_000
# The most entries of a report that are read. A valid report has fewer: one for each pair of a
# category and a reason.
_MAX_ENTRIES = 100


def discarded(payloads: Iterable[bytes]) -> dict[str, int]:
    """Return the number of discarded events in the reports of one envelope, by reason.

    The reasons are `SDK_REASONS`. An invalid report counts as empty. At most
    `MAX_QUANTITY` events of each reason count.
    """
    lost: Counter[str] = Counter()
    for payload in payloads:
        for entry in _entries(payload):
            if not isinstance(entry, dict) or entry.get("category") not in _CATEGORIES:
                continue
            quantity = entry.get("quantity")
            if type(quantity) is int and quantity > 0:
                reason = f"sdk_{entry.get('reason')}"
                lost[reason if reason in SDK_REASONS else "sdk_other"] += quantity
    return {reason: min(number, MAX_QUANTITY) for reason, number in lost.items()}


def _entries(payload: bytes) -> list[Any]:
    if len(payload) > MAX_JSON_BYTES:
        return []
    try:
        entries = parse_object(payload).get("discarded_events")
    except InvalidInputError:
        return []
    return entries[:_MAX_ENTRIES] if isinstance(entries, list) else []
