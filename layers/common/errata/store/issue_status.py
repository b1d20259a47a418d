"""IssuesTable: status changes and deletions of issues by people.

| item | sk | what |
|---|---|---|
| activity | `act#<issue id>#<milliseconds>` | a change of the status; expires with the issue |
| note | `act#<issue id>#<milliseconds>-note` | as activity: something else that a person did |
| tombstone | `issue#<issue id>` | replaces the issue; `digest` skips its events |

A status is written only if the issue has not changed since it was read. `digest` uses the same
condition to write an issue. So neither overwrites a change by the other.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import Any

from errata.config import settings
from errata.errors import ConditionFailedError, ConflictError
from errata.models.issue import OPEN_STATUSES, ROWS_LINGER_S, Activity, CleanupTask, Issue
from errata.models.settled import how, stored_status
from errata.models.times import TOMBSTONE_KEPT_S
from errata.models.visible import Visible
from errata.store import clients, closed_issues, numbers, ranks
from errata.store.issue_deletions import cleanup_task_item
from errata.store.issue_items import issue_item, ranked_name
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


def list_activity(
    visible: Visible, issue_id: str, most: int | None = None, before: int = 0
) -> list[Activity]:
    """Return an issue's activity, latest first, at most `most`, before a time in milliseconds.

    Access pattern I10.
    """
    rows = _of_issue(visible.partition, "act", issue_id, most, before=before)
    found = map(read_all, islice(rows, most))
    return [to_activity(item) for item in found if item["ttl"] > visible.now_s]


def set_status(pk: str, before: Issue, after: Issue, what: str, last: int) -> bool:
    """Change an issue's status from `before` and record the activity, both or neither.

    Also moves the rows by which lists find the issue. An issue of release 0.1.0 gets its number:
    the one after `last`.

    Returns False if the issue has changed since it was read, or another transaction is changing it.
    Access pattern I11.
    """
    note = Activity(after.status_at, what, after.status_by, detail=how(after))
    return change(pk, before, after, note, last)


def change(pk: str, before: Issue, after: Issue, note: Activity, last: int) -> bool:
    """Change an issue from `before`, and record why, both or neither. Otherwise as `set_status`."""
    return _transact(_changing(pk, before, after, note, last))


def change_together(visible: Visible, changes: Iterable[tuple[Issue, Issue, Activity]]) -> bool:
    """Change issues that have numbers, and record why, all or nothing: for a merge.

    `changes` has each issue before and after, and the activity. Also records in the project's
    counter that it has merged issues. Returns False in the same cases as `set_status`. Access
    pattern I44.
    """
    actions = [numbers.merged_action(visible)]
    for before, after, note in changes:
        actions += _changing(visible.partition, before, after, note, 0)
    return _transact(actions)


def _changing(pk: str, before: Issue, after: Issue, note: Activity, last: int) -> list[Any]:
    actions: list[Any] = []
    if not after.number:
        project_id = pk.partition("#")[0]
        actions.append(numbers.take_action(project_id, last, 1))
        after = replace(after, number=last + 1, rows_until=after.expires_at + ROWS_LINGER_S)
    actions.append(_replace(pk, before, issue_item(after)))
    actions.append(activity_action(pk, after, note))
    actions += _moved_rows(pk, before, after)
    if stored_status(after) in OPEN_STATUSES:
        actions.append(closed_issues.delete_action(pk, after.id))
    else:
        actions.append(closed_issues.put_action(pk, after))
    return actions


def _moved_rows(pk: str, before: Issue, after: Issue) -> list[Any]:
    old = ranks.rows(before) if before.number else {}
    renewed = after.rows_until != before.rows_until
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
            if sk not in old or renewed
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
            "status": stored_status(before),
            "status_at": before.status_at or None,
            "assigned_at": before.assigned_at or None,
            "notes": before.notes or None,
            "ttl": before.ttl,
            # A head moves with the events of its members.
            **({ranked_name(before): before.ranked_at} if before.members else {}),
        }
    )
    item = _row(pk, f"issue#{before.id}", content)
    return {"Put": {"TableName": settings().issues_table, "Item": item, **unmoved}}


def renew_activity(pk: str, issue: Issue) -> None:
    """Let the activity of an issue expire together with its other rows. Access pattern I39."""
    for item in _of_issue(pk, "act", issue.id, keys_only=True):
        with suppress(ConditionFailedError):  # deleted meanwhile
            clients.dynamodb().update_item(
                TableName=settings().issues_table,
                Key={"pk": item["pk"], "sk": item["sk"]},
                UpdateExpression="SET #ttl = :ttl",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeNames={"#ttl": "ttl"},
                ExpressionAttributeValues=write_all({":ttl": issue.rows_until}),
            )


def activity_key(issue_id: str, at: int, *, is_note: bool) -> str:
    """Return the sort key of an activity."""
    return f"act#{issue_id}#{at:013d}{'-note' if is_note else ''}"


def activity_action(pk: str, issue: Issue, note: Activity) -> Any:
    """Return the transaction action that stores an activity."""
    item = write_all(
        {
            "pk": pk,
            "sk": activity_key(issue.id, note.at, is_note=note.is_note),
            "what": note.what,
            "by": note.by or None,
            "event": note.event or None,
            "release": note.release or None,
            "detail": note.detail or None,
            "text": note.text or None,
            "mentions": ",".join(note.mentions) or None,
            "ttl": max(issue.rows_until, issue.expires_at) if note.is_note else issue.expires_at,
        }
    )
    # Do not overwrite a note by another person of the same millisecond. Two changes of the status
    # never have the same time.
    unlike = {"ConditionExpression": "attribute_not_exists(pk)"} if note.is_note else {}
    return {"Put": {"TableName": settings().issues_table, "Item": item, **unlike}}


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
        for item in _of_issue(pk, kind, issue.id, keys_only=True)
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


def _of_issue(
    pk: str,
    kind: str,
    issue_id: str,
    most: int | None = None,
    *,
    before: int = 0,
    keys_only: bool = False,
) -> Iterator[TypedItem]:
    """Yield an issue's rows of one kind, newest first. Fetch `most` at a time."""
    prefix = f"{kind}#{issue_id}#"
    high = f"{prefix}{before - 1:013d}~" if before else f"{prefix}~"
    return query(
        **({"Limit": most} if most else {}),
        **({"ProjectionExpression": "pk, sk"} if keys_only else {}),
        TableName=settings().issues_table,
        KeyConditionExpression="pk = :pk AND sk BETWEEN :low AND :high",
        ExpressionAttributeValues=write_all({":pk": pk, ":low": prefix, ":high": high}),
        ScanIndexForward=False,
        ConsistentRead=True,
    )


def _transact(actions: list[Any]) -> bool:
    try:
        clients.dynamodb().transact_write_items(TransactItems=actions)
    except ConflictError:
        return False
    return True


def to_activity(item: PlainItem) -> Activity:
    """Return the activity in an item of plain values."""
    return Activity(
        at=int(item["sk"].rpartition("#")[2].removesuffix("-note")),
        what=item["what"],
        by=item.get("by", ""),
        event=item.get("event", ""),
        release=item.get("release", ""),
        detail=item.get("detail", ""),
        text=item.get("text", ""),
        mentions=tuple(filter(None, item.get("mentions", "").split(","))),
        edited_at=item.get("edited_at", 0),
        deleted_by=item.get("deleted_by", ""),
    )
