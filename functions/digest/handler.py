"""Stream of EventsTable: turn new events into issues, releases and counters."""

import base64
import logging
import zlib
from typing import Any

from errata.config import settings
from errata.models.event import summary, unpack
from errata.models.issue import Position
from errata.store import clients, events, queues
from errata.store.items import TypedItem
from errata.usecases.count_issue import StreamRecord
from errata.usecases.digest import digest, pad

clients.dynamodb()  # made in Lambda's init phase, where CPU is plentiful

logger = logging.getLogger("errata")


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Digest a batch. The response names the first record to deliver again."""
    records: list[StreamRecord] = []
    # To compute a title takes time. An issue usually gets the title of its last event.
    last = {_issue(record): number for number, record in enumerate(event["Records"])}
    for number, record in enumerate(event["Records"]):
        image = record["dynamodb"]
        if "restored" in image["NewImage"]:
            continue  # counted already: errata.usecases.restore
        try:
            position = Position(_label(record), pad(image["SequenceNumber"]))
            titled = last[_issue(record)] == number
            records.append(_record(position, image["NewImage"], titled=titled))
        except (KeyError, ValueError, zlib.error) as error:
            _dead_letter(image["Keys"], image["SequenceNumber"], f"unreadable: {error!r}")
    outcome = digest(records)
    for permanent, reason in outcome.permanent:
        keys = {"pk": {"S": permanent.event.project_id}, "sk": {"S": permanent.event.id}}
        _dead_letter(keys, permanent.position.sequence.lstrip("0"), reason)
    if not outcome.retry:
        return {"batchItemFailures": []}
    # Lambda delivers this record and all later ones again. Those applied before change nothing.
    first = min(record.position.sequence for record in outcome.retry).lstrip("0")
    return {"batchItemFailures": [{"itemIdentifier": first}]}


def _label(record: dict[str, Any]) -> str:
    """Return the label of the stream, at the end of its ARN: `…/stream/2026-11-29T09:00:00.000`."""
    _, _, label = str(record.get("eventSourceARN", "")).rpartition("/stream/")
    return label


def _issue(record: dict[str, Any]) -> str:
    image = record["dynamodb"]["NewImage"]
    # A tally already has a title.
    return events.issue_of(image) if "issue" in image else ""


def _record(position: Position, image: TypedItem, *, titled: bool) -> StreamRecord:
    # Streams encode bytes as Base64. Responses of the table do not.
    packed = base64.b64decode(events.packed(image))
    event = events.stored(image, summary(unpack(packed), titled=titled))
    return StreamRecord(position, event, packed)


def _dead_letter(keys: dict[str, Any], sequence: str, reason: str) -> None:
    """Send a record that no retry can process to the dead-letter queue. Its event stays."""
    logger.error("event set aside", extra={"event_keys": keys, "reason": reason})
    queues.send(
        settings().digest_dead_letter_url,
        {
            "reason": reason[:1000],
            "project_id": keys["pk"]["S"],
            "event_id": keys["sk"]["S"],
            "sequence": sequence,
        },
    )
