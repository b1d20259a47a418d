"""IssuesTable: status changes and deletions of issues by people.

| item | sk | what |
|---|---|---|
| activity | `act#<issue id>#<milliseconds>` | a change of the status; expires with the issue |
| tombstone | `issue#<issue id>` | replaces the issue; `digest` skips its events |

A status is written only if the issue has not changed since it was read. `digest` uses the same
condition to write an issue. So neither overwrites a change by the other.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from errata.config import settings
from errata.errors import ConflictError
from errata.models.issue import OPEN, ROWS_LINGER_S, Activity, CleanupTask, Issue
from errata.models.times import TOMBSTONE_KEPT_S
from errata.models.visible import Visible
from errata.store import clients, closed_issues, numbers, ranks
from errata.store.issue_deletions import cleanup_task_item
from errata.store.issue_items import issue_item
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


def set_status(pk: str, before: Issue, after: Issue, what: str, last: int) -> bool:
    """Change an issue's status from `before` and record the activity, both or neither.

    Also moves the rows by which lists find the issue. An issue of release 0.1.0 gets its number:
    the one after `last`.

    Returns False if the issue has changed since it was read, or another transaction is changing it.
    Access pattern I11.
    """
    actions: list[Any] = []
    if not after.number:
        project_id = pk.partition("#")[0]
        actions.append(numbers.take_action(project_id, last, 1))
        after = replace(after, number=last + 1, rows_until=after.expires_at + ROWS_LINGER_S)
    note = Activity(after.status_at, what, after.status_by)
    actions.append(_replace(pk, before, issue_item(after)))
    actions.append(activity_action(pk, after, note))
    actions += _moved_rows(pk, before, after)
    if after.status == OPEN:
        actions.append(closed_issues.delete_action(pk, after.id))
    else:
        actions.append(closed_issues.put_action(pk, after))
    return _transact(actions)


def _moved_rows(pk: str, before: Issue, after: Issue) -> list[Any]:
    old = ranks.rows(before) if before.number else {}
    new = ranks.rows(after, _text(pk, before) if before.number else after.title)
    table = settings().issues_table
    return [
        *(
            {
                "Put": {
                    "TableName": table,
                    "Item": _row(pk, sk, {**new[sk], "ttl": after.rows_until}),
                }
            }
            for sk in new
            if sk not in old
        ),
        *({"Delete": {"TableName": table, "Key": _row(pk, sk, {})}} for sk in old if sk not in new),
    ]


def _text(pk: str, issue: Issue) -> str | None:
    """Return the words by which people find an issue, from its number row."""
    key = _row(pk, next(iter(ranks.number_rows(issue))), {})
    found = clients.dynamodb().get_item(
        TableName=settings().issues_table, Key=key, ConsistentRead=True
    )
    return found.get("Item", {}).get("text", {}).get("S")


def _row(pk: str, sk: str, content: Values) -> TypedItem:
    return write_all({"pk": pk, "sk": sk, **content})


def _replace(pk: str, before: Issue, content: Values) -> Any:
    """Return the transaction action that replaces an issue's row, if it has not changed.

    Each event that is counted changes `count` or `last_event`, an erasure changes `ttl`.
    """
    unmoved = unchanged(
        {
            "count": before.count,
            "last_event": before.last_event,
            "status": before.status,
            "status_at": before.status_at or None,
            "ttl": before.ttl,
        }
    )
    item = _row(pk, f"issue#{before.id}", content)
    return {"Put": {"TableName": settings().issues_table, "Item": item, **unmoved}}


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
    keys = [_row(pk, closed_issues.closed_key(issue.id), {})]
    keys += [_row(pk, sk, {}) for sk in (ranks.rows(issue) if issue.number else {})]
    keys += [
        {"pk": item["pk"], "sk": item["sk"]}
        for kind in ("act", "seen")
        for item in _of_issue(pk, kind, issue.id)
    ]
    # Delete the rows that do not fit into the transaction. This is very rare.
    batch_delete(settings().issues_table, keys[_MAX_ROWS:])
    # It differs from what a running batch has read, so the write of that batch fails and the batch
    # reads again.
    position = issue.position.next()
    remains: Values = {
        "last_sequence": position.sequence,
        "stream": position.stream or None,
        "deleted_through": task.through,
        "deleted_by": by,
        "deleted_at": at_ms,
        "ttl": max(issue.expires_at, at_ms // 1000 + TOMBSTONE_KEPT_S),
    }
    return _transact(
        [
            _replace(pk, issue, remains),
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
