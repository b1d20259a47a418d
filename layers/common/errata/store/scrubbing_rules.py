"""ProjectsTable: the scrubbing rules of a project or an organization.

| item | pk | sk | attributes |
|---|---|---|---|
| rules of a project | `project#12` | `scrubbing` | text, version |
| rules of an organization | `org#3` | `scrubbing` | text, version |

The rows of the project and of the organization have the version, too. So functions read the rules
only if there are some, and once for each version.
"""

from typing import Any

from errata.config import settings
from errata.models.organization import Organization
from errata.store import clients, organizations
from errata.store.items import read_all, write_all
from errata.store.projects import project_key, scrubbing_key


def of_project(project_id: str) -> str:
    """Return what the rules of a project are stored under."""
    return f"project#{project_id}"


def of_organization(organization_id: str) -> str:
    """Return what the rules of an organization are stored under."""
    return f"org#{organization_id}"


def find_rules(owner: str) -> tuple[str, str]:
    """Return the version and the text of the rules of an owner, both "" if it has none.

    Read consistently. Access pattern P53.
    """
    response = clients.dynamodb().get_item(
        TableName=settings().projects_table, Key=scrubbing_key(owner), ConsistentRead=True
    )
    if "Item" not in response:
        return "", ""
    item = read_all(response["Item"])
    return item["version"], item["text"]


def save_of_project(project_id: str, version: str, text: str) -> None:
    """Store the rules of a project, or remove them if the text is "". Access pattern P54.

    Raises:
        StoreError: the project does not exist any more, or the store failed.
    """
    update: Any = {
        "TableName": settings().projects_table,
        "Key": project_key(project_id),
        "ConditionExpression": "attribute_exists(pk)",
        "UpdateExpression": "REMOVE scrub_rules_version",
    }
    if text:
        update["UpdateExpression"] = "SET scrub_rules_version = :version"
        update["ExpressionAttributeValues"] = write_all({":version": version})
    _save(of_project(project_id), version, text, update)


def save_of_organization(organization: Organization, version: str, text: str) -> None:
    """Store the rules of an organization, or remove them if the text is "". Access pattern P55."""
    update = organizations.update(organization, scrub_rules_version=version if text else None)
    _save(of_organization(organization.id), version, text, update)


def _save(owner: str, version: str, text: str, update: Any) -> None:
    table = settings().projects_table
    key = scrubbing_key(owner)
    action: Any = {"Delete": {"TableName": table, "Key": key}}
    if text:
        item = {**key, **write_all({"text": text, "version": version})}
        action = {"Put": {"TableName": table, "Item": item}}
    clients.dynamodb().transact_write_items(TransactItems=[{"Update": update}, action])
