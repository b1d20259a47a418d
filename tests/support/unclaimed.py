"""Unclaimed projects: how a client gets one, and what the table says of them."""

from errata.config import settings
from errata.store import clients
from errata.store import projects as store
from errata.usecases.access import hash_key
from tests.support.account import Project
from tests.support.clients import php


def generated(name: str = "from a script") -> Project:
    """Generate a project, as a client without a key does."""
    response = php(action="generate", name=name)
    assert response.status == 200, response.text
    key: str = response.json["hash"]
    record = store.find_key(hash_key(key))
    assert record
    (public,) = [each.public for each in store.list_keys(record.project_id) if each.public]
    return Project(record.project_id, key, public)


def counted() -> int:
    """Return the counter of unclaimed projects."""
    found = clients.dynamodb().get_item(
        TableName=settings().projects_table,
        Key={"pk": {"S": "counter"}, "sk": {"S": "unclaimed"}},
        ConsistentRead=True,
    )
    return int(found["Item"]["created"]["N"]) if "Item" in found else 0


def stored() -> int:
    """Return how many unclaimed projects are stored, also expired ones."""
    return len(store.list_unclaimed())
