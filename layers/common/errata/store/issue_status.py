"""IssuesTable: status changes and deletions of issues by people.

| item | sk | what |
|---|---|---|
| activity | `act#<issue id>#<milliseconds>` | a change of the status; expires with the issue |
| tombstone | `issue#<issue id>` | replaces the issue; `digest` skips its events |

A status is written only if it has not changed since it was read. `digest` uses the same condition
to write an issue. So neither overwrites a change by the other.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from errata.config import settings
from errata.errors import ConflictError
from errata.models.issue import Activity, CleanupTask, Issue
from errata.models.times import TOMBSTONE_KEPT_S
from errata.models.visible import Visible
from errata.store import clients
from errata.store.issue_deletions import cleanup_task_item
from errata.store.items import (
    PlainItem,
    TypedItem,
    Values,
    batch_delete,
    query,
    read_all,
    unchanged,
    write_all,
)

# A transaction takes 100 actions; a deletion needs two for the issue itself.
_MAX_ROWS = 98


def list_activity(visible: Visible, issue_id: str, most: int | None = None) -> list[Activity]:
    """Return an issue's activity, latest first, at most `most`. Access pattern I10."""
    found = map(read_all, islice(_of_issue(visible.partition, "act", issue_id, most), most))
    return [_to_activity(item) for item in found if item["ttl"] > visible.now_s]


def set_status(pk: str, before: Issue, after: Issue, what: str) -> bool:
    """Change an issue's status from `before` and record the activity, both or neither.

    Returns False if the status has changed since it was read, or another transaction is changing
    the issue. Access pattern I11.
    """
    changed: Values = {
        "status": after.status,
        "status_at": after.status_at,
        "status_by": after.status_by,
    }
    condition = unchanged(_status(before))
    update = {
        "TableName": settings().issues_table,
        "Key": write_all({"pk": pk, "sk": f"issue#{after.id}"}),
        "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in changed),
        "ConditionExpression": condition["ConditionExpression"],
        "ExpressionAttributeNames": condition["ExpressionAttributeNames"]
        | {f"#{name}": name for name in changed},
        "ExpressionAttributeValues": condition["ExpressionAttributeValues"]
        | {f":{name}": value for name, value in write_all(changed).items()},
    }
    note = Activity(after.status_at, what, after.status_by)
    return _transact([{"Update": update}, activity_action(pk, after, note)])


def activity_action(pk: str, issue: Issue, note: Activity) -> Any:
    """Return the transaction action that stores an activity."""
    item = write_all(
        {
            "pk": pk,
            "sk": f"act#{issue.id}#{note.at:013d}",
            "what": note.what,
            "by": note.by or None,
            "event": note.event or None,
            "release": note.release or None,
            "ttl": issue.expires_at,
        }
    )
    return {"Put": {"TableName": settings().issues_table, "Item": item}}


def delete(pk: str, issue: Issue, task: CleanupTask, by: str, at_ms: int) -> bool:
    """Delete an issue, its activity and its links, and store the cleanup task for its events.

    This is one transaction. If an issue has too many rows for it, the other rows are deleted first.
    Returns False if the issue has changed since it was read, or another transaction is changing it.
    Access pattern I12.
    """
    keys = [
        {"pk": item["pk"], "sk": item["sk"]}
        for kind in ("act", "seen")
        for item in _of_issue(pk, kind, issue.id)
    ]
    # Delete the rows that do not fit into the transaction. This is very rare.
    batch_delete(settings().issues_table, keys[_MAX_ROWS:])
    remains: Values = {
        "pk": pk,
        "sk": f"issue#{issue.id}",
        # Sorts after the current sequence number and before the next one. It differs from what a
        # running batch has read, so the write of that batch fails and the batch reads again.
        "last_sequence": f"{issue.last_sequence}~",
        "stream": issue.stream or None,
        "deleted_through": task.through,
        "deleted_by": by,
        "deleted_at": at_ms,
        "ttl": max(issue.expires_at, at_ms // 1000 + TOMBSTONE_KEPT_S),
    }
    replaced = {
        "TableName": settings().issues_table,
        "Item": write_all(remains),
        **unchanged({"last_sequence": issue.last_sequence, **_status(issue)}),
    }
    return _transact(
        [
            {"Put": replaced},
            {"Put": {"TableName": settings().events_table, "Item": cleanup_task_item(task)}},
            *(
                {"Delete": {"TableName": settings().issues_table, "Key": key}}
                for key in keys[:_MAX_ROWS]
            ),
        ]
    )


def _of_issue(pk: str, kind: str, issue_id: str, most: int | None = None) -> Iterator[TypedItem]:
    """Yield an issue's rows of one kind, newest first. Fetch `most` at a time."""
    return query(
        **({"Limit": most} if most else {}),
        TableName=settings().issues_table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
        ExpressionAttributeValues=write_all({":pk": pk, ":prefix": f"{kind}#{issue_id}#"}),
        ScanIndexForward=False,
        ConsistentRead=True,
    )


def _status(issue: Issue) -> Values:
    """Return the attributes that identify a status. No two changes have the same timestamp."""
    return {"status": issue.status, "status_at": issue.status_at or None}


def _transact(actions: list[Any]) -> bool:
    try:
        clients.dynamodb().transact_write_items(TransactItems=actions)
    except ConflictError:
        return False
    return True


def _to_activity(item: PlainItem) -> Activity:
    return Activity(
        at=int(item["sk"].rpartition("#")[2]),
        what=item["what"],
        by=item.get("by", ""),
        event=item.get("event", ""),
        release=item.get("release", ""),
    )
