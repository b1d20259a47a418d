"""ArtifactsTable: the source maps of projects, the pointers to them, and the uploads of builds.

| item | pk | sk | attributes |
|---|---|---|---|
| artifact | project id | `map#<id>` | see `Artifact`, ttl |
| pointer | project id | `debug#<id>`, `url#…`, `fetch#…` | map_id, uploaded_at, used_at, ttl |
| bundle | project id | `bundle#<name>` | see `Bundle`, ttl |
| deleted | project id | `deleted` | ttl. Says that the project is deleted |

The table's stream tells `compile_maps` of new bundles, of artifacts that were deleted or have
expired, and of deleted projects.
"""

from collections.abc import Iterable
from typing import Any

from errata.config import settings
from errata.errors import ConditionFailedError, ConflictError
from errata.models.artifact import (
    BUNDLE_KEPT_MS,
    DELETED_KEPT_MS,
    UNUSED_KEPT_MS,
    Artifact,
    ArtifactState,
    Bundle,
    Pointer,
    debug_key,
)
from errata.store import clients
from errata.store.items import (
    PlainItem,
    TypedItem,
    Values,
    batch_delete,
    query,
    read_all,
    write_all,
)
from errata.store.project_items import project_key

_MAP, _BUNDLE, _DELETED = "map#", "bundle#", "deleted"
# How often `compile_maps` tries to compile a bundle. The number of attempts is the only trace of a
# run that ended because it needed too much memory or time.
MAX_ATTEMPTS = 5
# BatchGetItem reads at most a hundred rows.
MAX_KEYS = 100


def find_pointers(project_id: str, keys: Iterable[str]) -> dict[str, Pointer]:
    """Return the pointers that exist, by key. Reads consistently.

    Looks at the first hundred keys only. Access pattern A1.
    """
    table = settings().artifacts_table
    wanted: Any = [_key(project_id, key) for key in list(keys)[:MAX_KEYS]]
    request: Any = {table: {"Keys": wanted, "ConsistentRead": True}}
    found = clients.dynamodb().batch_get_item(RequestItems=request)["Responses"].get(table, [])
    items = [read_all(item) for item in found]
    return {
        item["sk"]: Pointer(item["map_id"], item["uploaded_at"], item["used_at"], "shared" in item)
        for item in items
        if "map_id" in item  # a fetch that has not ended has none (`errata.store.map_fetches`)
    }


def list_artifacts(project_id: str) -> list[Artifact]:
    """Return the artifacts of a project, newest first. Access pattern A2."""
    found = query(
        TableName=settings().artifacts_table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :map)",
        ExpressionAttributeValues=write_all({":pk": project_id, ":map": _MAP}),
    )
    artifacts = [_artifact(read_all(item)) for item in found]
    return sorted(artifacts, key=lambda each: (-each.uploaded_at, each.name))


def find_artifact(project_id: str, map_id: str) -> Artifact | None:
    """Return an artifact, None if it does not exist. Reads consistently. Access pattern A3."""
    response = clients.dynamodb().get_item(
        TableName=settings().artifacts_table,
        Key=_key(project_id, _MAP + map_id),
        ConsistentRead=True,
    )
    return _artifact(read_all(response["Item"])) if "Item" in response else None


def save_artifact(artifact: Artifact) -> bool:
    """Store an artifact and its pointers. Replaces the pointers and fetches under its keys.

    A debug id that led to another map is marked as shared. Returns False if the project is deleted.
    Access pattern A4.
    """
    values: Values = {
        name: getattr(artifact, name)
        for name in Artifact.__slots__
        if name not in ("project_id", "id", "keys")
    }
    ttl = (artifact.used_at + UNUSED_KEPT_MS) // 1000
    values |= {"pk": artifact.project_id, "sk": _MAP + artifact.id, "ttl": ttl}
    values["keys"] = " ".join(artifact.keys)
    rows = [values]
    for key in artifact.keys:
        row: Values = {"pk": artifact.project_id, "sk": key, "map_id": artifact.id, "ttl": ttl}
        row |= {"uploaded_at": artifact.uploaded_at, "used_at": artifact.used_at}
        if key == debug_key(artifact.debug_id):
            row |= {"digest": artifact.digest}
            row |= {"shared": 1} if _is_shared(artifact, key) else {}
        rows.append(row)
    puts: Any = [
        {"Put": {"TableName": settings().artifacts_table, "Item": write_all(row)}} for row in rows
    ]
    puts.append(
        {
            "ConditionCheck": {
                "TableName": settings().artifacts_table,
                "Key": _key(artifact.project_id, _DELETED),
                "ConditionExpression": "attribute_not_exists(pk)",
            }
        }
    )
    try:
        clients.dynamodb().transact_write_items(TransactItems=puts)
    except ConflictError as error:
        if any(each["Code"] == "ConditionalCheckFailed" for each in error.reasons):
            return False
        raise
    return True


def _is_shared(artifact: Artifact, key: str) -> bool:
    """Return whether another map has had the debug id of an artifact."""
    response = clients.dynamodb().get_item(
        TableName=settings().artifacts_table,
        Key=_key(artifact.project_id, key),
        ConsistentRead=True,
    )
    before = read_all(response.get("Item", {}))
    return "shared" in before or before.get("digest", artifact.digest) != artifact.digest


def note_use(project_id: str, key: str, map_id: str, at_ms: int) -> None:
    """Record that an artifact is in use, so that it does not expire. Access pattern A5.

    Raises:
        ConflictError: the artifact was deleted, or another request is recording its use.
    """
    updates: Any = [
        {
            "Update": {
                "TableName": settings().artifacts_table,
                "Key": _key(project_id, each),
                "UpdateExpression": "SET used_at = :at, #ttl = :ttl",
                "ConditionExpression": "attribute_exists(pk)",
                "ExpressionAttributeNames": {"#ttl": "ttl"},
                "ExpressionAttributeValues": write_all(
                    {":at": at_ms, ":ttl": (at_ms + UNUSED_KEPT_MS) // 1000}
                ),
            }
        }
        for each in (key, _MAP + map_id)
    ]
    clients.dynamodb().transact_write_items(TransactItems=updates)


def delete_artifact(artifact: Artifact) -> None:
    """Delete an artifact and its pointers. Access pattern A6.

    `compile_maps` then deletes its compiled map.

    Raises:
        ConflictError: one of its keys leads to another artifact, or somebody else changes it.
    """
    table, own = settings().artifacts_table, write_all({":id": artifact.id})
    deletes: Any = [
        {"Delete": {"TableName": table, "Key": _key(artifact.project_id, _MAP + artifact.id)}}
    ]
    deletes += [
        {
            "Delete": {
                "TableName": table,
                "Key": _key(artifact.project_id, key),
                "ConditionExpression": "attribute_not_exists(pk) OR map_id = :id",
                "ExpressionAttributeValues": own,
            }
        }
        for key in artifact.keys
    ]
    clients.dynamodb().transact_write_items(TransactItems=deletes)


def find_bundle(project_id: str, name: str) -> Bundle | None:
    """Return an upload, None if it is not known. Reads consistently. Access pattern A7."""
    response = clients.dynamodb().get_item(
        TableName=settings().artifacts_table,
        Key=_key(project_id, _BUNDLE + name),
        ConsistentRead=True,
    )
    return to_bundle(read_all(response["Item"])) if "Item" in response else None


def list_bundles(project_id: str) -> list[Bundle]:
    """Return the uploads of a project that changed in the last seven days. Access pattern A11."""
    found = query(
        TableName=settings().artifacts_table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :bundle)",
        ExpressionAttributeValues=write_all({":pk": project_id, ":bundle": _BUNDLE}),
    )
    return [to_bundle(read_all(item)) for item in found]


def save_bundle(bundle: Bundle, before: Bundle | None) -> bool:
    """Store an upload that is to be compiled. Access pattern A8.

    `before` is the upload as it was read, None if there was none. Returns False if it has changed.
    """
    values: Values = {
        name: getattr(bundle, name)
        for name in Bundle.__slots__
        if name not in ("project_id", "checksum", "chunks")
    }
    values |= {
        "pk": bundle.project_id,
        "sk": _BUNDLE + bundle.name,
        "chunks": " ".join(bundle.chunks),
        "ttl": (bundle.changed_at + BUNDLE_KEPT_MS) // 1000,
    }
    condition: Any = {"ConditionExpression": "attribute_not_exists(pk)"}
    if before:
        condition = {
            "ConditionExpression": "changed_at = :before",
            "ExpressionAttributeValues": write_all({":before": before.changed_at}),
        }
    try:
        clients.dynamodb().put_item(
            TableName=settings().artifacts_table, Item=write_all(values), **condition
        )
    except ConditionFailedError:
        return False
    return True


def begin_bundle(project_id: str, name: str, at_ms: int) -> Bundle | None:
    """Count another attempt to compile an upload, and return it. Access pattern A9.

    Returns None if there is nothing to do: it is compiled, or expired, or has failed.
    """
    try:
        response = clients.dynamodb().update_item(
            TableName=settings().artifacts_table,
            Key=_key(project_id, _BUNDLE + name),
            UpdateExpression="SET #state = :now, changed_at = :at ADD attempts :one",
            ConditionExpression="#state IN (:created, :now)",
            ExpressionAttributeNames={"#state": "state"},
            ExpressionAttributeValues=write_all(
                {":now": "assembling", ":created": "created", ":at": at_ms, ":one": 1}
            ),
            ReturnValues="ALL_NEW",
        )
    except ConditionFailedError:
        return None
    return to_bundle(read_all(response["Attributes"]))


def finish_bundle(bundle: Bundle, state: ArtifactState, detail: str, at_ms: int) -> None:
    """Record how an upload has ended. Access pattern A10."""
    clients.dynamodb().update_item(
        TableName=settings().artifacts_table,
        Key=_key(bundle.project_id, _BUNDLE + bundle.name),
        UpdateExpression="SET #state = :state, detail = :detail, changed_at = :at",
        ConditionExpression="attribute_exists(pk)",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues=write_all({":state": state, ":detail": detail, ":at": at_ms}),
    )


def note_maps(project_id: str, at_ms: int) -> None:
    """Record that a project has source maps. No-op if it is recorded. Access pattern P64.

    Raises:
        ConditionFailedError: the project does not exist.
    """
    clients.dynamodb().update_item(
        TableName=settings().projects_table,
        Key=project_key(project_id),
        UpdateExpression="SET maps_since = if_not_exists(maps_since, :at)",
        ConditionExpression="attribute_exists(pk)",
        ExpressionAttributeValues=write_all({":at": at_ms}),
    )


def mark_deleted(project_id: str, at_ms: int) -> None:
    """Record that a project is deleted. Access pattern A18.

    `compile_maps` then deletes its source maps, attachments and rows.
    """
    clients.dynamodb().update_item(
        TableName=settings().artifacts_table,
        Key=_key(project_id, _DELETED),
        UpdateExpression="SET #ttl = :ttl",
        ExpressionAttributeNames={"#ttl": "ttl"},
        ExpressionAttributeValues=write_all({":ttl": (at_ms + DELETED_KEPT_MS) // 1000}),
    )


def is_deleted(project_id: str) -> bool:
    """Return whether a project was deleted in the last two days. Access pattern A19."""
    response = clients.dynamodb().get_item(
        TableName=settings().artifacts_table,
        Key=_key(project_id, _DELETED),
        ConsistentRead=True,
    )
    return "Item" in response


def delete_rows(project_id: str) -> None:
    """Delete all rows of a project except its `deleted` row. Access patterns A20 and A21."""
    found = query(
        TableName=settings().artifacts_table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues=write_all({":pk": project_id}),
        ProjectionExpression="pk, sk",
        ConsistentRead=True,
    )
    batch_delete(
        settings().artifacts_table, (item for item in found if item["sk"] != {"S": _DELETED})
    )


def to_bundle(item: PlainItem) -> Bundle:
    """Return the upload in an item of plain values."""
    names = set(Bundle.__slots__) - {"project_id", "checksum", "chunks"}
    return Bundle(
        project_id=item["pk"],
        checksum=item["sk"].removeprefix(_BUNDLE).partition("#")[0],
        chunks=tuple(item["chunks"].split()),
        **{name: item[name] for name in names if name in item},
    )


def _artifact(item: PlainItem) -> Artifact:
    names = set(Artifact.__slots__) - {"project_id", "id", "keys"}
    return Artifact(
        project_id=item["pk"],
        id=item["sk"].removeprefix(_MAP),
        keys=tuple(item["keys"].split()),
        **{name: item[name] for name in names if name in item},
    )


def _key(project_id: str, sort_key: str) -> TypedItem:
    return {"pk": {"S": project_id}, "sk": {"S": sort_key}}
