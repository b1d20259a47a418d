"""EventsTable: the events. Everything else can be computed from them.

| item | pk | sk | attributes |
|---|---|---|---|
| event | `12` | event id (UUIDv7) | issue, release, payload, legacy_id, ttl |
| dedup marker | `12` | the id with the time of the sender's clock | event, ttl |

An event has these attributes:

- `issue`, `12#<issue id>`: the partition of the index by_issue.
- `release`, `12#sdk#<SDK event id>`: the partition of the index by_release. Only events from SDKs
  have it. The events of 0.1.0 have `12#<hash of the release>` instead, if they have a release. An
  index cannot be renamed (docs/decisions/0036-sdk-event-ids-in-by-release.md).
- `payload`: see `errata.models.event.pack`.
- `ttl` in seconds.

The key of a dedup marker is the key that an SDK's event would have if it had arrived without delay
(docs/decisions/0020-event-ids-of-sdks.md).

`errata.store.event_queries` reads events. `legacy`, `watermarks`, `issue_deletions` and `erasures`
describe the other items of the table.
"""

import hashlib
from functools import lru_cache
from typing import Any

from errata.config import settings
from errata.errors import ConditionFailedError, ConflictError, StoreError
from errata.models.event import IdempotencyRecord, Stored, StoredEvent, unpack
from errata.store import clients, idempotency
from errata.store.items import TypedItem


def item(
    project_id: str, event_id: str, issue_id: str, sdk_id: str | None, payload: bytes, ttl: int
) -> TypedItem:
    """Return an event's item. `ttl` is in seconds since the epoch.

    `sdk_id` is the SDK event id, None if the event does not come from an SDK.
    """
    typed: TypedItem = {
        "pk": {"S": project_id},
        "sk": {"S": event_id},
        "issue": {"S": f"{project_id}#{issue_id}"},
        "payload": {"B": payload},
        "ttl": {"N": str(ttl)},
    }
    if sdk_id:
        typed["release"] = {"S": sdk_partition(project_id, sdk_id)}
    return typed


def sdk_partition(project_id: str, sdk_id: str) -> str:
    """Return the partition of an SDK event id in by_release."""
    return f"{project_id}#sdk#{sdk_id}"


@lru_cache(maxsize=1_000)
def release_hash(release: str) -> str:
    """Return the hash that stands for a release in the keys of IssuesTable.

    A key has at most 1,024 bytes, and a release may be longer.
    """
    return hashlib.blake2s(release.encode(), digest_size=12).hexdigest()


def put(event: TypedItem) -> None:
    """Store an event. Access pattern E1."""
    clients.dynamodb().put_item(TableName=settings().events_table, Item=event)


def put_once(event: TypedItem, record_put: Any) -> IdempotencyRecord | None:
    """Store an event and the record of its Idempotency-Key, or neither. Access pattern E2.

    Returns None if they were stored, else the record that already existed.

    Raises:
        StoreError: `TransactionCanceledException` if another request with the same key is writing.
    """
    try:
        clients.dynamodb().transact_write_items(
            TransactItems=[
                record_put,
                {"Put": {"TableName": settings().events_table, "Item": event}},
            ]
        )
    except StoreError as error:
        reasons = error.reasons
        if reasons and reasons[0]["Code"] == "ConditionalCheckFailed":
            return idempotency.to_record(reasons[0]["Item"])
        raise
    return None


def put_new(event: TypedItem) -> bool:
    """Store an event. Returns False if its id exists already. Access pattern E23."""
    try:
        clients.dynamodb().put_item(
            TableName=settings().events_table,
            Item=event,
            ConditionExpression="attribute_not_exists(pk)",
        )
    except ConditionFailedError:
        return False
    return True


def put_with_marker(event: TypedItem, marker: str) -> bool:
    """Store an event and a dedup marker. Returns False if the marker exists already.

    Access pattern E24.

    Raises:
        ConflictError: another writer is writing the marker.
    """
    table = settings().events_table
    taken = {
        "TableName": table,
        "Item": {"pk": event["pk"], "sk": {"S": marker}, "event": event["sk"], "ttl": event["ttl"]},
        "ConditionExpression": "attribute_not_exists(pk)",
    }
    try:
        clients.dynamodb().transact_write_items(
            TransactItems=[{"Put": taken}, {"Put": {"TableName": table, "Item": event}}]  # type: ignore[typeddict-item]
        )
    except StoreError as error:
        codes = error.reason_codes
        if codes and codes[0] == "ConditionalCheckFailed":
            return False
        if "TransactionConflict" in codes:
            raise ConflictError(str(error)) from error
        raise
    return True


def stored(found: TypedItem, fields: StoredEvent | None = None) -> Stored:
    """Convert an item in DynamoDB's typed form to an event.

    The event gets these `fields`, by default those of the payload, which is bytes. In a stream
    record the payload is base64 text, which the caller must decode.

    Raises:
        KeyError, ValueError, zlib.error: the item is not an event that Errata stored.
    """
    return Stored(
        project_id=found["pk"]["S"],
        id=found["sk"]["S"],
        issue_id=found["issue"]["S"].rpartition("#")[2],
        expires_at=int(found["ttl"]["N"]),
        fields=unpack(found["payload"]["B"]) if fields is None else fields,
        legacy_id=legacy_number(found),
    )


def legacy_number(found: TypedItem) -> int | None:
    """Return an event's legacy number; None if another endpoint received it."""
    return int(found["legacy_id"]["N"]) if "legacy_id" in found else None
