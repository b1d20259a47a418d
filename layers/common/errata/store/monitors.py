"""ProjectsTable: the cron monitors of projects.

| item | pk | sk | attributes |
|---|---|---|---|
| monitor | `project#12` | `monitor#nightly-backup#production` | data, version |

`data` is compressed JSON: the other fields of a `Monitor`. The attribute `monitors` of a project's
row counts them, so that a project has at most `MAX_MONITORS`.
"""

import json
import zlib
from dataclasses import asdict, fields
from typing import Any

from errata.config import settings
from errata.errors import ConditionFailedError, LimitReachedError, StoreError
from errata.models.monitor import MAX_MONITORS, Monitor, MonitorConfig, Run
from errata.store import clients
from errata.store.items import PlainItem, TypedItem, query, read_all, write_all
from errata.store.project_items import project_key

_MONITOR = "monitor#"
_OF_KEY = ("project_id", "slug", "environment", "version")
_NONE = Monitor("", "", "", 0)
_NO_RUN = Run("", "ok", 0)
# Codes of a transaction that failed because of other writers.
_OTHERS = {"ConditionalCheckFailed", "TransactionConflict"}


def list_monitors(project_id: str) -> list[Monitor]:
    """Return the monitors of a project, by slug and environment. Access pattern P78."""
    found = query(
        TableName=settings().projects_table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :monitor)",
        ExpressionAttributeValues=write_all({":pk": f"project#{project_id}", ":monitor": _MONITOR}),
        ConsistentRead=True,
    )
    return [_to_monitor(read_all(item)) for item in found]


def find_monitor(project_id: str, slug: str, environment: str) -> Monitor | None:
    """Return a monitor, None if there is none. Reads consistently. Access pattern P79."""
    found = clients.dynamodb().get_item(
        TableName=settings().projects_table,
        Key=_key(project_id, slug, environment),
        ConsistentRead=True,
    )
    return _to_monitor(read_all(found["Item"])) if "Item" in found else None


def add_monitor(monitor: Monitor) -> bool:
    """Store a new monitor, and count it. Access pattern P80.

    Returns False if it exists, or another transaction is changing it or the project.

    Raises:
        LimitReachedError: the project has `MAX_MONITORS`, or does not exist.
    """
    table = settings().projects_table
    put: Any = {
        "TableName": table,
        "Item": _item(monitor),
        "ConditionExpression": "attribute_not_exists(pk)",
    }
    count: Any = {
        "TableName": table,
        "Key": project_key(monitor.project_id),
        "UpdateExpression": "ADD monitors :one",
        "ConditionExpression": "attribute_exists(pk)"
        " AND (attribute_not_exists(monitors) OR monitors < :most)",
        "ExpressionAttributeValues": write_all({":one": 1, ":most": MAX_MONITORS}),
    }
    try:
        clients.dynamodb().transact_write_items(TransactItems=[{"Put": put}, {"Update": count}])
    except StoreError as error:
        codes = error.reason_codes
        if codes == ["None", "ConditionalCheckFailed"]:
            raise LimitReachedError(0) from error
        if _OTHERS.intersection(codes):
            return False
        raise
    return True


def save_monitor(monitor: Monitor) -> bool:
    """Store a changed monitor, with the next version. Access pattern P81.

    Returns False if it has changed since it was read, or is deleted.
    """
    try:
        clients.dynamodb().put_item(
            TableName=settings().projects_table,
            Item=_item(monitor),
            ConditionExpression="version = :before",
            ExpressionAttributeValues=write_all({":before": monitor.version}),
        )
    except ConditionFailedError:
        return False
    return True


def remove_monitor(project_id: str, slug: str, environment: str) -> bool:
    """Delete a monitor. Access pattern P82.

    Returns False if it does not exist, or another writer has changed it meanwhile.
    """
    table = settings().projects_table
    row: Any = {
        "TableName": table,
        "Key": _key(project_id, slug, environment),
        "ConditionExpression": "attribute_exists(pk)",
    }
    count: Any = {
        "TableName": table,
        "Key": project_key(project_id),
        "UpdateExpression": "ADD monitors :less",
        "ConditionExpression": "attribute_exists(pk)",
        "ExpressionAttributeValues": write_all({":less": -1}),
    }
    try:
        clients.dynamodb().transact_write_items(TransactItems=[{"Delete": row}, {"Update": count}])
    except StoreError as error:
        if _OTHERS.intersection(error.reason_codes):
            return False
        raise
    return True


def drop_monitor(project_id: str, slug: str, environment: str) -> None:
    """Delete the row of a monitor whose project is deleted. Access pattern P83."""
    table = settings().projects_table
    clients.dynamodb().delete_item(TableName=table, Key=_key(project_id, slug, environment))


def _key(project_id: str, slug: str, environment: str) -> TypedItem:
    return write_all({"pk": f"project#{project_id}", "sk": f"{_MONITOR}{slug}#{environment}"})


def _item(monitor: Monitor) -> TypedItem:
    """Return the item of a monitor, with the version after the one that it has."""
    data = _changed(monitor, _NONE)
    data["config"] = _changed(monitor.config, MonitorConfig()) if monitor.config else None
    data["runs"] = [_changed(run, _NO_RUN) for run in monitor.runs]
    packed = zlib.compress(json.dumps(data, separators=(",", ":")).encode(), 9)
    return {
        **_key(monitor.project_id, monitor.slug, monitor.environment),
        **write_all({"data": packed, "version": monitor.version + 1}),
    }


def _changed(value: Any, default: Any) -> dict[str, Any]:
    """Return the fields that are not as in `default`, without those in the key."""
    usual = asdict(default)
    return {
        each.name: getattr(value, each.name)
        for each in fields(value)
        if each.name not in _OF_KEY and getattr(value, each.name) != usual[each.name]
    }


def _to_monitor(item: PlainItem) -> Monitor:
    slug, _, environment = item["sk"].removeprefix(_MONITOR).partition("#")
    data = json.loads(zlib.decompress(item["data"]))
    config = data.pop("config")
    runs = tuple(Run(**{"id": "", "status": "ok", "at_ms": 0, **run}) for run in data.pop("runs"))
    return Monitor(
        project_id=item["pk"].removeprefix("project#"),
        slug=slug,
        environment=environment,
        config=None if config is None else MonitorConfig(**config),
        runs=runs,
        version=item["version"],
        **{"created_ms": 0, **data},
    )
