"""Read batches from the stream of EventsTable that Lambda no longer retries. For operators.

Source: "Using AWS Lambda with DynamoDB", destinations for discarded batches (`DDBStreamBatchInfo`).
"""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from errata.store import clients
from errata.store.events import is_event

# Read slowly. DynamoDB serves two readers of a shard at full speed, and digest and cleanup are two.
# If a read is throttled, the client waits up to 20 seconds and tries again.
_PAUSE_S = 0.25


@dataclass(frozen=True, slots=True)
class FailedBatch:
    """A batch that Lambda no longer retries.

    `first` and `last` are the sequence numbers of its first and last record. `first_ms` and
    `last_ms` are when these arrived, approximately, in milliseconds since the epoch.
    """

    stream: str
    shard: str
    first: str
    last: str
    first_ms: int
    last_ms: int


def batch(message: dict[str, Any]) -> FailedBatch:
    """Return the batch that a message of a dead-letter queue describes.

    Raises:
        KeyError, ValueError: the message does not describe a batch.
    """
    info = message["DDBStreamBatchInfo"]
    return FailedBatch(
        info["streamArn"],
        info["shardId"],
        info["startSequenceNumber"],
        info["endSequenceNumber"],
        _ms(info["approximateArrivalOfFirstRecord"]),
        _ms(info["approximateArrivalOfLastRecord"]),
    )


def _ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def new_events(of: FailedBatch) -> list[tuple[str, str]]:
    """Return project id and event id of each new event in a batch, in the order of the batch.

    Raises:
        StoreError: the stream no longer has these records.
    """
    last = int(of.last)
    found: list[tuple[str, str]] = []
    iterator = clients.dynamodbstreams().get_shard_iterator(
        StreamArn=of.stream,
        ShardId=of.shard,
        ShardIteratorType="AT_SEQUENCE_NUMBER",
        SequenceNumber=of.first,
    )["ShardIterator"]
    while iterator:
        time.sleep(_PAUSE_S)
        response = clients.dynamodbstreams().get_records(ShardIterator=iterator)
        for record in response["Records"]:
            image = record["dynamodb"]
            if int(image["SequenceNumber"]) > last:
                return found
            # The same filter as the trigger's (template.yaml).
            new = image["NewImage"] if record["eventName"] == "INSERT" else {}
            if is_event(new):
                found.append((image["Keys"]["pk"]["S"], image["Keys"]["sk"]["S"]))
            if int(image["SequenceNumber"]) == last:
                return found
        iterator = response.get("NextShardIterator", "")
    return found
