"""Quota leases in IdempotencyTable: how many units of a month's quota processes have leased.

| pk | attributes |
|---|---|
| `quota#<organization>#2026-11` | leased, ttl |

DynamoDB deletes a row after `ttl` (seconds).
"""

from datetime import UTC, datetime

from errata.config import settings
from errata.errors import ConditionFailedError
from errata.store import clients
from errata.store.items import TypedItem, read_all, read_value, write_all

_KEPT_S = 400 * 86_400


def lease_units(organization: str, month: str, units: int, most_before: int) -> tuple[bool, int]:
    """Lease units of a month's quota if at most `most_before` (0 or more) are already leased.

    Returns whether the units were leased, and the number of units that are leased now. Access
    pattern K3.
    """
    values = {":units": units, ":most": most_before, ":ttl": _expiry(month)}
    try:
        response = clients.dynamodb().update_item(
            TableName=settings().idempotency_table,
            Key=_quota_key(organization, month),
            UpdateExpression="ADD leased :units SET #ttl = :ttl",
            ConditionExpression="attribute_not_exists(leased) OR leased <= :most",
            ExpressionAttributeNames={"#ttl": "ttl"},
            ExpressionAttributeValues=write_all(values),
            ReturnValues="UPDATED_NEW",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ConditionFailedError as error:
        return False, int(read_value(error.item["leased"]))
    return True, int(read_value(response["Attributes"]["leased"]))


def return_units(organization: str, month: str, units: int) -> None:
    """Give back units of a month's quota that were leased and not used. Access pattern K4.

    If this raises an error, the units may already be returned: see `StoreError.maybe_applied`.
    """
    # A retry after a lost response would return them twice.
    clients.dynamodb_once().update_item(
        TableName=settings().idempotency_table,
        Key=_quota_key(organization, month),
        UpdateExpression="ADD leased :units",
        ExpressionAttributeValues={":units": {"N": str(-units)}},
    )


def leased_units(organization: str, month: str) -> int:
    """Return how many units of a month's quota are leased. Access pattern K5."""
    response = clients.dynamodb().get_item(
        TableName=settings().idempotency_table,
        Key=_quota_key(organization, month),
        ConsistentRead=True,
    )
    return int(read_all(response["Item"])["leased"]) if "Item" in response else 0


def _quota_key(organization: str, month: str) -> TypedItem:
    return {"pk": {"S": f"quota#{organization}#{month}"}}


def _expiry(month: str) -> int:
    """Return the row's `ttl` in seconds: long after the month, so that people can look it up."""
    first = datetime(int(month[:4]), int(month[5:]), 1, tzinfo=UTC)
    return int(first.timestamp()) + _KEPT_S
