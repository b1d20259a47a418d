"""ProjectsTable: the fingerprint rules of a project.

| item | pk | sk | attributes |
|---|---|---|---|
| rules | `project#12` | `rules` | text, version |

The project's own row has the version, too. So functions read the rules only if there are some, and
once for each version.
"""

from typing import Any

from errata.config import settings
from errata.store import clients
from errata.store.items import read_all, write_all
from errata.store.projects import project_key, rules_key


def find_rules(project_id: str) -> tuple[str, str]:
    """Return the version and the text of a project's rules, both "" if it has none.

    Read consistently. Access pattern P48.
    """
    response = clients.dynamodb().get_item(
        TableName=settings().projects_table, Key=rules_key(project_id), ConsistentRead=True
    )
    if "Item" not in response:
        return "", ""
    item = read_all(response["Item"])
    return item["version"], item["text"]


def save_rules(project_id: str, version: str, text: str) -> None:
    """Store the rules of a project, or remove them if the text is "". Access pattern P49.

    Raises:
        StoreError: the project does not exist any more, or the store failed.
    """
    table = settings().projects_table
    project: Any = {
        "TableName": table,
        "Key": project_key(project_id),
        "ConditionExpression": "attribute_exists(pk)",
        "UpdateExpression": "REMOVE rules_version",
    }
    action: Any = {"Delete": {"TableName": table, "Key": rules_key(project_id)}}
    if text:
        project["UpdateExpression"] = "SET rules_version = :version"
        project["ExpressionAttributeValues"] = write_all({":version": version})
        row = {**rules_key(project_id), **write_all({"text": text, "version": version})}
        action = {"Put": {"TableName": table, "Item": row}}
    clients.dynamodb().transact_write_items(TransactItems=[{"Update": project}, action])
