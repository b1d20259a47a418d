"""EventsTable: the events. Everything else can be computed from them.

| item | pk | sk | attributes |
|---|---|---|---|
| event | `12` | event id (UUIDv7) | issue, release, payload, legacy_id, ttl |
| dedup marker | `12` | the id with the time of the sender's clock | event, ttl |

An event has these attributes:

- `issue`, `12#<issue id>`: the partition of the index by_issue.
- `release`, `12#<hash of the release>`: the partition of the index by_release.
- `payload`: see `errata.models.event.pack`.
- `ttl` in seconds.

The key of a dedup marker is the key that an SDK's event would have if it had arrived without delay
(docs/decisions/0020-event-ids-of-sdks.md).

`errata.store.event_queries` reads events. `legacy`, `watermarks` and `issue_deletions` describe the
other items of the table.
"""

import hashlib
from typing import Any

from errata.config import settings
from errata.errors import ConditionFailedError, ConflictError, StoreError
from errata.models.event import IdempotencyRecord, Stored, unpack
from errata.store import clients, idempotency
from errata.store.items import TypedItem


def item(
    project_id: str, event_id: str, issue_id: str, release: str | None, payload: bytes, ttl: int
) -> TypedItem:
    """Return an event's item. `ttl` is in seconds since the epoch."""
    typed: TypedItem = {
        "pk": {"S": project_id},
        "sk": {"S": event_id},
        "issue": {"S": f"{project_id}#{issue_id}"},
        "payload": {"B": payload},
        "ttl": {"N": str(ttl)},
    }
    if release:
        typed["release"] = {"S": release_partition(project_id, release)}
    return typed


def release_partition(project_id: str, release: str) -> str:
    """Return a release's partition in by_release.

    The release is hashed, because a key has at most 2,048 bytes.
    """
    return f"{project_id}#{release_hash(release)}"


def release_hash(release: str) -> str:
    """Return the hash that stands for a release in keys."""
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


def stored(found: TypedItem) -> Stored:
    """Convert an item in DynamoDB's typed form to an event.

    The payload is bytes. In a stream record it is base64 text, which the caller must decode.

    Raises:
        KeyError, ValueError, zlib.error: the item is not an event that Errata stored.
    """
    return Stored(
        project_id=found["pk"]["S"],
        id=found["sk"]["S"],
        issue_id=found["issue"]["S"].rpartition("#")[2],
        expires_at=int(found["ttl"]["N"]),
        fields=unpack(found["payload"]["B"]),
        legacy_id=legacy_number(found),
    )


def legacy_number(found: TypedItem) -> int | None:
    """Return an event's legacy number; None if another endpoint received it."""
    return int(found["legacy_id"]["N"]) if "legacy_id" in found else None
