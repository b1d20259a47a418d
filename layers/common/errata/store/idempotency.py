"""Idempotency records in IdempotencyTable: which event a request with an `Idempotency-Key` stored.

| pk | attributes |
|---|---|
| `once#12#<sha256 of the Idempotency-Key>` | event_id, body_hash, expires_at, ttl |

DynamoDB deletes a row after `ttl` (seconds), but hours late. Readers therefore compare `expires_at`
(milliseconds) with the current time.
"""

import hashlib
from typing import Any

from errata.config import settings
from errata.models.event import IdempotencyRecord
from errata.store import clients
from errata.store.items import TypedItem, read_all, read_value, write_all

KEPT_MS = 24 * 3600 * 1000


def record_put(project_id: str, key: str, record: IdempotencyRecord, at_ms: int) -> Any:
    """Return the action of `events.put_once` that stores the record unless a live one exists."""
    expires_at = at_ms + KEPT_MS
    return {
        "Put": {
            "TableName": settings().idempotency_table,
            "Item": write_all(
                {
                    "pk": _record_key(project_id, key),
                    "event_id": record.event_id,
                    "body_hash": record.body_hash,
                    "expires_at": expires_at,
                    "ttl": expires_at // 1000 + 60,
                }
            ),
            "ConditionExpression": "attribute_not_exists(pk) OR expires_at <= :now",
            "ExpressionAttributeValues": {":now": {"N": str(at_ms)}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


def to_record(item: TypedItem) -> IdempotencyRecord:
    """Return the record in an item in DynamoDB's typed form."""
    values = read_all(item)
    return IdempotencyRecord(values["event_id"], values["body_hash"])


def find_record(project_id: str, key: str, at_ms: int) -> IdempotencyRecord | None:
    """Return the record of a key; None if there is none or it has expired. Access pattern K1."""
    response = clients.dynamodb().get_item(
        TableName=settings().idempotency_table,
        Key={"pk": {"S": _record_key(project_id, key)}},
        ConsistentRead=True,
    )
    item = response.get("Item")
    if not item or read_value(item["expires_at"]) <= at_ms:
        return None
    return to_record(item)


def _record_key(project_id: str, key: str) -> str:
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    return f"once#{project_id}#{digest}"
