"""EventsTable: the log. Everything else is a projection of it.

| item | pk | sk | attributes |
|---|---|---|---|
| event | `12` | event id (UUIDv7) | issue, release, payload, legacy_id, ttl |
| dedup marker | `12` | the id that its sender's clock gives it | event, ttl |

An event: `issue` is `12#<issue id>` and `release` is `12#<hash of the release>`, the partitions of
the indexes by_issue and by_release; `payload` is `errata.models.event.pack`; `ttl` in seconds.
A dedup marker has the key that the event of an SDK would have, had it come at once
(docs/decisions/0020-event-ids-of-sdks.md).

`errata.store.event_queries` reads events; what else lies there is in `legacy`, `watermarks` and
`deletions`.
"""

import hashlib
from typing import Any

from errata.config import settings
from errata.errors import ConflictError, StoreError
from errata.models.event import Stored, unpack
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
    """Return a release's partition in by_release; hashed, as a key holds at most 2,048 bytes."""
    return f"{project_id}#{release_hash(release)}"


def release_hash(release: str) -> str:
    """The name of a release in keys."""
    return hashlib.blake2s(release.encode(), digest_size=12).hexdigest()


def put(event: TypedItem) -> None:
    """Store an event. Access pattern E1."""
    clients.dynamodb().put_item(TableName=settings().events_table, Item=event)


def put_once(event: TypedItem, record_put: Any) -> idempotency.Record | None:
    """Store an event and the record of its Idempotency-Key, or neither. Access pattern E2.

    Returns None when stored, else the record that was there before.

    Raises:
        StoreError: `TransactionCanceledException` when another writer of the same key is at it.
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
    """Store an event, unless its id is taken. False when it is. Access pattern E23."""
    try:
        clients.dynamodb().put_item(
            TableName=settings().events_table,
            Item=event,
            ConditionExpression="attribute_not_exists(pk)",
        )
    except StoreError as error:
        if error.code == "ConditionalCheckFailedException":
            return False
        raise
    return True


def put_with_marker(event: TypedItem, marker: str) -> bool:
    """Store an event and a dedup marker. False when the marker exists already.

    Access pattern E24.

    Raises:
        ConflictError: another writer is at the marker.
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
    """The event in an item, typed as DynamoDB answers. A stream's image needs its payload decoded.

    Raises:
        KeyError, ValueError, zlib.error: it is not an event that Errata stored.
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
    """Return an event's legacy number; None if it came by another endpoint."""
    return int(found["legacy_id"]["N"]) if "legacy_id" in found else None
