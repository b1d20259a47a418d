"""Counters in IdempotencyTable: the projects that one address block has created on one day, UTC.

| pk | attributes |
|---|---|
| `created#<address or /64>#<day>` | created, ttl |
"""

from typing import Any

from errata.config import settings
from errata.models.ids import DAY_MS
from errata.store.items import write_all


def counted(block: str, most: int, at_ms: int) -> Any:
    """Return the part of a transaction that counts one project of a block.

    It fails if the block has created `most` projects on this day.
    """
    day = at_ms // DAY_MS
    return {
        "TableName": settings().idempotency_table,
        "Key": write_all({"pk": f"created#{block}#{day}"}),
        "UpdateExpression": "SET #ttl = :ttl ADD created :one",
        "ConditionExpression": "attribute_not_exists(created) OR created < :most",
        "ExpressionAttributeNames": {"#ttl": "ttl"},
        "ExpressionAttributeValues": write_all(
            {":one": 1, ":most": most, ":ttl": (day + 2) * DAY_MS // 1000}
        ),
    }


def seconds_left(at_ms: int) -> int:
    """Return the seconds until the next day starts, at least 1."""
    return -(-(DAY_MS - at_ms % DAY_MS) // 1000)
