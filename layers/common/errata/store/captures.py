"""ProjectsTable: the log groups that a project captures.

| item | pk | sk | attributes |
|---|---|---|---|
| captured log group | `project#12` | `capture#/aws/lambda/shop` | added_at, added_by, seen_at |

The subscription filter of a log group does the capture. The row only lets the dashboard show it,
which may not call CloudWatch Logs. If a template has made the filter, its first event makes the
row.
"""

from errata.config import settings
from errata.models.capture import CapturedGroup
from errata.store import clients
from errata.store.items import PlainItem, TypedItem, query, read_all, write_all
from errata.store.project_items import project_key

_GROUP = "capture#"


def list_groups(project_id: str) -> list[CapturedGroup]:
    """Return the log groups that a project captures, by name. Access pattern P72."""
    found = query(
        TableName=settings().projects_table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :group)",
        ExpressionAttributeValues=write_all({":pk": f"project#{project_id}", ":group": _GROUP}),
        ConsistentRead=True,
    )
    return [_to_group(read_all(item)) for item in found]


def put_group(project_id: str, group: str, actor: str, at_ms: int) -> None:
    """Record who has added a log group, unless that is recorded. Access pattern P73."""
    clients.dynamodb().update_item(
        TableName=settings().projects_table,
        Key=_key(project_id, group),
        UpdateExpression="SET added_at = if_not_exists(added_at, :at), "
        "added_by = if_not_exists(added_by, :by)",
        ExpressionAttributeValues=write_all({":at": at_ms, ":by": actor}),
    )


def note_event(project_id: str, group: str, at_ms: int) -> None:
    """Record when a line of a log group last became an event. Access pattern P74."""
    clients.dynamodb().update_item(
        TableName=settings().projects_table,
        Key=_key(project_id, group),
        UpdateExpression="SET seen_at = :at, added_at = if_not_exists(added_at, :at)",
        ExpressionAttributeValues=write_all({":at": at_ms}),
    )


def remove_group(project_id: str, group: str) -> None:
    """Remove the row of a log group. No-op if there is none. Access pattern P75."""
    table = settings().projects_table
    clients.dynamodb().delete_item(TableName=table, Key=_key(project_id, group))


def note_captures(project_id: str, at_ms: int) -> None:
    """Record that a project has log capture. No-op if it is recorded. Access pattern P76.

    Raises:
        ConditionFailedError: the project does not exist.
    """
    clients.dynamodb().update_item(
        TableName=settings().projects_table,
        Key=project_key(project_id),
        UpdateExpression="SET captures_since = if_not_exists(captures_since, :at)",
        ConditionExpression="attribute_exists(pk)",
        ExpressionAttributeValues=write_all({":at": at_ms}),
    )


def _key(project_id: str, group: str) -> TypedItem:
    return write_all({"pk": f"project#{project_id}", "sk": _GROUP + group})


def _to_group(item: PlainItem) -> CapturedGroup:
    return CapturedGroup(
        name=item["sk"].removeprefix(_GROUP),
        added_at=item["added_at"],
        added_by=item.get("added_by", ""),
        seen_at=item.get("seen_at"),
    )
