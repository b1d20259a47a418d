"""IssuesTable: the numbers of a project's issues.

| item | pk | sk | attributes |
|---|---|---|---|
| counter | `12` | `numbers` | last: the number of the newest issue |

The counter is in no generation, so the numbers go on after a clear. It has no `ttl`.
"""

from typing import Any

from errata.config import settings
from errata.store import clients
from errata.store.items import TypedItem, batch_delete, write_all

COUNTER = "numbers"


def counter_key(project_id: str) -> TypedItem:
    """Return the key of a project's counter."""
    return write_all({"pk": project_id, "sk": COUNTER})


def last_number(project_id: str) -> int:
    """Return the number of a project's newest issue, 0 if it has none. Access pattern I15."""
    found = clients.dynamodb().get_item(
        TableName=settings().issues_table, Key=counter_key(project_id), ConsistentRead=True
    )
    return int(found["Item"]["last"]["N"]) if "Item" in found else 0


def take_action(project_id: str, last: int, count: int) -> Any:
    """Return the transaction action that takes `count` numbers after `last`."""
    return {
        "Update": {
            "TableName": settings().issues_table,
            "Key": counter_key(project_id),
            "UpdateExpression": "SET #last = :new",
            "ConditionExpression": "#last = :last" if last else "attribute_not_exists(pk)",
            "ExpressionAttributeNames": {"#last": "last"},
            "ExpressionAttributeValues": write_all(
                {":new": last + count, **({":last": last} if last else {})}
            ),
        }
    }


def remove_counter(project_id: str) -> None:
    """Delete the counter of a deleted project. Access pattern I16."""
    batch_delete(settings().issues_table, [counter_key(project_id)])
