"""The stream of EventsTable, as Lambda hands it to a function."""

import base64
import json
from collections.abc import Iterable
from typing import Any

import boto3

from tests.support.gateway import handler


def record(item: dict[str, Any], sequence: int) -> dict[str, Any]:
    """An INSERT record; bytes as Base64, as in a Lambda event."""
    encoded = {
        name: {kind: base64.b64encode(value).decode() if kind == "B" else value}
        for name, attribute in item.items()
        for kind, value in attribute.items()
    }
    return {
        "eventName": "INSERT",
        "eventSource": "aws:dynamodb",
        "dynamodb": {
            "Keys": {"pk": item["pk"], "sk": item["sk"]},
            "NewImage": encoded,
            "SequenceNumber": str(sequence),
        },
    }


def stored_events() -> list[dict[str, Any]]:
    """Every event's item, in the order of their ids."""
    items = boto3.client("dynamodb").scan(TableName="EventsTable", ConsistentRead=True)["Items"]
    return sorted((i for i in items if "payload" in i), key=lambda item: item["sk"]["S"])


def records() -> list[dict[str, Any]]:
    """A stream that holds every stored event, numbered from 1001."""
    return [record(item, 1001 + n) for n, item in enumerate(stored_events())]


def deliver(batch: Iterable[dict[str, Any]]) -> list[str]:
    """Hand a batch to digest; the sequence numbers it wants again."""
    answer = handler("digest")(json.loads(json.dumps({"Records": list(batch)})), None)
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
