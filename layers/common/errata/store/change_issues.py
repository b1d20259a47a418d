"""IdempotencyTable: changes of many issues, and the plans of their slices.

| item | pk | attributes |
|---|---|---|
| bulk change | `bulk#<project>#<id>` | state (JSON, compressed), slices, expires_at, ttl |
| slice | `bulk#<project>#<id>#<number>` | state (JSON, compressed), expires_at, ttl |

A slice is stored before its issues are changed, and never changes. So if a slice is interrupted, it
is repeated in the same way, and undo knows what was before. A bulk change and its undo may take
longer than the hour for which each is kept, so slices are kept for a day longer.
"""

import json
import zlib
from dataclasses import asdict, replace
from typing import Any

from errata.config import settings
from errata.errors import ConditionFailedError
from errata.models.issue_change import BulkChange, Change, ChangeStep, Slice
from errata.store import clients
from errata.store.items import DynamoRequest, TypedItem, read_value, write_all

KEPT_MS = 3_600_000
_SLICE_KEPT_MS = 24 * KEPT_MS


def save(bulk: BulkChange) -> bool:
    """Store a new bulk change. Returns False if it exists. Access pattern K15."""
    return _put(_pk(bulk.project_id, bulk.id), asdict(bulk), bulk, "attribute_not_exists(pk)")


def find(project_id: str, bulk_id: str, now_ms: int) -> BulkChange | None:
    """Return a bulk change, None if it has expired or never existed. Access pattern K16."""
    state = _get(_pk(project_id, bulk_id), now_ms)
    if state is None:
        return None
    undoes = state["undoes"] and tuple(state["undoes"])
    return BulkChange(**{**state, "change": Change(**state["change"]), "undoes": undoes})


def advance(bulk: BulkChange) -> bool:
    """Record that a slice is done. Returns False if that was recorded before. Access pattern K17.

    `bulk.slices` includes the slice.
    """
    condition = "slices = :before"
    return _put(_pk(bulk.project_id, bulk.id), asdict(bulk), bulk, condition, bulk.slices - 1)


def save_slice(bulk: BulkChange, number: int, planned: Slice) -> bool:
    """Store what a slice will do. Returns False if that is stored already. Access pattern K18."""
    pk = _slice_pk(bulk.project_id, bulk.id, number)
    longer = replace(bulk, expires_at=bulk.expires_at + _SLICE_KEPT_MS)
    return _put(pk, asdict(planned), longer, "attribute_not_exists(pk)")


def find_slice(project_id: str, bulk_id: str, number: int, now_ms: int) -> Slice | None:
    """Return what a slice does, None if it is not planned yet. Access pattern K19."""
    state = _get(_slice_pk(project_id, bulk_id, number), now_ms)
    return state and Slice(**{**state, "steps": [ChangeStep(**each) for each in state["steps"]]})


def _pk(project_id: str, bulk_id: str) -> str:
    return f"bulk#{project_id}#{bulk_id}"


def _slice_pk(project_id: str, bulk_id: str, number: int) -> str:
    return f"{_pk(project_id, bulk_id)}#{number}"


def _put(
    pk: str, state: dict[str, Any], bulk: BulkChange, condition: str, before: int | None = None
) -> bool:
    item: TypedItem = write_all(
        {
            "pk": pk,
            "state": zlib.compress(json.dumps(state, separators=(",", ":")).encode()),
            "slices": bulk.slices,
            "expires_at": bulk.expires_at,
            "ttl": bulk.expires_at // 1000 + 60,
        }
    )
    values: DynamoRequest = {}
    if before is not None:
        values = {"ExpressionAttributeValues": {":before": {"N": str(before)}}}
    try:
        clients.dynamodb().put_item(
            TableName=settings().idempotency_table,
            Item=item,
            ConditionExpression=condition,
            **values,
        )
    except ConditionFailedError:
        return False
    return True


def _get(pk: str, now_ms: int) -> Any:
    found = clients.dynamodb().get_item(
        TableName=settings().idempotency_table, Key={"pk": {"S": pk}}, ConsistentRead=True
    )
    item = found.get("Item")
    if not item or read_value(item["expires_at"]) <= now_ms:
        return None
    return json.loads(zlib.decompress(read_value(item["state"])))
