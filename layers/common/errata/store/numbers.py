"""IssuesTable: the numbers of a project's issues.

| item | pk | sk | attributes |
|---|---|---|---|
| counter | `12` | `numbers` | last, generation, without_rows_until, merged |

`last` is the number of the newest issue. The counter is in no generation, so the numbers continue
after a clear. It has no `ttl`.

Release 0.1.0 stored issues without the rows by which lists find them (`errata.store.ranks`). Such
an issue gets them when it next changes. Until then, it was last seen before `without_rows_until`,
and is in the generation in which the counter was created. Without this attribute, there are no
such issues. `merged` is the newest generation in which issues were merged.
"""

from collections.abc import Iterable
from typing import Any

from errata.config import settings
from errata.errors import ConditionFailedError
from errata.models.visible import Visible
from errata.store import clients, ranks
from errata.store.items import PlainItem, TypedItem, batch_delete, batch_get, read_all, write_all

COUNTER = "numbers"
# In milliseconds. While a stack is updated, functions of the release before may still run.
_OVERLAP_MS = 15 * 60_000
_ALWAYS = 10**15 - 1


def counter_key(project_id: str) -> TypedItem:
    """Return the key of a project's counter."""
    return write_all({"pk": project_id, "sk": COUNTER})


def last_number(project_id: str) -> int:
    """Return the number of a project's newest issue, 0 if it has none. Access pattern I15."""
    found = clients.dynamodb().get_item(
        TableName=settings().issues_table, Key=counter_key(project_id), ConsistentRead=True
    )
    return int(found["Item"]["last"]["N"]) if "Item" in found else 0


def counters(project_ids: Iterable[str]) -> list[TypedItem]:
    """Return the counters of these projects, unordered. Access pattern B10."""
    return batch_get(settings().issues_table, [counter_key(each) for each in project_ids])


def begin(pk: str, now_ms: int) -> None:
    """Create the counter of the project with the partition `pk`. No-op if it exists.

    Call it before the first issue gets a number. Records whether the partition has issues of
    release 0.1.0. Access pattern I22.
    """
    project_id, _, generation = pk.partition("#")
    table = settings().issues_table
    older = clients.dynamodb().query(
        TableName=table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :issue)",
        ExpressionAttributeValues=write_all({":pk": pk, ":issue": "issue#"}),
        ProjectionExpression="pk",
        ConsistentRead=True,
        Limit=1,
    )
    content = {
        "last": 0,
        "generation": int(generation),
        "without_rows_until": now_ms + _OVERLAP_MS if older["Items"] else None,
    }
    try:
        clients.dynamodb().put_item(
            TableName=table,
            Item=counter_key(project_id) | write_all(content),
            ConditionExpression="attribute_not_exists(pk)",
        )
    except ConditionFailedError:
        return


def counter_of(visible: Visible) -> PlainItem | None:
    """Return the project's counter; None if it has none. Access pattern I31."""
    found = batch_get(settings().issues_table, [counter_key(visible.project_id)])
    return read_all(found[0]) if found else None


def without_rows_until(visible: Visible, counter: PlainItem | None) -> int:
    """Return a time before which all visible issues without rows were last seen, 0 without any."""
    if counter is None:
        return _ALWAYS
    if counter.get("generation", 0) != visible.watermark.generation:
        return 0
    until: int = counter.get("without_rows_until", 0)
    return until if until > visible.oldest_ms else 0


def take_action(project_id: str, last: int, count: int) -> Any:
    """Return the transaction action that takes `count` numbers after `last`."""
    return {
        "Update": {
            "TableName": settings().issues_table,
            "Key": counter_key(project_id),
            "UpdateExpression": "SET #last = :new",
            "ConditionExpression": "#last = :last"
            if last
            else "attribute_not_exists(pk) OR #last = :last",
            "ExpressionAttributeNames": {"#last": "last"},
            "ExpressionAttributeValues": write_all({":new": last + count, ":last": last}),
        }
    }


def merged_action(visible: Visible) -> Any:
    """Return the transaction action that records that a generation has merged issues."""
    return {
        "Update": {
            "TableName": settings().issues_table,
            "Key": counter_key(visible.project_id),
            "UpdateExpression": "SET merged = :generation",
            "ConditionExpression": "attribute_exists(pk)",
            "ExpressionAttributeValues": write_all({":generation": visible.watermark.generation}),
        }
    }


def has_merged(visible: Visible, counter: PlainItem | None) -> bool:
    """Return whether a project may have merged issues, by its counter."""
    return counter is not None and counter.get("merged") == visible.watermark.generation


def remove_counter(project_id: str) -> None:
    """Delete the counter of a deleted project. Access pattern I16."""
    batch_delete(settings().issues_table, [counter_key(project_id)])


def ids_of_numbers(visible: Visible, found: Iterable[int]) -> list[str]:
    """Return the ids of the issues with these numbers, from their number rows.

    May include deleted issues. Access pattern I18.
    """
    keys = [
        write_all({"pk": visible.partition, "sk": ranks.number_key(status, number)})
        for number in dict.fromkeys(found)
        for status in ranks.NUMBERED
    ]
    items = batch_get(settings().issues_table, keys)
    return list(dict.fromkeys(item["issue"]["S"] for item in items))
