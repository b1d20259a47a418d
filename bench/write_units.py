"""Compute what a write costs by DynamoDB's documented rules, for on-demand tables.

Sources: Amazon DynamoDB Developer Guide, "DynamoDB item sizes and formats", "DynamoDB read and
write operations" and "Using Global Secondary Indexes", write capacity.
"""

import base64
import math
from typing import Any

type Item = dict[str, Any]  # typed as DynamoDB's JSON: bytes as Base64

WRITE_UNIT = 1024


def item_size(item: Item) -> int:
    """Return the bytes of an item: names and values."""
    return sum(len(name.encode()) + value_size(value) for name, value in item.items())


def value_size(value: dict[str, Any]) -> int:
    """Return the bytes of an attribute's value."""
    ((kind, inner),) = value.items()
    match kind:
        case "S":
            return len(inner.encode())
        case "N":
            return number_size(inner)
        case "B":
            return len(base64.b64decode(inner))
        case "BOOL" | "NULL":
            return 1
        case "L":
            return 3 + sum(1 + value_size(each) for each in inner)
        case "M":
            return 3 + sum(1 + len(name.encode()) + value_size(inner[name]) for name in inner)
        case "SS" | "NS" | "BS":
            return sum(value_size({kind[0]: each}) for each in inner)
    raise ValueError(f"no attribute type {kind}")


def number_size(text: str) -> int:
    """Return the bytes of a number: one, and one more for each two significant digits."""
    digits = text.lstrip("+-").lower().partition("e")[0].replace(".", "").strip("0")
    return 1 + math.ceil(len(digits) / 2)


def units(size: int) -> int:
    """Return the write units of one write of `size` bytes."""
    return max(1, math.ceil(size / WRITE_UNIT))


def put_units(item: Item, table: dict[str, Any]) -> int:
    """Return the write units of a new item in a table with global secondary indexes.

    `table` has the arguments of `create_table`. An index costs nothing if the item lacks one of its
    keys, because the item is then not in the index.
    """
    return change_units({}, item, table)


def change_units(old: Item, new: Item, table: dict[str, Any], times: int = 1) -> int:
    """Return the write units of a write that replaces an item. `{}` stands for no item.

    `times` is 2 in a transaction, which writes each item of the table twice.
    """
    keys = key_names(table)
    total = times * units(max(item_size(old), item_size(new)))
    for index in table.get("GlobalSecondaryIndexes", []):
        own = key_names(index)
        before, after = (
            projected(item, keys | own, index["Projection"]) if own <= item.keys() else {}
            for item in (old, new)
        )
        if before == after:
            continue
        if before and after and all(before[name] == after[name] for name in own):
            total += units(max(item_size(before), item_size(after)))
        else:
            total += sum(units(item_size(entry)) for entry in (before, after) if entry)
    return total


def key_names(table: dict[str, Any]) -> set[str]:
    """Return the attributes in the key of a table or an index."""
    return {each["AttributeName"] for each in table["KeySchema"]}


def projected(item: Item, keys: set[str], projection: dict[str, Any]) -> Item:
    """Return what an index copies of an item. `keys` are those of the table and of the index."""
    if projection["ProjectionType"] == "ALL":
        return item
    names = keys | set(projection.get("NonKeyAttributes", []))
    return {name: value for name, value in item.items() if name in names}


_INDEXED: dict[str, Any] = {
    "KeySchema": [{"AttributeName": "id"}],
    "GlobalSecondaryIndexes": [
        {
            "KeySchema": [{"AttributeName": "a"}],
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["b"]},
        }
    ],
}


def _changed(old: Item, new: Item) -> int:
    """Return the units of a change, in the index alone."""
    row: Item = {"id": {"S": "1"}}
    return change_units({**row, **old}, {**row, **new}, _INDEXED) - 1


_A, _B, _C = {"a": {"S": "x"}}, {"b": {"S": "x"}}, {"c": {"S": "x"}}
_OTHER_A, _OTHER_B, _OTHER_C = {"a": {"S": "y"}}, {"b": {"S": "y"}}, {"c": {"S": "y"}}

# Rules quoted from the guide. Each run of the bench checks the functions above against them.
_RULES = {
    "a string is its UTF-8 bytes": (item_size({"né": {"S": "naïve"}}), 3 + 6),
    "a number takes 1 byte per two significant digits and 1 byte": (value_size({"N": "1234"}), 3),
    "an odd digit takes a byte too": (value_size({"N": "12345"}), 4),
    "leading and trailing zeroes are trimmed": (value_size({"N": "0012000"}), 2),
    "a binary counts by its raw bytes": (value_size({"B": "AAAA"}), 3),
    "a null or Boolean is 1 byte": (value_size({"BOOL": True}) + value_size({"NULL": True}), 2),
    "an empty list or map is 3 bytes": (value_size({"L": []}) + value_size({"M": {}}), 6),
    "each list or map element takes 1 byte": (value_size({"L": [{"S": "ab"}, {"S": "c"}]}), 8),
    "a write of up to 1 KB is one unit": (units(500) + units(1024), 2),
    "an item of 2 KB requires 2 units": (units(2048), 2),
    "1.5 KB are rounded up to 2 KB": (units(1536), 2),
    "a table with three indexes takes four writes": (
        put_units(
            {"id": {"S": "1"}, "a": {"S": "x"}},
            {
                "KeySchema": [{"AttributeName": "id"}],
                "GlobalSecondaryIndexes": [
                    {
                        "KeySchema": [{"AttributeName": "a"}],
                        "Projection": {"ProjectionType": "KEYS_ONLY"},
                    }
                ]
                * 3,
            },
        ),
        4,
    ),
    "if the value of an indexed key attribute changes, two writes are required": (
        _changed(_A, _OTHER_A),
        2,
    ),
    "if the indexed attribute is deleted, one write is required": (_changed(_A, {}), 1),
    "if an attribute is indexed that was not defined before, one write is required": (
        _changed({}, _A),
        1,
    ),
    "if only projected attributes change, one write is required": (
        _changed(_A | _B, _A | _OTHER_B),
        1,
    ),
    "if nothing in the index changes, there is no additional cost": (
        _changed(_A | _C, _A | _OTHER_C),
        0,
    ),
    "a transaction performs two underlying writes of every item": (
        change_units({}, {"id": {"S": "1"}}, _INDEXED, times=2),
        2,
    ),
    "an index without the item costs nothing": (
        put_units(
            {"id": {"S": "1"}},
            {
                "KeySchema": [{"AttributeName": "id"}],
                "GlobalSecondaryIndexes": [
                    {
                        "KeySchema": [{"AttributeName": "a"}],
                        "Projection": {"ProjectionType": "KEYS_ONLY"},
                    }
                ],
            },
        ),
        1,
    ),
}


def check() -> int:
    """Check the functions above against the guide's rules. Return how many there are.

    Raises:
        AssertionError: names the rule that does not hold.
    """
    for rule, (measured, documented) in _RULES.items():
        assert measured == documented, f"{rule}: {measured} instead of {documented}"
    return len(_RULES)
