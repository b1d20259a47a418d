"""ProjectsTable: which gateway keys a project has.

| item | pk | sk | attributes |
|---|---|---|---|
| gateway key | `project#12` | `gateway#<id>` | created_at |

A row is stored when API Gateway has created the key, and removed when the key is deleted. So a
gateway key that no project key names any more can be found and deleted.
"""

from errata.config import settings
from errata.store import clients
from errata.store.items import Values, query, read_all, write_all


def add_gateway_key(project_id: str, gateway_key_id: str, at_ms: int) -> None:
    """Record a gateway key of a project, created at `at_ms`. Access pattern P37."""
    row: Values = {**_key(project_id, gateway_key_id), "created_at": at_ms}
    clients.dynamodb().put_item(TableName=settings().projects_table, Item=write_all(row))


def list_gateway_keys(project_id: str) -> dict[str, int]:
    """Return the ids of a project's recorded gateway keys, with the times of their creation.

    The times are in milliseconds since the epoch. Reads consistently. Access pattern P38.
    """
    found = query(
        TableName=settings().projects_table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :gateway)",
        ExpressionAttributeValues=write_all(
            {":pk": f"project#{project_id}", ":gateway": "gateway#"}
        ),
        ConsistentRead=True,
    )
    rows = map(read_all, found)
    return {row["sk"].removeprefix("gateway#"): row["created_at"] for row in rows}


def remove_gateway_key(project_id: str, gateway_key_id: str) -> None:
    """Remove the record of a gateway key that is deleted. Access pattern P39."""
    clients.dynamodb().delete_item(
        TableName=settings().projects_table,
        Key=write_all(_key(project_id, gateway_key_id)),
    )


def _key(project_id: str, gateway_key_id: str) -> Values:
    return {"pk": f"project#{project_id}", "sk": f"gateway#{gateway_key_id}"}
