"""EventsTable: the events. Everything else can be computed from them.

| item | pk | sk | attributes |
|---|---|---|---|
| event | `12` | event id (UUIDv7) | issue, release, payload, legacy_id, ttl |
| tally | `12` | event id | of_issue, sdk_id, payload, tally, until, ttl |
| failure marker | `12` | see `store.failure_markers` | teller, event, of_issue, ttl |

An event has these attributes:

- `issue`, `12#<issue id>`: the partition of the index by_issue.
- `release`, `12#sdk#<SDK event id>`: the partition of the index by_release. Only events from SDKs
  have it. The events of 0.1.0 have `12#<hash of the release>` instead, if they have a release. An
  index cannot be renamed (docs/decisions/0036-sdk-event-ids-in-by-release.md).
- `payload`: see `errata.models.event.pack`.
- `ttl` in seconds.

A tally is an event that is counted, but not kept in full (`errata.models.tally`). It has the key
that the event would have, so an event is stored once in either form. It is in no index. It has:

- `of_issue`: the id of its issue.
- `sdk_id`: the SDK event id, 16 bytes.
- `payload`: the fields that are counted, packed like those of an event.
- `tally`: true. Readers of events skip rows with this attribute.
- `until`: the second in which the event expires, if the row is kept for longer.

`errata.store.event_queries` reads events. `late_events`, `legacy`, `watermarks`, `issue_deletions`
and `erasures` describe the other items of the table.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from errata.config import settings
from errata.errors import (
    ConditionFailedError,
    ConflictError,
    FailureReportedError,
    OpenMarkerError,
    StoreError,
    ThrottledError,
    UnavailableError,
)
from errata.models.event import IdempotencyRecord, Stored, StoredEvent, unpack
from errata.store import clients, idempotency
from errata.store.items import TypedItem
from errata.store.retry import attempts

# As many as the clients of DynamoDB make.
_ATTEMPTS = 3


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


def tally_item(
    project_id: str,
    event_id: str,
    issue_id: str,
    sdk_id: str,
    tally: bytes,
    expires_at: int,
    ttl: int,
) -> TypedItem:
    """Return a tally's item. Its event expires at `expires_at`, in seconds since the epoch."""
    typed: TypedItem = {
        "pk": {"S": project_id},
        "sk": {"S": event_id},
        "of_issue": {"S": issue_id},
        "sdk_id": {"B": bytes.fromhex(sdk_id)},
        "payload": {"B": tally},
        "tally": {"BOOL": True},
        "ttl": {"N": str(ttl)},
    }
    if ttl != expires_at:
        typed["until"] = {"N": str(expires_at)}
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


def sent[T](send: Callable[[], T]) -> T:
    """Return the result of a call. Repeat it if DynamoDB fails, but not if it throttles.

    Raises:
        ThrottledError: DynamoDB throttles the partition. Each retry would use up more of it.
    """
    for attempt in attempts(_ATTEMPTS, base_s=0.025):
        try:
            return send()
        except ThrottledError:
            raise
        except UnavailableError:
            if attempt == _ATTEMPTS - 1:
                raise
    raise UnavailableError


def put_new(event: TypedItem, beside: Sequence[Any] = ()) -> bool:
    """Store an event or a tally. Returns False if its id exists already. Access pattern E23.

    `beside` are actions on failure markers (`errata.store.failure_markers`), in the same
    transaction. If one of their conditions is false, nothing is stored, and the result is False.

    Raises:
        FailureReportedError: a log line has reported the failure before the SDK.
        OpenMarkerError: a late copy of it may have been stored or not (`store.late_events`).
        ConflictError: another writer is writing one of the rows.
        ThrottledError: more events arrive than the project's partition takes. Not retried.
    """
    if beside:
        return put_unless([new_row(event), *beside])
    try:
        sent(
            lambda: clients.dynamodb_once().put_item(
                TableName=settings().events_table,
                Item=event,
                ConditionExpression="attribute_not_exists(pk)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        )
    except ConditionFailedError as error:
        if _is_open(error.item):
            raise OpenMarkerError(item=error.item) from error
        return False
    return True


def put_with_marker(event: TypedItem, marker: str, beside: Sequence[Any] = ()) -> bool:
    """Store a row with a dedup marker in one transaction. Returns False if the marker exists.

    `beside`, FailureReportedError, OpenMarkerError: as for `put_new`. `store.late_events` does the
    same for fewer write units.

    Raises:
        ConflictError: another writer is writing the marker.
        ThrottledError: as `put_new`.
    """
    row = {"pk": event["pk"], "sk": {"S": marker}, "event": event["sk"], "ttl": event["ttl"]}
    stored = {"Put": {"TableName": settings().events_table, "Item": event}}
    return put_unless([new_row(row), stored, *beside])


def new_row(row: Any) -> Any:
    """Return the action of a transaction that stores a row unless its key exists."""
    return {
        "Put": {
            "TableName": settings().events_table,
            "Item": row,
            "ConditionExpression": "attribute_not_exists(pk)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


def put_unless(actions: list[Any]) -> bool:
    """Run a transaction. Returns False if one of its conditions is false.

    Raises:
        FailureReportedError, OpenMarkerError, ConflictError, ThrottledError: as `put_new`.
    """
    try:
        sent(lambda: clients.dynamodb_once().transact_write_items(TransactItems=actions))
    except StoreError as error:
        codes = error.reason_codes
        if "ConditionalCheckFailed" in codes:
            if other := next(filter(is_of_log, (each.get("Item") for each in error.reasons)), None):
                raise FailureReportedError(item=other) from error
            if found := next(filter(_is_open, (each.get("Item") for each in error.reasons)), None):
                raise OpenMarkerError(item=found) from error
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
        issue_id=issue_of(found),
        expires_at=int(found["until" if "until" in found else "ttl"]["N"]),
        fields=unpack(packed(found)) if fields is None else fields,
        legacy_id=legacy_number(found),
        tally="tally" in found,
    )


def packed(found: TypedItem) -> bytes:
    """Return the packed fields of an event or a tally.

    Raises:
        KeyError: the item is neither.
    """
    return found["payload"]["B"]


def _is_open(marker: Mapping[str, Any] | None) -> bool:
    return marker is not None and "open" in marker


def is_of_log(marker: Mapping[str, Any] | None) -> bool:
    """Return whether a row is the failure marker of a log line that has become an event."""
    return marker is not None and "teller" in marker and "event" in marker


def take_place(marker: TypedItem, event: TypedItem) -> bool:
    """Replace the event of a log line by the SDK's event of the same failure. Access pattern E40.

    `marker` names the event of the log line. Its id and issue are kept, because they were counted.
    Returns False if it is a tally or does not exist any more.
    """
    placed = {**event, "sk": marker["event"], "issue": marker["of_issue"]}
    try:
        clients.dynamodb().put_item(
            TableName=settings().events_table,
            Item=placed,
            ConditionExpression="attribute_exists(payload) AND attribute_not_exists(tally)",
        )
    except ConditionFailedError:
        return False
    return True


def is_event(item: Mapping[str, Any]) -> bool:
    """Return whether an item of EventsTable, in either form, is an event or a tally."""
    return "payload" in item


def is_kept_in_full(item: Mapping[str, Any]) -> bool:
    """Return whether an item of EventsTable, in either form, is an event that is kept in full."""
    return is_event(item) and "tally" not in item


def issue_of(found: TypedItem) -> str:
    """Return the id of the issue of an event, a tally or an erased event."""
    if "of_issue" in found:
        return found["of_issue"]["S"]
    return found["issue" if "issue" in found else "erased"]["S"].rpartition("#")[2]


def legacy_number(found: TypedItem) -> int | None:
    """Return an event's legacy number; None if another endpoint received it."""
    return int(found["legacy_id"]["N"]) if "legacy_id" in found else None
