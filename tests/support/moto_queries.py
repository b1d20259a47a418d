"""Make moto's queries faster without changing what they return. `moto_caches` applies these.

Each of these took a large part of a test's time, and is avoided here:

- A query sorts its whole table, not one partition, and each further page starts at the first row.
- It compares the keys of all rows of the partition, also of those outside of the asked range.
- A query of an index compares the keys of all rows of the table, each with several calls.
"""

import inspect
from bisect import bisect_left, bisect_right
from operator import attrgetter
from typing import Any

import pytest
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table

_query: Any = Table.query
# Without the table itself.
_NAMES = list(inspect.signature(Table.query).parameters)[1:]
# Others are filters.
_KNOWN = frozenset(_NAMES[:-1])


def patch_queries(patch: pytest.MonkeyPatch) -> None:
    """Replace the slow function of moto until the patch is undone."""
    patch.setattr(Table, "query", query)


def query(table: Table, *args: Any, **options: Any) -> Any:
    """Query a view of the table that has only the rows that the answer may have."""
    asked = {**dict(zip(_NAMES, args, strict=False)), **options}
    # moto sorts the rows of an index by that.
    rows = _of_index(table, asked) if asked.get("index_name") else _of_partition(table, asked)
    # `Table` is complete; only mypy takes it for abstract.
    view: Any = object.__new__(Table)  # type: ignore[type-abstract]
    view.__dict__ = {**table.__dict__, "all_items": lambda: rows}
    return _query(view, **asked)


def _of_index(table: Table, asked: dict[str, Any]) -> list[Any]:
    rows = [row for rows in table.items.values() for row in _rows(table, rows)]
    for name, key in asked.get("hash_key_conditions") or ():
        if key.type == "S":
            rows = [row for row in rows if (has := row.attrs.get(name)) and has.value == key.value]
    return rows


def _of_partition(table: Table, asked: dict[str, Any]) -> list[Any]:
    rows = _rows(table, table.items.get(asked["hash_key"], {}))
    if not table.range_key_attr:
        return rows
    # A text is its own value.
    texts = bool(rows) and rows[0].range_key.type == "S"
    value = attrgetter("range_key.value" if texts else "range_key.cast_value")
    rows.sort(key=value)
    keys = [*map(value, rows)]
    forward = asked["scan_index_forward"] is not False
    first, end = 0, len(rows)
    if start := (asked["exclusive_start_key"] or {}).get(table.range_key_attr):
        asked["exclusive_start_key"] = None
        after = DynamoType(start).cast_value
        first, end = (bisect_right(keys, after), end) if forward else (0, bisect_left(keys, after))
    low, high = _span(keys, asked["range_comparison"], asked["range_objs"])
    filtered = not asked.keys() <= _KNOWN
    most = len(rows) if filtered else asked["limit"] or len(rows)
    # One row more: moto finds out there that it has enough for a page.
    if forward:
        first = max(first, low)
        return rows[first : min(end, high + 1, first + most + 1)]
    end = min(end, high)
    return rows[max(first, low - 1, end - most - 1) : end]


def _span(keys: list[Any], comparison: str | None, operands: list[DynamoType]) -> tuple[int, int]:
    """Return where those of the sorted keys begin and end that meet a condition."""
    values = [each.cast_value for each in operands or ()]
    match comparison:
        case "=":
            return bisect_left(keys, values[0]), bisect_right(keys, values[0])
        case "<":
            return 0, bisect_left(keys, values[0])
        case "<=":
            return 0, bisect_right(keys, values[0])
        case ">":
            return bisect_right(keys, values[0]), len(keys)
        case ">=":
            return bisect_left(keys, values[0]), len(keys)
        case "BETWEEN":
            return bisect_left(keys, values[0]), bisect_right(keys, values[1])
        case "BEGINS_WITH":
            prefix = values[0]
            low = bisect_left(keys, prefix)
            # All of them are together.
            high = bisect_left(keys, True, lo=low, key=lambda key: not key.startswith(prefix))
            return low, high
    return 0, len(keys)


def _rows(table: Table, partition: Any) -> list[Any]:
    """Return the rows of a partition. It is one row in a table without sort keys."""
    if table.range_key_attr or not partition:
        return list(partition.values())
    return [partition]
