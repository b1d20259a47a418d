"""IssuesTable: the numbers of a project's issues.

| item | pk | sk | attributes |
|---|---|---|---|
| counter | `12` | `numbers` | last: the number of the newest issue |

The counter is in no generation, so the numbers go on after a clear. It has no `ttl`.
"""

from typing import Any

from errata.config import settings
from errata.models.visible import Visible
from errata.store import clients, ranks
from errata.store.items import TypedItem, batch_get, write_all

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


def ids_of_number(visible: Visible, number: int) -> list[str]:
    """Return the ids of the issues in the rows of a number. Rows may be left over.

    Access pattern I18.
    """
    keys = [
        write_all({"pk": visible.partition, "sk": ranks.number_key(status, number)})
        for status in ranks.LISTED
    ]
    found = batch_get(settings().issues_table, keys)
    return list(dict.fromkeys(item["issue"]["S"] for item in found))


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
    clients.dynamodb().delete_item(TableName=settings().issues_table, Key=counter_key(project_id))
