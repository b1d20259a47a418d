"""Counters that limit how many projects anybody may create through the legacy endpoint.

| counts | table | pk | sk | attributes |
|---|---|---|---|---|
| one block on a day, UTC | Idempotency | `created#<address or /48>#<day>` | | created, ttl |
| projects unclaimed now | Projects | `counter` | `unclaimed` | created |

A counter changes in the transaction that creates, adopts or deletes the project, so it is exact.
"""

from typing import Any

from errata.config import settings
from errata.models.ids import DAY_MS
from errata.store.items import write_all

_BELOW_MOST = "attribute_not_exists(created) OR created < :most"


def of_block(block: str, most: int, at_ms: int) -> Any:
    """Return the part of a transaction that counts one project of a block.

    It fails if the block has created `most` projects on this day.
    """
    day = at_ms // DAY_MS
    return {
        "TableName": settings().idempotency_table,
        "Key": write_all({"pk": f"created#{block}#{day}"}),
        "UpdateExpression": "SET #ttl = :ttl ADD created :one",
        "ConditionExpression": _BELOW_MOST,
        "ExpressionAttributeNames": {"#ttl": "ttl"},
        "ExpressionAttributeValues": write_all(
            {":one": 1, ":most": most, ":ttl": (day + 2) * DAY_MS // 1000}
        ),
    }


def one_more_unclaimed(most: int) -> Any:
    """Return the part of a transaction that counts one more unclaimed project.

    It fails if `most` projects are unclaimed.
    """
    return _unclaimed({":one": 1, ":most": most}) | {"ConditionExpression": _BELOW_MOST}


def one_less_unclaimed() -> Any:
    """Return the part of a transaction that counts one less unclaimed project."""
    return _unclaimed({":one": -1})


def _unclaimed(values: dict[str, int]) -> Any:
    return {
        "TableName": settings().projects_table,
        "Key": write_all({"pk": "counter", "sk": "unclaimed"}),
        "UpdateExpression": "ADD created :one",
        "ExpressionAttributeValues": write_all(values),
    }


def seconds_left(at_ms: int) -> int:
    """Return the seconds until the next day starts, at least 1."""
    return -(-(DAY_MS - at_ms % DAY_MS) // 1000)
