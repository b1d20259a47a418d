"""ProjectsTable: the slugs of projects.

| item | pk | sk | attributes |
|---|---|---|---|
| slug | `org#3#slugs` | `shop` | project_id |

Each slug that a project has or had is a row of its organization, so no other project gets it. The
attribute `slugs` of the project's row has them, too, joined by commas. The first one is shown. Both
change in one transaction. The slugs of a deleted project are free again.
"""

from collections.abc import Iterable
from typing import Any

from errata.config import settings
from errata.errors import SlugTakenError, StoreError, UnavailableError
from errata.models.project import Project
from errata.store import clients
from errata.store.items import DynamoRequest, TypedItem, batch_get, write_all
from errata.store.retry import attempts

_TRIES = 6


def taken(organization_id: str, slugs: Iterable[str]) -> set[str]:
    """Return which of these slugs the organization's projects have or had. Access pattern P50."""
    keys = [_key(organization_id, slug) for slug in slugs]
    return {item["sk"]["S"] for item in batch_get(settings().projects_table, keys)}


def find_slug(organization_id: str, slug: str) -> str | None:
    """Return the id of the organization's project that has or had a slug. Access pattern P71."""
    found = batch_get(settings().projects_table, [_key(organization_id, slug)])
    return found[0]["project_id"]["S"] if found else None


def save_slugs(before: Project, after: Project) -> bool:
    """Replace the slugs of a project. Only the first of the new ones may be one that it never had.

    Returns False if the project's slugs have changed since it was read, or it was deleted. Access
    pattern P51.

    Raises:
        SlugTakenError: another project of the organization has or had the first slug.
        UnavailableError: there was a conflict on every try.
    """
    condition, values = unchanged(before)
    update: DynamoRequest = {
        "TableName": settings().projects_table,
        "Key": write_all({"pk": f"project#{after.id}", "sk": "project"}),
        "UpdateExpression": "SET slugs = :new",
        "ConditionExpression": f"attribute_exists(pk) AND {condition}",
        "ExpressionAttributeValues": values | write_all({":new": joined(after)}),
    }
    actions: Any = [{"Update": update}]
    if after.slug not in before.slugs:
        actions.append(claim(after))
    for _ in attempts(_TRIES):
        try:
            clients.dynamodb().transact_write_items(TransactItems=actions)
        except StoreError as error:
            codes = error.reason_codes
            if codes[:1] == ["ConditionalCheckFailed"]:
                return False
            if "ConditionalCheckFailed" in codes:
                raise SlugTakenError from error
            # Another writer is storing the same slug. The next try shows whether it succeeded.
            if "TransactionConflict" not in codes:
                raise
        else:
            return True
    raise UnavailableError


def claim(project: Project) -> Any:
    """Return the transaction action that takes a project's slug. It fails if the slug is taken."""
    key = _key(project.organization, project.slug)
    return {
        "Put": {
            "TableName": settings().projects_table,
            "Item": key | write_all({"project_id": project.id}),
            "ConditionExpression": "attribute_not_exists(pk)",
        }
    }


def release(project: Project) -> list[Any]:
    """Return the transaction actions that free the slugs of a project."""
    return [
        {
            "Delete": {
                "TableName": settings().projects_table,
                "Key": _key(project.organization, slug),
            }
        }
        for slug in project.slugs
    ]


def unchanged(project: Project) -> tuple[str, TypedItem]:
    """Return the condition that the slugs in the project's row are unchanged, and its values."""
    if not project.slugs:
        return "attribute_not_exists(slugs)", {}
    return "slugs = :slugs", write_all({":slugs": joined(project)})


def joined(project: Project) -> str | None:
    """Return the slugs of a project as its row has them, None if it has none."""
    return ",".join(project.slugs) or None


def _key(organization_id: str, slug: str) -> TypedItem:
    return write_all({"pk": f"org#{organization_id}#slugs", "sk": slug})
