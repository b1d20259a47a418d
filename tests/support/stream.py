"""The stream of EventsTable, as Lambda passes it to a function."""

import base64
import json
from collections.abc import Iterable
from typing import Any

from errata.config import settings
from errata.errors import StoreError
from errata.models.ids import new_event_id
from errata.models.project import Access
from errata.store import clients
from errata.usecases.prepare import prepare, prepare_tally
from tests.support.calls import calling_as
from tests.support.gateway import handler

# When the tables of the tests' account were made.
LABEL = "2026-01-01T00:00:00.000"


def record(item: dict[str, Any], sequence: int, label: str = LABEL) -> dict[str, Any]:
    """Return an INSERT record, with bytes in Base64 as in a Lambda event.

    `label` names the stream: a new stream of the table, or of another table, has another one.
    """
    encoded = {
        name: {kind: base64.b64encode(value).decode() if kind == "B" else value}
        for name, attribute in item.items()
        for kind, value in attribute.items()
    }
    return {
        "eventName": "INSERT",
        "eventSource": "aws:dynamodb",
        "eventSourceARN": f"arn:aws:dynamodb:us-east-1:123456789012:table/Events/stream/{label}",
        "dynamodb": {
            "Keys": {"pk": item["pk"], "sk": item["sk"]},
            "NewImage": encoded,
            "SequenceNumber": str(sequence),
        },
    }


def stored_events() -> list[dict[str, Any]]:
    """Return the item of every event, in the order of their ids."""
    pages = clients.dynamodb().get_paginator("scan")
    scan = pages.paginate(TableName=settings().events_table, ConsistentRead=True)
    items = [item for page in scan for item in page["Items"] if "payload" in item]
    return sorted(items, key=lambda item: item["sk"]["S"])


def records() -> list[dict[str, Any]]:
    """Return a stream of every stored event, numbered from 1001."""
    return [record(item, 1001 + n) for n, item in enumerate(stored_events())]


def deliver(batch: Iterable[dict[str, Any]]) -> list[str]:
    """Pass a batch to digest. Return the sequence numbers that it wants again."""
    with calling_as("DigestFunction"):
        response = handler("digest")(json.loads(json.dumps({"Records": list(batch)})), None)
    return [failure["itemIdentifier"] for failure in response["batchItemFailures"]]


def cleaned(project_id: str, clears: int = 1) -> None:
    """Pass the stream records of the last `clears` clears to cleanup, one per clear.

    In reality, each has the watermark of its time. Here all have the last one, except for the
    generation.
    """
    key = {"pk": {"S": f"{project_id}#state"}, "sk": {"S": "clear"}}
    item = clients.dynamodb().get_item(TableName=settings().events_table, Key=key)["Item"]
    last = int(item["generation"]["N"])
    for generation in range(max(1, last - clears + 1), last + 1):
        then = {**item, "generation": {"N": str(generation)}}
        with calling_as("CleanupFunction"):
            handler("cleanup")({"Records": [record(then, generation)]}, None)


def timed_out(project_id: str) -> None:
    """Delete the timer of a watermark's ids, as DynamoDB does with an expired item, for cleanup."""
    key = {"pk": {"S": f"{project_id}#state"}, "sk": {"S": "recent"}}
    clients.dynamodb().delete_item(TableName=settings().events_table, Key=key)
    removed = {"eventName": "REMOVE", "eventSource": "aws:dynamodb", "dynamodb": {"Keys": key}}
    with calling_as("CleanupFunction"):
        handler("cleanup")({"Records": [removed]}, None)


def tally(project_id: str, at_ms: int, kept_days: int = 30, **fields: Any) -> dict[str, Any]:
    """Return a tally's item, as the SDK endpoint would store it at that time."""
    access = Access(project_id, "key", retention_days=kept_days, rate_limit=60)
    sent: Any = {"message": "boom", "level": "error", "fingerprint": "f", "event_id": "e" * 32}
    item = prepare_tally(sent | fields, access, new_event_id(at_ms), at_ms)
    assert item
    return item


def event(project_id: str, at_ms: int, kept_days: int = 30, **fields: Any) -> dict[str, Any]:
    """Return an event's item, as ingest would store it at that time."""
    access = Access(project_id, "key", retention_days=kept_days, rate_limit=60)
    sent: Any = {"message": "boom", "level": "error", **fields}
    return prepare(sent, access, new_event_id(at_ms), at_ms).item


def put(items: Iterable[dict[str, Any]]) -> list[str]:
    """Store these items. Return their ids."""
    requests: Any = [{"PutRequest": {"Item": item}} for item in items]
    for start in range(0, len(requests), 25):
        clients.dynamodb().batch_write_item(
            RequestItems={settings().events_table: requests[start : start + 25]}
        )
    return [request["PutRequest"]["Item"]["sk"]["S"] for request in requests]


def numbered(items: Iterable[dict[str, Any]], first: int = 1001) -> list[dict[str, Any]]:
    """Return records of these items, in this order."""
    return [record(item, first + n) for n, item in enumerate(items)]


def pump(batch: list[dict[str, Any]], rounds: int = 50) -> None:
    """Deliver a batch like Lambda: again from the lowest failed record, until none fails."""
    for _ in range(rounds):
        if not batch:
            return
        try:
            failed = deliver(batch)
        except StoreError:
            continue  # the function failed: deliver all of it again
        sequences = [each["dynamodb"]["SequenceNumber"] for each in batch]
        batch = batch[min(map(sequences.index, failed)) :] if failed else []
    raise AssertionError(f"{len(batch)} records are left after {rounds} deliveries")
