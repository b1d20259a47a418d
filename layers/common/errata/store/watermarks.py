"""EventsTable: the watermarks, and the deletion of what they hide.

| item | pk | sk | attributes |
|---|---|---|---|
| watermark | `12#state` | `clear` | generation, through, legacy_through, recent |
| timer | `12#state` | `recent` | ttl |

`recent`: the ids in `Watermark.also`. Each takes 16 bytes, so that the many ids of a busy project
fit into one item. The timer has nothing but its `ttl`: when DynamoDB has deleted it, the stream
tells `cleanup` that the ids are no longer needed.
"""

import contextlib
import struct
from collections.abc import Iterable, Iterator
from typing import Any

from errata.config import settings
from errata.errors import ConditionFailedError, StoreError
from errata.models.event import Stored
from errata.models.ids import floor_id, minted_ms
from errata.models.times import CLEAR_MARGIN_MS
from errata.models.visible import Watermark
from errata.store import clients, legacy
from errata.store.events import legacy_number
from errata.store.items import (
    TypedItem,
    Values,
    batch_delete,
    batch_get,
    query,
    read_all,
    write_all,
)


def find_watermark(project_id: str) -> Watermark:
    """Return the watermark of one project, read consistently."""
    return find_watermarks([project_id])[project_id]


def find_watermarks(project_ids: Iterable[str]) -> dict[str, Watermark]:
    """Return the watermarks of several projects, read consistently. Access pattern E9."""
    wanted = dict.fromkeys(project_ids, Watermark())
    keys = [watermark_key(project_id) for project_id in wanted]
    for found in batch_get(settings().events_table, keys):
        wanted[found["pk"]["S"].removesuffix("#state")] = to_watermark(found)
    return wanted


def move_watermark(project_id: str, new: Watermark, last_legacy: int) -> bool:
    """Store the watermark of the next generation, if nothing has changed. Access pattern E12.

    Returns False if another clear came first, or the legacy counter is not `last_legacy`.
    """
    table = settings().events_table
    counter = {"TableName": table, "Key": legacy.counter_key(project_id)}
    unmoved: Any
    if last_legacy:
        unmoved = {
            "Update": {
                **counter,
                "UpdateExpression": "REMOVE retentions",
                "ConditionExpression": "last_id = :last",
                "ExpressionAttributeValues": write_all({":last": last_legacy}),
            }
        }
    else:
        unmoved = {"ConditionCheck": {**counter, "ConditionExpression": "attribute_not_exists(pk)"}}
    replaced = {
        "TableName": table,
        "Item": watermark_key(project_id)
        | write_all(
            {
                "generation": new.generation,
                "through": new.through,
                "legacy_through": new.legacy_through,
            }
        )
        | ({"recent": {"B": _packed(new.also)}} if new.also else {}),
        "ConditionExpression": "attribute_not_exists(pk) OR generation = :before",
        "ExpressionAttributeValues": write_all({":before": new.generation - 1}),
    }
    actions: list[Any] = [unmoved, {"Put": replaced}]
    if new.also:
        # This replaces the timer of an earlier clear, as the watermark replaces its ids.
        timer: Values = {"pk": f"{project_id}#state", "sk": "recent"}
        timer["ttl"] = new.also_until_ms // 1000 + 1
        actions.append({"Put": {"TableName": table, "Item": write_all(timer)}})
    try:
        clients.dynamodb().transact_write_items(TransactItems=actions)
    except StoreError as error:
        if error.reasons:
            return False
        raise
    return True


def drop_recent(project_id: str, generation: int) -> None:
    """Remove the ids of `Watermark.also`, unless there was another clear. Access pattern E26."""
    with contextlib.suppress(ConditionFailedError):
        clients.dynamodb().update_item(
            TableName=settings().events_table,
            Key=watermark_key(project_id),
            UpdateExpression="REMOVE recent",
            ConditionExpression="generation = :generation",
            ExpressionAttributeValues=write_all({":generation": generation}),
        )


def delete_hidden(events: Iterable[Stored]) -> None:
    """Delete these cleared events and their legacy numbers. Access pattern E25."""
    keys: list[TypedItem] = []
    for event in events:
        keys.append(write_all({"pk": event.project_id, "sk": event.id}))
        if event.legacy_id is not None:
            number = legacy.sort_key(event.legacy_id)
            keys.append(write_all({"pk": f"{event.project_id}#legacy", "sk": number}))
    batch_delete(settings().events_table, keys)


def delete_cleared(project_id: str, limit: Watermark) -> None:
    """Delete all events and legacy numbers that a watermark hides. Access pattern E13."""
    table = settings().events_table
    last = legacy.sort_key(limit.legacy_through)
    for numbers in ("legacy", "gaps"):
        found = query(
            TableName=table,
            KeyConditionExpression="pk = :numbers AND sk <= :through",
            ExpressionAttributeValues=write_all(
                {":numbers": f"{project_id}#{numbers}", ":through": last}
            ),
            ProjectionExpression="pk, sk",
        )
        batch_delete(table, found)
    events = query(
        TableName=table,
        KeyConditionExpression="pk = :project AND sk <= :newest",
        ExpressionAttributeValues=write_all(
            # A cleared legacy error may be newer than the watermark, by up to CLEAR_MARGIN_MS.
            {":project": project_id, ":newest": _newest_hidden(limit)}
        ),
        ProjectionExpression="pk, sk, legacy_id",
    )
    hidden = (
        {"pk": each["pk"], "sk": each["sk"]}
        for each in events
        if limit.hides(each["sk"]["S"], legacy_number(each))
    )
    batch_delete(table, hidden)


def _newest_hidden(limit: Watermark) -> str:
    newest = max([limit.through, *limit.also])
    return floor_id(minted_ms(newest) + CLEAR_MARGIN_MS + 1000)


def watermark_key(project_id: str) -> TypedItem:
    """Return the key of a project's watermark."""
    return write_all({"pk": f"{project_id}#state", "sk": "clear"})


def to_watermark(found: TypedItem) -> Watermark:
    """Return the watermark in an item in DynamoDB's typed form."""
    values = read_all(found)
    return Watermark(
        generation=values["generation"],
        through=values["through"],
        legacy_through=values["legacy_through"],
        also=frozenset(_unpacked(values.get("recent", b""))),
    )


def _packed(event_ids: Iterable[str]) -> bytes:
    return bytes.fromhex("".join(sorted(event_ids)).replace("-", ""))


def _unpacked(packed: bytes) -> Iterator[str]:
    for (digits,) in struct.iter_unpack("16s", packed):
        text = digits.hex()
        yield f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
