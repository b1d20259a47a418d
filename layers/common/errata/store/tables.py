"""Read and write all rows of tables, of any kind, for backup and restore.

| item | table | pk | sk | attributes |
|---|---|---|---|---|
| restore | ProjectsTable | `restore` | `restore` | backup: its id, steps: how many are done |

While a stack has the row `restore`, a restore into it has begun and is not finished.
"""

import base64
import json
from collections.abc import Iterable, Iterator
from itertools import batched
from typing import Any

from errata.config import settings
from errata.errors import ConditionFailedError, StoreError, UnavailableError
from errata.models import temporary
from errata.store import clients
from errata.store.items import BATCH_WRITE, TypedItem, batch_put, query, read_all, write_all
from errata.store.retry import attempts

RESTORE = "restore"
# The most rows of a page. DynamoDB also ends a page at 1 MB.
PAGE = 2_000
_TRIES = 12
# Partition keys of rows that do not count: a table with only these rows is empty.
_ALONE = (RESTORE, "counter")


def pages(table: str, start: TypedItem | None) -> Iterator[tuple[list[TypedItem], Any]]:
    """Yield a table's rows from the key `start` on, a page at a time, with the next page's key.

    The key is None at the end. Each page is read consistently, but the table may change between two
    pages. Access pattern B1.
    """
    request: Any = {"TableName": table, "ConsistentRead": True, "Limit": PAGE}
    while True:
        if start:
            request["ExclusiveStartKey"] = start
        page = clients.dynamodb_patient().scan(**request)
        start = page.get("LastEvaluatedKey")
        yield page["Items"], start
        if not start:
            return


def exists(table: str) -> bool:
    """Return whether a table exists and can be read. Access pattern B9."""
    try:
        clients.dynamodb().get_item(TableName=table, Key=_restore_key())
    except StoreError as error:
        if error.code == "ResourceNotFoundException":
            return False
        raise
    return True


def is_empty(table: str) -> bool:
    """Return whether a table has no rows, read consistently. Access pattern B2.

    Ignores counters, the row `restore`, and what the temporary projects of `errata doctor` have
    left.
    """
    request: Any = {"TableName": table, "Limit": 100, "ConsistentRead": True}
    while True:
        found = clients.dynamodb_patient().scan(**request)
        if not all(item["pk"]["S"] in _ALONE or _is_temporary(item) for item in found["Items"]):
            return False
        if "LastEvaluatedKey" not in found:
            return True
        request["ExclusiveStartKey"] = found["LastEvaluatedKey"]


def _is_temporary(item: TypedItem) -> bool:
    # The row of a key names its project. The keys of all other rows have its id.
    named = [item["project_id"]["S"]] if "project_id" in item else []
    return any(temporary.is_id(part) for part in (*named, *item["pk"]["S"].split("#")))


def put_rows(table: str, rows: Iterable[TypedItem]) -> None:
    """Store these rows. Replaces existing ones. Waits while a table has no capacity left.

    Access pattern B3.

    Raises:
        StoreError: DynamoDB did not accept them, even after minutes.
    """
    for some in batched(rows, BATCH_WRITE, strict=False):
        failed: StoreError = UnavailableError()
        for _ in attempts(_TRIES, base_s=0.2, most_s=30):
            try:
                batch_put(table, list(some))
                break
            except UnavailableError as error:
                failed = error
        else:
            raise failed


def state_rows(project_id: str) -> list[TypedItem]:
    """Return the rows of EventsTable that belong to a project and not to an event.

    Reads consistently. Access pattern B4.
    """
    return list(
        query(
            TableName=settings().events_table,
            KeyConditionExpression="pk = :state",
            ExpressionAttributeValues=write_all({":state": f"{project_id}#state"}),
            ConsistentRead=True,
        )
    )


def to_json(row: TypedItem) -> str:
    """Return a row as JSON on one line, with bytes in Base64."""
    return json.dumps(row, default=_encoded, separators=(",", ":"))


def _encoded(value: bytes) -> str:
    return base64.b64encode(value).decode()


def from_json(line: bytes) -> TypedItem:
    """Return the row that `to_json` wrote."""
    row: TypedItem = {name: _decoded(value) for name, value in json.loads(line).items()}
    return row


def _decoded(value: dict[str, Any]) -> Any:
    ((kind, inner),) = value.items()
    match kind:
        case "B":
            return {"B": base64.b64decode(inner)}
        case "M":
            return {"M": {name: _decoded(each) for name, each in inner.items()}}
    return value


# ------------------------------------------------------------------ the row `restore`


def find_restore() -> tuple[str, int] | None:
    """Return the id of the backup that is being restored, and the number of steps done.

    None if no restore has begun. Access pattern B5.
    """
    response = clients.dynamodb().get_item(
        TableName=settings().projects_table, Key=_restore_key(), ConsistentRead=True
    )
    if "Item" not in response:
        return None
    row = read_all(response["Item"])
    return row["backup"], row["steps"]


def begin_restore(backup: str) -> bool:
    """Record that a restore begins. Returns False if one has begun already. Access pattern B6."""
    try:
        clients.dynamodb().put_item(
            TableName=settings().projects_table,
            Item=_restore_key() | write_all({"backup": backup, "steps": 0}),
            ConditionExpression="attribute_not_exists(pk)",
        )
    except ConditionFailedError:
        return False
    return True


def continue_restore(backup: str, steps: int) -> bool:
    """Record that this many steps are done. Access pattern B7.

    Returns False if another run has done more, or has ended the restore.
    """
    try:
        clients.dynamodb().update_item(
            TableName=settings().projects_table,
            Key=_restore_key(),
            UpdateExpression="SET steps = :steps",
            # Equality is allowed, because the call may be a retry of one that took effect.
            ConditionExpression="#backup = :backup AND steps <= :steps",
            ExpressionAttributeNames={"#backup": "backup"},  # a reserved word
            ExpressionAttributeValues=write_all({":backup": backup, ":steps": steps}),
        )
    except ConditionFailedError:
        return False
    return True


def end_restore() -> None:
    """Record that the restore is finished. Access pattern B8."""
    clients.dynamodb().delete_item(TableName=settings().projects_table, Key=_restore_key())


def _restore_key() -> TypedItem:
    return write_all({"pk": RESTORE, "sk": RESTORE})
