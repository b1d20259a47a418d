"""ProjectsTable: organizations.

| item | pk | sk | listed_under | listed_as |
|---|---|---|---|---|
| organization | `org#3` | `org` | `orgs` | `000000000003` |
| counter | `counter` | `orgs` | | |

The default organization has no item until one of its attributes is set.
"""

from collections.abc import Iterable
from typing import Any

from errata.config import settings
from errata.models.organization import Organization
from errata.store import clients
from errata.store.items import PlainItem, TypedItem, Values, batch_get, query, read_all, write_all


def find_organization(organization_id: str) -> Organization | None:
    """Return an organization; None if it has no item.

    Reads consistently, so that a changed policy takes effect when the TTL cache expires.
    Access pattern P16.
    """
    response = clients.dynamodb().get_item(
        TableName=settings().projects_table, Key=_key(organization_id), ConsistentRead=True
    )
    item = response.get("Item")
    return to_organization(read_all(item)) if item else None


def find_organizations(organization_ids: Iterable[str]) -> list[Organization]:
    """Return the organizations with these ids that have an item, unordered. Access pattern P36."""
    keys = [_key(each) for each in organization_ids]
    found = batch_get(settings().projects_table, keys)
    return [to_organization(read_all(item)) for item in found]


def list_organizations() -> list[Organization]:
    """Return every organization that has an item, oldest first. Access pattern P17."""
    found = query(
        TableName=settings().projects_table,
        IndexName="listing",
        KeyConditionExpression="listed_under = :under",
        ExpressionAttributeValues={":under": {"S": "orgs"}},
    )
    return [to_organization(read_all(item)) for item in found]


def next_organization_id() -> str:
    """Return a number that no organization has had. Access pattern P18."""
    response = clients.dynamodb().update_item(
        TableName=settings().projects_table,
        Key=write_all({"pk": "counter", "sk": "orgs"}),
        UpdateExpression="ADD last_id :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
        ReturnValues="UPDATED_NEW",
    )
    return response["Attributes"]["last_id"]["N"]


def save_organization(organization: Organization, **changes: int | str | None) -> Organization:
    """Store a new organization, or set attributes of an existing one. None removes an attribute.

    Returns the organization as it is now stored, because other writers set other attributes of the
    same item. Access pattern P19.
    """
    response = clients.dynamodb().update_item(
        **update(organization, **changes), ReturnValues="ALL_NEW"
    )
    return to_organization(read_all(response["Attributes"]))


def update(organization: Organization, **changes: int | str | None) -> Any:
    """Return an update that stores an organization or sets attributes. None removes one."""
    unchanging: Values = {
        "listed_under": "orgs",
        "listed_as": organization.id.zfill(12),
        "name": organization.name,
        "created_at": organization.created_at,
    }
    sets = [f"#{name} = if_not_exists(#{name}, :{name})" for name in unchanging]
    sets += [f"#{name} = :{name}" for name, value in changes.items() if value is not None]
    removed = [f"#{name}" for name, value in changes.items() if value is None]
    values: Values = {**unchanging, **changes}
    return {
        "TableName": settings().projects_table,
        "Key": _key(organization.id),
        "UpdateExpression": f"SET {', '.join(sets)}"
        + (f" REMOVE {', '.join(removed)}" if removed else ""),
        "ExpressionAttributeNames": {f"#{name}": name for name in values},
        "ExpressionAttributeValues": write_all(
            {f":{name}": value for name, value in values.items()}
        ),
    }


def _key(organization_id: str) -> TypedItem:
    return write_all({"pk": f"org#{organization_id}", "sk": "org"})


def to_organization(item: PlainItem) -> Organization:
    """Return the organization in an item of plain values."""
    allowlist: str = item.get("allowlist", "")
    return Organization(
        id=item["pk"].removeprefix("org#"),
        name=item["name"],
        created_at=item["created_at"],
        allowlist=tuple(allowlist.split(",")) if allowlist else (),
        monthly_quota=item.get("monthly_quota"),
        stripe_customer=item.get("stripe_customer", ""),
        billing=item.get("billing", ""),
        scrub=bool(item.get("scrub", True)),
        scrub_contract_apis=bool(item.get("scrub_contract_apis", True)),
        scrub_rules=item.get("scrub_rules_version", ""),
    )
