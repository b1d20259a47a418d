"""EventsTable: the watermarks, and the deletion of what they hide.

| item | pk | sk | attributes |
|---|---|---|---|
| watermark | `12#state` | `clear` | generation, through, legacy_through, ids, thresholds |
| timer | `12#state` | `recent` | ttl |

The ids are those in `Watermark.also`. `recent` has 16 bytes for each, so that the many ids of a
busy project fit into one item. If they do not fit, `recent_short` has 12 bytes for each instead:
two for the milliseconds since `through`, ten for the random part of the id.

The timer has nothing but its `ttl`: when DynamoDB has deleted it, the stream tells `cleanup` that
the ids are no longer needed.
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

# How many ids fit into the attribute `recent`, and into `recent_short`. An item has at most 400 KB.
_MOST_RECENT, MOST_IDS = 24_000, 32_000


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
    """Store the watermark of the next generation. Access pattern E12.

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
                "thresholds": new.thresholds or None,
            }
        )
        | _of_ids(new),
        "ConditionExpression": (
            "attribute_not_exists(pk) OR (generation = :before AND "
            + ("thresholds = :same)" if new.thresholds else "attribute_not_exists(thresholds))")
        ),
        "ExpressionAttributeValues": write_all(
            {":before": new.generation - 1, ":same": new.thresholds or None}
        ),
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


def thresholds_action(project_id: str, thresholds: str) -> Any:
    """Return the action of a transaction that sets the thresholds of a project's alert rules."""
    sets = "generation = if_not_exists(generation, :zero), through = if_not_exists(through, :none)"
    sets += ", legacy_through = if_not_exists(legacy_through, :zero)"
    change = f"SET {sets}, thresholds = :new" if thresholds else f"SET {sets} REMOVE thresholds"
    values: Values = {":zero": 0, ":none": "", ":new": thresholds or None}
    return {
        "Update": {
            "TableName": settings().events_table,
            "Key": watermark_key(project_id),
            "UpdateExpression": change,
            "ExpressionAttributeValues": write_all(values),
        }
    }


def drop_recent(project_id: str, generation: int) -> None:
    """Remove the ids of `Watermark.also`, unless there was another clear. Access pattern E26."""
    with contextlib.suppress(ConditionFailedError):
        clients.dynamodb().update_item(
            TableName=settings().events_table,
            Key=watermark_key(project_id),
            UpdateExpression="REMOVE recent, recent_short",
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


def delete_cleared(project_id: str, limit: Watermark, left_until_s: int = 0) -> None:
    """Delete the events and legacy numbers that a watermark hides. Access pattern E13.

    Leaves those that expire until `left_until_s` (seconds since the epoch) to DynamoDB. But events
    from `through` on are always deleted, because the watermark hides them only until their ids are
    dropped from it.
    """
    table = settings().events_table
    late: Any = {
        "FilterExpression": "#ttl > :left",
        "ExpressionAttributeNames": {"#ttl": "ttl"},
    }
    last = legacy.sort_key(limit.legacy_through)
    for numbers in ("legacy", "gaps"):
        values: Values = {":numbers": f"{project_id}#{numbers}", ":through": last}
        found = query(
            TableName=table,
            KeyConditionExpression="pk = :numbers AND sk <= :through",
            ExpressionAttributeValues=write_all({**values, ":left": left_until_s}),
            ProjectionExpression="pk, sk",
            **late,
        )
        batch_delete(table, found)
    # A cleared legacy error may be newer than the watermark, by up to CLEAR_MARGIN_MS.
    old: Values = {":low": floor_id(0), ":high": limit.through, ":left": left_until_s}
    recent: Values = {":low": limit.through, ":high": _newest_hidden(limit)}
    for bounds, filtered in ((old, late), (recent, {})):
        events = query(
            TableName=table,
            KeyConditionExpression="pk = :project AND sk BETWEEN :low AND :high",
            ExpressionAttributeValues=write_all({":project": project_id, **bounds}),
            ProjectionExpression="pk, sk, legacy_id",
            **filtered,
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
        also=frozenset(
            [
                *_unpacked(values.get("recent", b"")),
                *_lengthened(values.get("recent_short", b""), values["through"]),
            ]
        ),
        thresholds=values.get("thresholds", ""),
    )


def _of_ids(new: Watermark) -> TypedItem:
    """Return the attribute with the ids of a watermark, if it lists any."""
    if len(new.also) > _MOST_RECENT:
        return {"recent_short": {"B": b"".join(_shortened(new.also, new.through))}}
    return {"recent": {"B": _packed(new.also)}} if new.also else {}


def _shortened(event_ids: Iterable[str], through: str) -> Iterator[bytes]:
    begin = minted_ms(through)
    for event_id in sorted(event_ids):
        # A UUID's version is the same in each id.
        random = event_id[15:18] + event_id[20:23] + event_id[24:]
        variant = "89ab".index(event_id[19])
        yield struct.pack(">HB9s", minted_ms(event_id) - begin, variant, bytes.fromhex(random))


def _lengthened(packed: bytes, through: str) -> Iterator[str]:
    for after, variant, random in struct.iter_unpack(">HB9s", packed):
        stamp, digits = floor_id(minted_ms(through) + after)[:15], random.hex()
        yield f"{stamp}{digits[:3]}-{'89ab'[variant]}{digits[3:6]}-{digits[6:]}"


def _packed(event_ids: Iterable[str]) -> bytes:
    return bytes.fromhex("".join(sorted(event_ids)).replace("-", ""))


def _unpacked(packed: bytes) -> Iterator[str]:
    for (digits,) in struct.iter_unpack("16s", packed):
        text = digits.hex()
        yield f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
