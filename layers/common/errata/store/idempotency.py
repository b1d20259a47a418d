"""IdempotencyTable: idempotency records, token buckets and quota leases.

An idempotency record says which event a request with an `Idempotency-Key` stored:

| pk | attributes |
|---|---|
| `once#12#<sha256 of the Idempotency-Key>` | event_id, body_hash, expires_at, ttl |

A token bucket counts the requests of one key, or of one address without a key:

| pk | attributes |
|---|---|
| `bucket#key#<key id>` or `bucket#ip#<address>` | tat, ttl |

A quota lease row counts the units of one month's quota that processes have leased:

| pk | attributes |
|---|---|
| `quota#<organization>#2026-11` | leased, ttl |

DynamoDB deletes a row after `ttl` (seconds), but hours late. Readers therefore compare
`expires_at` (milliseconds), or the time, with the current time.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from errata.config import settings
from errata.errors import StoreError
from errata.store import clients
from errata.store.items import TypedItem, read, read_all, write_all

KEPT_MS = 24 * 3600 * 1000
_QUOTA_KEPT_S = 400 * 86_400


@dataclass(frozen=True, slots=True)
class Answered:
    """An earlier request with the same key: the event it stored, and what its body was."""

    event_id: str
    body_hash: bytes


def record_put(project_id: str, key: str, answered: Answered, at_ms: int) -> Any:
    """Return the part of `events.put_once` that stores the record, unless a live one exists."""
    expires_at = at_ms + KEPT_MS
    return {
        "Put": {
            "TableName": settings().idempotency_table,
            "Item": write_all(
                {
                    "pk": _record_key(project_id, key),
                    "event_id": answered.event_id,
                    "body_hash": answered.body_hash,
                    "expires_at": expires_at,
                    "ttl": expires_at // 1000 + 60,
                }
            ),
            "ConditionExpression": "attribute_not_exists(pk) OR expires_at <= :now",
            "ExpressionAttributeValues": {":now": {"N": str(at_ms)}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


def answered(item: TypedItem) -> Answered:
    """Return the record in an item, typed as DynamoDB responds."""
    values = read_all(item)
    return Answered(values["event_id"], values["body_hash"])


def find_answered(project_id: str, key: str, at_ms: int) -> Answered | None:
    """The live record of a key. Access pattern K1."""
    response = clients.dynamodb().get_item(
        TableName=settings().idempotency_table,
        Key={"pk": {"S": _record_key(project_id, key)}},
        ConsistentRead=True,
    )
    item = response.get("Item")
    if not item or read(item["expires_at"]) <= at_ms:
        return None
    return answered(item)


def _record_key(project_id: str, key: str) -> str:
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    return f"once#{project_id}#{digest}"


def move_bucket(bucket: str, *, idle: bool, now: int, step: int, room: int) -> tuple[bool, int]:
    """Take a token from a bucket that is idle (full) or busy. Access pattern K2.

    The bucket is one number, the theoretical arrival time of GCRA ("tat", in milliseconds): a
    request moves it `step` forward, and it may be at most `room` ahead of `now`.

    Returns whether the token was taken, and the time that now stands (0 when there is none).
    """
    # The names of the attributes are short and none is reserved, so no placeholders for them.
    if idle:
        change, condition = "tat = :next", "attribute_not_exists(pk) OR tat <= :now"
        values = {":now": now, ":next": now + step}
    else:
        change, condition = "tat = tat + :step", "tat > :now AND tat <= :most"
        values = {":now": now, ":step": step, ":most": now + room}
    # A bucket refills within room + step; until then its row must not go.
    values[":ttl"] = (now + room + step) // 1000 + 3600
    try:
        response = clients.dynamodb().update_item(
            TableName=settings().idempotency_table,
            Key={"pk": {"S": f"bucket#{bucket}"}},
            UpdateExpression=f"SET {change}, #ttl = :ttl",
            ConditionExpression=condition,
            ExpressionAttributeNames={"#ttl": "ttl"},
            ExpressionAttributeValues=write_all(values),
            ReturnValues="UPDATED_NEW",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except StoreError as error:
        if error.code != "ConditionalCheckFailedException":
            raise
        return False, read(error.item["tat"]) if error.item else 0
    return True, int(response["Attributes"]["tat"]["N"])


def lease_units(organization: str, month: str, units: int, most_before: int) -> int | None:
    """Lease units of a month's quota, if at most `most_before` (0 or more) are leased before.

    None when that is done, else how many are leased. Access pattern K3.
    """
    values = {":units": units, ":most": most_before, ":ttl": _expiry(month)}
    try:
        clients.dynamodb().update_item(
            TableName=settings().idempotency_table,
            Key=_quota_key(organization, month),
            UpdateExpression="ADD leased :units SET #ttl = :ttl",
            ConditionExpression="attribute_not_exists(leased) OR leased <= :most",
            ExpressionAttributeNames={"#ttl": "ttl"},
            ExpressionAttributeValues=write_all(values),
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except StoreError as error:
        if error.code != "ConditionalCheckFailedException":
            raise
        return int(read(error.item["leased"]))
    return None


def return_units(organization: str, month: str, units: int) -> None:
    """Return units of a month's quota that were leased and not used. Access pattern K4.

    Where this fails, they may be returned all the same: see `attributes.surely_refused`.
    """
    # Sent again after an answer that was lost, it would return them twice.
    clients.dynamodb_once().update_item(
        TableName=settings().idempotency_table,
        Key=_quota_key(organization, month),
        UpdateExpression="ADD leased :units",
        ExpressionAttributeValues={":units": {"N": str(-units)}},
    )


def leased_units(organization: str, month: str) -> int:
    """How many units of a month's quota are leased. Access pattern K5."""
    response = clients.dynamodb().get_item(
        TableName=settings().idempotency_table,
        Key=_quota_key(organization, month),
        ConsistentRead=True,
    )
    return int(read_all(response["Item"])["leased"]) if "Item" in response else 0


def _quota_key(organization: str, month: str) -> TypedItem:
    return {"pk": {"S": f"quota#{organization}#{month}"}}


def _expiry(month: str) -> int:
    """Return when the row expires, in seconds: long after the month, so that it can be read."""
    first = datetime(int(month[:4]), int(month[5:]), 1, tzinfo=UTC)
    return int(first.timestamp()) + _QUOTA_KEPT_S
