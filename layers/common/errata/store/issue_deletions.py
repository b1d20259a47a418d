"""EventsTable: cleanup tasks of deleted issues, and the deletion of their events.

| item | pk | sk | attributes |
|---|---|---|---|
| cleanup task | `12#state` | `delete#<issue id>` | through, tallied_since: see `CleanupTask` |
"""

import contextlib
from collections.abc import Iterable, Iterator
from itertools import batched

from errata.config import settings
from errata.errors import ConditionFailedError
from errata.models.issue import CleanupTask
from errata.store import clients, legacy
from errata.store.events import legacy_number
from errata.store.items import (
    BATCH_GET,
    TypedItem,
    batch_delete,
    batch_get,
    batch_put,
    query,
    write_all,
)


def cleanup_task_item(task: CleanupTask) -> TypedItem:
    """Return the item that makes `cleanup` delete an issue's events."""
    since = task.tallied_since or None
    return _key(task) | write_all({"through": task.through, "tallied_since": since})


def list_cleanup_tasks(project_id: str) -> list[CleanupTask]:
    """Return a project's cleanup tasks, read consistently. Access pattern E17."""
    found = query(
        TableName=settings().events_table,
        KeyConditionExpression="pk = :state AND begins_with(sk, :delete)",
        ExpressionAttributeValues=write_all(
            {":state": f"{project_id}#state", ":delete": "delete#"}
        ),
        ConsistentRead=True,
    )
    return [
        CleanupTask(
            project_id,
            each["sk"]["S"].removeprefix("delete#"),
            each["through"]["S"],
            each.get("tallied_since", {}).get("S", ""),
        )
        for each in found
    ]


def ids_of_issue(project_id: str, issue_id: str, high: str) -> Iterator[str]:
    """Return the ids of an issue's events up to `high`, ascending. The index lags a little.

    Access pattern E18.
    """
    found = query(
        TableName=settings().events_table,
        IndexName="by_issue",
        KeyConditionExpression="issue = :issue AND sk <= :high",
        ExpressionAttributeValues=write_all({":issue": f"{project_id}#{issue_id}", ":high": high}),
    )
    return (each["sk"]["S"] for each in found)


def delete_events(project_id: str, event_ids: Iterable[str]) -> None:
    """Delete these events and their legacy numbers, which leave gaps. Access pattern E19."""
    table = settings().events_table
    for some in batched(event_ids, BATCH_GET, strict=False):
        keys = [write_all({"pk": project_id, "sk": event_id}) for event_id in some]
        numbered = [
            (legacy.sort_key(number), each)
            for each in batch_get(table, keys)
            if (number := legacy_number(each))
        ]
        # Delete the events last. If this is interrupted, the next run needs the events to find the
        # legacy numbers.
        batch_put(
            table,
            [
                write_all({"pk": f"{project_id}#gaps", "sk": number}) | {"ttl": event["ttl"]}
                for number, event in numbered
            ],
        )
        pk = f"{project_id}#legacy"
        batch_delete(table, [write_all({"pk": pk, "sk": number}) for number, _ in numbered])
        batch_delete(table, keys)


def remove_cleanup_task(task: CleanupTask) -> None:
    """Delete a finished task, unless the issue was deleted again. Access pattern E20."""
    with contextlib.suppress(ConditionFailedError):
        clients.dynamodb().delete_item(
            TableName=settings().events_table,
            Key=_key(task),
            ConditionExpression="through = :through",
            ExpressionAttributeValues=write_all({":through": task.through}),
        )


def _key(task: CleanupTask) -> TypedItem:
    return write_all({"pk": f"{task.project_id}#state", "sk": f"delete#{task.issue_id}"})
