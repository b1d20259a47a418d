"""ProjectsTable: the audit log of each organization.

| item | pk | sk |
|---|---|---|
| audit entry | `org#3` | `audit#<nanoseconds>#<random>` |
"""

import secrets

from errata.config import settings
from errata.models.audit import Actor, AuditEntry
from errata.store import clients
from errata.store.items import PlainItem, TypedItem, query_some, read_all, write_all

_PREFIX = "audit#"


def new_id(at_ns: int) -> str:
    """Return an id that sorts by time, in nanoseconds since the epoch."""
    return f"{at_ns:019d}#{secrets.token_hex(4)}"


def save_entry(entry: AuditEntry) -> None:
    """Store an entry, or replace it. Access pattern P45."""
    clients.dynamodb().put_item(
        TableName=settings().projects_table,
        Item=write_all(
            {
                "pk": f"org#{entry.organization_id}",
                "sk": _PREFIX + entry.id,
                "at": entry.at_ms,
                "actor": entry.actor.name,
                "address": entry.actor.address,
                "action": entry.action,
                "project_id": entry.project_id or None,
                "project_name": entry.project_name or None,
                "details": entry.details or None,
                "finished": int(entry.finished) or None,
            }
        ),
    )


def remove_entry(entry: AuditEntry) -> None:
    """Remove the entry of a change that was refused. Access pattern P46."""
    clients.dynamodb().delete_item(
        TableName=settings().projects_table, Key=_key(entry.organization_id, entry.id)
    )


def list_entries(organization_id: str, before: str, limit: int) -> tuple[list[AuditEntry], str]:
    """Return up to `limit` entries of an organization, newest first, and `before` of the next page.

    `before` is "" for the first page. The returned one is "" at the end. Access pattern P47.
    """
    found, _ = query_some(
        1,
        TableName=settings().projects_table,
        KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
        ExpressionAttributeValues=write_all(
            {
                ":pk": f"org#{organization_id}",
                ":first": _PREFIX,
                # ";" is the character after the last digit. The bounds of BETWEEN are included.
                ":last": _PREFIX + (before or ";"),
            }
        ),
        ScanIndexForward=False,
        ConsistentRead=True,
        # Read two more entries: one tells whether there are more, and one may be `before` itself.
        Limit=limit + 2,
    )
    entries = [_to_entry(read_all(item)) for item in found]
    entries = [entry for entry in entries if entry.id != before]
    more = len(entries) > limit
    return entries[:limit], entries[limit - 1].id if more else ""


def _key(organization_id: str, entry_id: str) -> TypedItem:
    return write_all({"pk": f"org#{organization_id}", "sk": _PREFIX + entry_id})


def _to_entry(item: PlainItem) -> AuditEntry:
    return AuditEntry(
        id=item["sk"].removeprefix(_PREFIX),
        organization_id=item["pk"].removeprefix("org#"),
        at_ms=item["at"],
        actor=Actor(item["actor"], item["address"]),
        action=item["action"],
        project_id=item.get("project_id", ""),
        project_name=item.get("project_name", ""),
        details=item.get("details", ""),
        finished="finished" in item,
    )
