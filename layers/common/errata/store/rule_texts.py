"""ProjectsTable: rules as a text in a row of their own, and their version in the owner's row.

So functions can see in the owner's row whether there are rules, and read each version once.
"""

from typing import Any

from errata.config import settings
from errata.store import clients
from errata.store.items import TypedItem, read_all, write_all
from errata.store.project_items import project_key


def find(key: TypedItem) -> tuple[str, str]:
    """Return version and text of the rules in the row with this key, both "" if it is missing.

    Reads consistently.
    """
    table = settings().projects_table
    response = clients.dynamodb().get_item(TableName=table, Key=key, ConsistentRead=True)
    if "Item" not in response:
        return "", ""
    item = read_all(response["Item"])
    return item["version"], item["text"]


def save(key: TypedItem, version: str, text: str, owner: Any) -> None:
    """Store rules together with the update of their owner's row. If the text is "", remove them."""
    table = settings().projects_table
    action: Any = {"Delete": {"TableName": table, "Key": key}}
    if text:
        item = {**key, **write_all({"text": text, "version": version})}
        action = {"Put": {"TableName": table, "Item": item}}
    clients.dynamodb().transact_write_items(TransactItems=[{"Update": owner}, action])


def of_project(project_id: str, attribute: str, version: str) -> Any:
    """Return the update of a project's row, which fails if there is no such project.

    The attribute gets the version. It is removed if that is "".
    """
    update: Any = {
        "TableName": settings().projects_table,
        "Key": project_key(project_id),
        "ConditionExpression": "attribute_exists(pk)",
        "UpdateExpression": f"REMOVE {attribute}",
    }
    if version:
        update["UpdateExpression"] = f"SET {attribute} = :version"
        update["ExpressionAttributeValues"] = write_all({":version": version})
    return update
