"""Stream of EventsTable, for operators: the records of a batch that Lambda gave up.

Source: "Using AWS Lambda with DynamoDB", destinations for discarded batches (`DDBStreamBatchInfo`).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from errata.store import clients


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch that Lambda gave up: its place in the stream, and when its records arrived."""

    stream: str
    shard: str
    first: str
    last: str
    first_ms: int
    last_ms: int


def batch(message: dict[str, Any]) -> Batch:
    """Return the batch that a message of a dead-letter queue describes.

    Raises:
        KeyError, ValueError: it tells of none.
    """
    info = message["DDBStreamBatchInfo"]
    return Batch(
        info["streamArn"],
        info["shardId"],
        info["startSequenceNumber"],
        info["endSequenceNumber"],
        _ms(info["approximateArrivalOfFirstRecord"]),
        _ms(info["approximateArrivalOfLastRecord"]),
    )


def _ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def new_events(of: Batch) -> list[tuple[str, str]]:
    """Project and id of each event that was stored by a record of the batch, in its order.

    Raises:
        StoreError: the stream does not have these records any more.
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
        response = clients.dynamodbstreams().get_records(ShardIterator=iterator)
        for record in response["Records"]:
            image = record["dynamodb"]
            if int(image["SequenceNumber"]) > last:
                return found
            # As the trigger's filter has it (template.yaml).
            if record["eventName"] == "INSERT" and "payload" in image["NewImage"]:
                found.append((image["Keys"]["pk"]["S"], image["Keys"]["sk"]["S"]))
            if int(image["SequenceNumber"]) == last:
                return found
        iterator = response.get("NextShardIterator", "")
    return found
