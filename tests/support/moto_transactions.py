"""Make moto's transactions fast: do not copy every table that they touch.

moto copies the whole table once for each action of a transaction, to restore it if one fails. So
the data of a test is copied many times. This copies only the rows that the transaction names.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table

# Partition → sort key → row; or partition → row, in a table without a sort key.
type Rows = dict[DynamoType, Any]

_transact: Any = DynamoDBBackend.transact_write_items


@contextmanager
def quick_transactions() -> Iterator[None]:
    """Make transactions fast during the block. Nothing else may copy a table, such as a backup."""
    with pytest.MonkeyPatch.context() as patch:
        # So the copies that moto makes and restores are the tables themselves.
        patch.setattr(Table, "__deepcopy__", lambda table, memo: table, raising=False)
        patch.setattr(DynamoDBBackend, "transact_write_items", transact_write_items)
        yield


def transact_write_items(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
    """Apply all actions or none. Undo a failed transaction completely, even the rows' order."""
    before: dict[str, Rows] = {}
    for action in transact_items:
        for details in action.values():
            if table := backend.tables.get(details.get("TableName", "")):
                rows = before.setdefault(table.name, dict(table.items))
                _keep(table, details.get("Key") or details.get("Item") or {}, rows)
    try:
        _transact(backend, transact_items)
    except BaseException:
        for name, rows in before.items():
            items: Rows = backend.tables[name].items
            items.clear()
            items.update(rows)
        raise


def _keep(table: Table, key: dict[str, Any], rows: Rows) -> None:
    """Store in `rows` a copy of the table's row with this key."""
    assert table.stream_shard is None, "a stream would keep what a failed transaction wrote"
    if table.hash_key_attr not in key or (table.range_key_attr or table.hash_key_attr) not in key:
        return  # moto refuses it
    partition = DynamoType(key[table.hash_key_attr])
    if partition not in rows:
        return
    if table.range_key_attr is None:
        rows[partition] = copy.deepcopy(rows[partition])
        return
    sort_key = DynamoType(key[table.range_key_attr])
    if rows[partition] is table.items[partition]:
        rows[partition] = dict(rows[partition])
    if sort_key in rows[partition]:
        rows[partition][sort_key] = copy.deepcopy(rows[partition][sort_key])
