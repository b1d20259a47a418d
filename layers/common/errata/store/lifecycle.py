"""IssuesTable: what people do with issues, beside what `digest` makes of events.

| item | sk | what |
|---|---|---|
| activity | `act#<issue id>#<milliseconds>` | that the status changed; expires with the issue |

A status changes on the condition that it is the one that was read. `digest` writes an issue on the
same condition, so that neither overlooks the other.
"""

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from errata.config import settings
from errata.models.issue import Activity, Issue
from errata.store import clients
from errata.store.attributes import (
    Item,
    cancellation,
    query,
    read_all,
    unchanged,
    write_all,
)


def list_activity(pk: str, issue_id: str, now_s: int) -> list[Activity]:
    """What was done with an issue, the latest first. Access pattern I10."""
    found = map(read_all, _of_issue(pk, "act", issue_id))
    return [_to_activity(item) for item in found if item["ttl"] > now_s]


def set_status(pk: str, before: Issue, after: Issue, what: str) -> bool:
    """Change the status of an issue from `before` and note that somebody did, both or neither.

    False when the status is not the one that was read, or another transaction is at the issue.
    Access pattern I11.
    """
    changed = {
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
    """The part of a transaction that notes an activity."""
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


def _of_issue(pk: str, kind: str, issue_id: str) -> Iterator[Item]:
    """The rows of a kind that an issue has, the latest first."""
    return query(
        TableName=settings().issues_table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
        ExpressionAttributeValues=write_all({":pk": pk, ":prefix": f"{kind}#{issue_id}#"}),
        ScanIndexForward=False,
        ConsistentRead=True,
    )


def _status(issue: Issue) -> Item:
    """What changes with the status; no two changes have one time."""
    return {"status": issue.status, "status_at": issue.status_at or None}


def _transact(actions: list[Any]) -> bool:
    try:
        clients.dynamodb().transact_write_items(TransactItems=actions)
    except ClientError as error:
        codes = {reason["Code"] for reason in cancellation(error)}
        if codes and codes <= {"None", "ConditionalCheckFailed", "TransactionConflict"}:
            return False
        raise
    return True


def _to_activity(item: Item) -> Activity:
    return Activity(
        at=int(item["sk"].rpartition("#")[2]),
        what=item["what"],
        by=item.get("by", ""),
        event=item.get("event", ""),
        release=item.get("release", ""),
    )
