"""EventsTable: store an SDK's event that arrived late once, with three small writes.

A transaction of the event with its dedup marker would cost twice the write units of the event. So:

1. Write the marker. It names the id that the event gets, and is `open`.
2. Write the event, unless its id exists.
3. Write the marker again, without `open`.

If a copy of the event finds a marker that is not open, the event was stored before. If the marker
is open, nobody knows whether the event was stored: its writer may have ended, or be slow. Then one
transaction gives the event another id: it closes the marker, stores the event, and puts a second
marker under the first id. If the first id has an event, the transaction fails, and the event was
stored. If not, the slow writer will find the second marker under this id, and store nothing.

| item | pk | sk | attributes |
|---|---|---|---|
| dedup marker | `12` | the id with the time of the sender's clock | event, ttl, open |
| second marker | `12` | the id that a slow writer would use | event, ttl |

See docs/decisions/0020-event-ids-of-sdks.md.
"""

import contextlib
from collections.abc import Sequence
from typing import Any

from errata.config import settings
from errata.errors import ConditionFailedError, OpenMarkerError, StoreError
from errata.store import clients, events
from errata.store.items import TypedItem


def put_with_marker(event: TypedItem, marker: str, beside: Sequence[Any] = ()) -> bool:
    """Store an event or a tally once per marker. Returns False if it was stored before.

    `beside` as for `events.put_new`: with it, all is one transaction. Access pattern E24.

    Raises:
        FailureReportedError, ConflictError, ThrottledError: as `events.put_new`.
    """
    if beside:
        try:
            return events.put_with_marker(event, marker, beside)
        except OpenMarkerError as error:
            return _take_over(event, error.item, beside)
    opened = _marker(event, marker) | {"open": {"BOOL": True}}
    try:
        events.sent(lambda: _put(opened, ConditionExpression="attribute_not_exists(pk)"))
    except ConditionFailedError as error:
        found = error.item
        if not found or "open" not in found:
            return False
        # If it names this event, it is ours: the client has sent it twice.
        if found["event"] != event["sk"]:
            return _take_over(event, found)
    if not events.put_new(event):
        return False  # another writer took over
    with contextlib.suppress(StoreError):  # the event is stored, and the next copy finds it
        _put(
            _marker(event, marker),
            ConditionExpression="#event = :event",
            ExpressionAttributeNames={"#event": "event"},
            ExpressionAttributeValues={":event": event["sk"]},
        )
    return True


def _take_over(event: TypedItem, found: Any, beside: Sequence[Any] = ()) -> bool:
    """Store an event in place of the one that an open marker names, unless that one exists."""
    table = settings().events_table
    second = _marker(event, found["event"]["S"])
    unchanged = {
        "ConditionExpression": "attribute_exists(#open) AND #event = :event",
        "ExpressionAttributeNames": {"#event": "event", "#open": "open"},
        "ExpressionAttributeValues": {":event": found["event"]},
    }
    return events.put_unless(
        [
            events.new_row(second),
            {"Put": {"TableName": table, "Item": _marker(event, found["sk"]["S"]), **unchanged}},
            {"Put": {"TableName": table, "Item": event}},
            *beside,
        ]
    )


def _marker(event: TypedItem, sk: str) -> TypedItem:
    return {"pk": event["pk"], "sk": {"S": sk}, "event": event["sk"], "ttl": event["ttl"]}


def _put(item: TypedItem, **condition: Any) -> None:
    clients.dynamodb_once().put_item(
        TableName=settings().events_table,
        Item=item,
        ReturnValuesOnConditionCheckFailure="ALL_OLD",
        **condition,
    )
