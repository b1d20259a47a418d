"""ProjectsTable: keep, adopt and delete unclaimed projects, which belong to no organization.

| project | listed_under | listed_as | organization | expires_at |
|---|---|---|---|---|
| only generated | `unclaimed` | `generated#<expires_at>#12` | `unclaimed` | in milliseconds |
| with an event | `unclaimed` | `000000000012` | `unclaimed` | |
| adopted | `projects` | `000000000012` | `3` | |

No row has a TTL: readers check `expires_at`, and the next project that somebody creates deletes
what has expired (docs/decisions/0027-unclaimed-projects.md).
"""

from typing import Any

from errata.config import settings
from errata.errors import (
    ConditionFailedError,
    SlugTakenError,
    StoreError,
    UnavailableError,
)
from errata.models.organization import UNCLAIMED
from errata.models.project import Project
from errata.store import clients, creation_counts, slugs
from errata.store.items import DynamoRequest, Values, write_all
from errata.store.project_items import listed_as, project_key
from errata.store.projects import list_keys
from errata.store.retry import attempts

_TRIES = 6
_ALIVE = "(attribute_not_exists(expires_at) OR expires_at > :now)"


def keep(project_id: str, at_ms: int) -> bool:
    """Remove the expiry of a generated project. No-op if it has none. Access pattern P41.

    Returns False if it has expired or was deleted.
    """
    values: Values = {":as": project_id.zfill(12), ":now": at_ms}
    try:
        clients.dynamodb().update_item(
            TableName=settings().projects_table,
            Key=project_key(project_id),
            UpdateExpression="SET listed_as = :as REMOVE expires_at",
            ConditionExpression=f"attribute_exists(pk) AND {_ALIVE}",
            ExpressionAttributeValues=write_all(values),
        )
    except ConditionFailedError:
        return False
    return True


def adopt(adopted: Project, at_ms: int) -> bool:
    """Store the organization and slug of an unclaimed project. It no longer counts as unclaimed.

    Returns False if it is not unclaimed any more, has expired or was deleted. Access pattern P42.

    Raises:
        SlugTakenError: another project of the organization has or had the slug.
    """
    values: Values = {
        ":organization": adopted.organization,
        ":slugs": slugs.joined(adopted),
        ":under": "projects",
        ":as": listed_as(adopted),
        ":unclaimed": UNCLAIMED,
        ":now": at_ms,
    }
    update: DynamoRequest = {
        "TableName": settings().projects_table,
        "Key": project_key(adopted.id),
        "UpdateExpression": (
            "SET organization = :organization, slugs = :slugs, listed_under = :under,"
            " listed_as = :as REMOVE expires_at"
        ),
        "ConditionExpression": f"organization = :unclaimed AND {_ALIVE}",
        "ExpressionAttributeValues": write_all(values),
    }
    return _counted_out([{"Update": update}, slugs.claim(adopted)])


def some_expired(most: int, at_ms: int) -> list[str]:
    """Return the ids of up to `most` expired projects that are still stored. Access pattern P43."""
    values: Values = {
        ":under": "unclaimed",
        ":from": "generated#",
        ":to": f"generated#{at_ms:013d}~",
    }
    found = clients.dynamodb().query(
        TableName=settings().projects_table,
        IndexName="listing",
        KeyConditionExpression="listed_under = :under AND listed_as BETWEEN :from AND :to",
        ExpressionAttributeValues=write_all(values),
        Limit=most,
    )
    return [item["pk"]["S"].removeprefix("project#") for item in found["Items"]]


def remove_expired(project_id: str, at_ms: int) -> bool:
    """Delete an expired project with its keys. It no longer counts as unclaimed.

    Only the rows of revoked keys stay, so that no project can use these keys again. Returns False
    if the project was kept or deleted since it was read. Access pattern P44.
    """
    table = settings().projects_table
    project: DynamoRequest = {
        "TableName": table,
        "Key": project_key(project_id),
        "ConditionExpression": "expires_at <= :now",
        "ExpressionAttributeValues": write_all({":now": at_ms}),
    }
    keys: list[DynamoRequest] = [
        {
            "TableName": table,
            "Key": write_all({"pk": f"key#{key.hash}", "sk": "key"}),
            "ConditionExpression": "project_id = :id AND attribute_not_exists(revoked_at)",
            "ExpressionAttributeValues": write_all({":id": project_id}),
        }
        for key in list_keys(project_id)
        if key.revoked_at is None
    ]
    return _counted_out([{"Delete": each} for each in (project, *keys)])


def _counted_out(actions: list[DynamoRequest]) -> bool:
    counted: Any = [*actions, {"Update": creation_counts.one_less_unclaimed()}]
    for _ in attempts(_TRIES):
        try:
            clients.dynamodb().transact_write_items(TransactItems=counted)
        except StoreError as error:
            codes = error.reason_codes
            if "ConditionalCheckFailed" in codes:
                if "Put" in actions[codes.index("ConditionalCheckFailed")]:
                    raise SlugTakenError from error
                return False
            # Everybody who creates, adopts or deletes an unclaimed project changes this counter.
            if "TransactionConflict" not in codes:
                raise
        else:
            return True
    raise UnavailableError
