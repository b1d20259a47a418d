"""ProjectsTable: the views that members have saved, for themselves or for a whole project.

| item | pk | sk | attributes |
|---|---|---|---|
| own views | `user#<hash of the e-mail>` | `views` | views, default |
| shared views | `project#12` | `views` | views, default |

`views` maps the id of each view to `name`, `query` and `sort`. `default` is the id of one of them.
"""

from typing import Any

from errata.config import settings
from errata.errors import ConditionFailedError, StoreError
from errata.models.views import View, Views
from errata.store import clients
from errata.store.items import PlainItem, TypedItem, Values, read_all, unchanged, write_all

_PROJECT = "project#"


def key(owner: str) -> TypedItem:
    """Return the key of the row of an owner: `project#12` or `user#<hash>`."""
    return write_all({"pk": owner, "sk": "views"})


def find_views(owner: str) -> Views:
    """Return the views of an owner, read consistently. Access pattern P57."""
    response = clients.dynamodb().get_item(
        TableName=settings().projects_table, Key=key(owner), ConsistentRead=True
    )
    return to_views(read_all(response["Item"])) if "Item" in response else Views()


def save_views(owner: str, before: Views, after: Views) -> bool:
    """Replace the views of an owner. Access pattern P58.

    Returns False if they have changed since they were read, or the project does not exist.
    """
    put: Any = {
        "TableName": settings().projects_table,
        "Item": key(owner) | write_all(_attributes(after)),
        **unchanged(_attributes(before)),
    }
    try:
        if not owner.startswith(_PROJECT):
            clients.dynamodb().put_item(**put)
            return True
        exists: Any = {
            "TableName": settings().projects_table,
            "Key": write_all({"pk": owner, "sk": "project"}),
            "ConditionExpression": "attribute_exists(pk)",
        }
        clients.dynamodb().transact_write_items(
            TransactItems=[{"ConditionCheck": exists}, {"Put": put}]
        )
    except ConditionFailedError:
        return False
    except StoreError as error:
        if {"ConditionalCheckFailed", "TransactionConflict"}.intersection(error.reason_codes):
            return False
        raise
    return True


def to_views(item: PlainItem) -> Views:
    """Return the views in an item of plain values."""
    found = [View(view_id, **each) for view_id, each in item.get("views", {}).items()]
    found.sort(key=lambda each: (each.name.casefold(), each.id))
    return Views(tuple(found), item.get("default", ""))


def _attributes(views: Views) -> Values:
    return {
        "views": {
            each.id: {"name": each.name, "query": each.query, "sort": each.sort}
            for each in views.views
        }
        or None,
        "default": views.default or None,
    }
