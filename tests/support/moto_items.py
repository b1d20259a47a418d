"""Make moto's rows faster without changing what it returns. `moto_caches` applies these.

Each of these took a large part of a test's time, and is avoided here:

- Each query computes the size of each row three times, with several calls per attribute.
- Each new row is checked four times, attribute by attribute, with several calls for each.
- A projection converts a whole row to Python and back, once for each attribute that it names.
- Each action on a row looks for the part of moto that has the account's tables, under a lock.
- Rows are copied before they are copied into a response.
- A copy of a row looks up each attribute and each text of it in a memo.
- A new attribute looks three times whether it is a list or a map.
- Texts and numbers are converted or checked four times, one by one: in the request, in moto's
  request, in its response, and in botocore's response.
"""

import copy
import re
from typing import Any

import pytest
from botocore.parsers import BaseJSONParser as ResponseParser
from botocore.serialize import JSONSerializer
from moto.core.parse import RequestParser
from moto.core.serialize import BaseJSONSerializer
from moto.dynamodb import models as dynamodb_models
from moto.dynamodb import responses
from moto.dynamodb.models import dynamo_type, table
from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict
from moto.dynamodb.models.table import Table
from moto.dynamodb.models.utilities import bytesize
from moto.dynamodb.parsing.executors import UpdateExpressionExecutor

_PLAIN_NUMBER = re.compile(r"0|[1-9][0-9]{,30}")
_tables_of: Any = vars(responses.DynamoHandler)["dynamodb_backend"].fget
_size: Any = DynamoType.size
_project: Any = Item.project
_execute: Any = UpdateExpressionExecutor.execute
_check_types: Any = vars(Table)["_validate_item_types"]
_check_key_sizes: Any = vars(Table)["_validate_key_sizes"]
_check_empty_keys: Any = vars(responses)["validate_put_has_empty_keys"]
_PLAIN = frozenset(("S", "N", "BOOL", "NULL"))
# In characters. Much less than a key may have.
_SHORT = 200
_parse_request: Any = vars(RequestParser)["_parse_map"]
_parse_response: Any = vars(ResponseParser)["_handle_map"]
_write_request: Any = vars(JSONSerializer)["_serialize_type_map"]
_write_response: Any = vars(BaseJSONSerializer)["_serialize_type_map"]
_to_dict: Any = vars(responses)["dynamo_to_dict"]
_from_python: Any = vars(dynamo_type)["serializer"].serialize
_to_python: Any = vars(dynamo_type)["deserializer"].deserialize


def patch_rows(patch: pytest.MonkeyPatch) -> None:
    """Replace the slow functions of moto and botocore until the patch is undone."""
    patch.setattr(responses.DynamoHandler, "dynamodb_backend", property(tables_of))
    patch.setattr(DynamoType, "__init__", set_value)
    patch.setattr(DynamoType, "size", size)
    patch.setattr(Item, "size", row_size)
    patch.setattr(UpdateExpressionExecutor, "execute", execute)
    patch.setattr(Item, "__deepcopy__", copy_row)
    # The module `copy`, as these two use it.
    patch.setattr(table, "copy", _Shared)
    patch.setattr(dynamodb_models, "copy", _Shared)
    patch.setattr(Item, "project", project)
    patch.setattr(Table, "_validate_item_types", check_types)
    patch.setattr(Table, "_validate_key_sizes", check_key_sizes)
    patch.setattr(responses, "validate_put_has_empty_keys", check_empty_keys)
    patch.setattr(responses, "dynamo_to_dict", to_dict)
    patch.setattr(RequestParser, "_parse_map", parse_request)
    patch.setattr(ResponseParser, "_handle_map", parse_response)
    patch.setattr(JSONSerializer, "_serialize_type_map", write_request)
    patch.setattr(BaseJSONSerializer, "_serialize_type_map", write_response)


def tables_of(handler: Any) -> Any:
    """Return the part of moto that has the tables of a request's account and region."""
    known = handler.__dict__
    if "_tables" not in known:
        known["_tables"] = _tables_of(handler)
    return known["_tables"]


def set_value(value: Any, given: Any) -> None:
    """Set the type and the value of a new attribute, or of a part of one."""
    if type(given) is DynamoType:
        value.type, found = given.type, given.value
    else:
        value.type, found = next(iter(given.items()))
    if value.type == "M":
        found = {name: DynamoType(each) for name, each in found.items()}
    elif value.type == "L":
        found = [DynamoType(each) for each in found]
    value.value = found


def size(value: Any) -> int:
    """Return the size of a value, in bytes."""
    found = value.value
    if value.type == "S":
        return len(found) if found.isascii() else len(found.encode())
    if value.type == "N":
        return len(str(found))
    if value.type == "M":
        return sum(
            bytesize(name) + size(each if type(each) is DynamoType else DynamoType(each))
            for name, each in found.items()
        )
    own: int = _size(value)
    return own


def row_size(row: Item) -> int:
    """Return the size of a row, in bytes. It is computed once until the row changes."""
    known: Any = row.__dict__
    if "_size" not in known:
        known["_size"] = sum([bytesize(name) + size(each) for name, each in row.attrs.items()])
    found: int = known["_size"]
    return found


def execute(executor: Any, node: Any = None) -> None:
    """Update the row of an expression. Its size may be another one then."""
    _execute(executor, node)
    executor.item.__dict__.pop("_size", None)


def copy_row(row: Item, _memo: object) -> Item:
    """Return a copy of a row. They share nothing that changes."""
    copied: Any = object.__new__(Item)
    copied.hash_key = _copied(row.hash_key)
    copied.range_key = row.range_key and _copied(row.range_key)
    copied.attrs = LimitedSizeDict.__new__(LimitedSizeDict)
    for name, value in row.attrs.items():
        dict.__setitem__(copied.attrs, name, _copied(value))
    result: Item = copied
    return result


class _Shared:
    """The module `copy` for moto's tables: rows are not copied for readers that leave them alone.

    These are the results of a query or scan, which become a response, and the row as it was before
    an update, for a stream.
    """

    copy = staticmethod(copy.copy)

    @staticmethod
    def deepcopy(value: Any) -> Any:
        if type(value) is list and all(type(each) is Item for each in value):
            return list(value)
        return value if type(value) is Item else copy.deepcopy(value)


def _copied(value: Any) -> Any:
    copied: Any = object.__new__(DynamoType)
    copied.type, found = value.type, value.value
    if type(found) is dict:
        copied.value = {name: _copied(each) for name, each in found.items()}
    elif type(found) is list:
        copied.value = [_copied(each) if type(each) is DynamoType else each for each in found]
    else:
        copied.value = found
    return copied


def project(row: Item, paths: list[list[str]]) -> Item:
    """Return a row that has only these attributes."""
    if any(len(path) > 1 or "[" in path[0] for path in paths):
        own: Item = _project(row, paths)
        return own
    kept = {}
    for (name,) in paths:
        if name in row.attrs:
            value = row.attrs[name].to_regular_json()
            # Back from Python, a number may be written in another way, such as 100 for "0100".
            same = is_plain(value) and ("N" not in value or _PLAIN_NUMBER.fullmatch(value["N"]))
            kept[name] = value if same else _from_python(_to_python(value))
    return Item(row.hash_key, row.range_key, kept)


def check_types(table: Table, attributes: dict[str, Any], attr: str | None = None) -> None:
    """Check the types of what is in a new row, without what is right at first sight."""
    if attr is None:
        attributes = {name: each for name, each in attributes.items() if not _is_right(each)}
    if attributes:
        _check_types(table, attributes, attr)


def _is_right(value: Any) -> bool:
    if "N" in value:
        return is_plain(value) and _PLAIN_NUMBER.fullmatch(value["N"]) is not None
    return type(value.get("B")) is bytes or ("NULL" not in value and is_plain(value))


def check_key_sizes(table: Table, attributes: dict[str, Any]) -> None:
    """Check the sizes of the keys in a new row, without attributes that are short."""
    long = {name: each for name, each in attributes.items() if not _is_short(each)}
    if long:
        _check_key_sizes(table, long)


def _is_short(value: Any) -> bool:
    text = value.get("S", value.get("N"))
    return "BOOL" in value or (type(text) is str and len(text) <= _SHORT)


def check_empty_keys(attributes: dict[str, Any], *args: Any, **options: Any) -> None:
    """Check that no key of a new row is empty, if anything in it is."""
    if any("" in (each.get("S"), each.get("B")) for each in attributes.values()):
        _check_empty_keys(attributes, *args, **options)


def to_dict(value: Any) -> Any:
    """Return a result with plain dictionaries instead of moto's objects."""
    kind = type(value)
    if kind is str or kind is bool or kind is int:
        return value
    if kind is DynamoType and value.type in _PLAIN:
        return {value.type: value.value}
    if kind is DynamoType and value.type in ("L", "M"):
        return {value.type: to_dict(value.value)}
    if kind is dict or kind is LimitedSizeDict:
        # Most values are texts and numbers: without a call for each.
        return {
            name: {each.type: each.value}
            if type(each) is DynamoType and each.type in _PLAIN
            else to_dict(each)
            for name, each in value.items()
        }
    if kind is list:
        return [to_dict(each) for each in value]
    return _to_dict(value)


def is_plain(value: Any) -> bool:
    """Return whether a value is a text, number, boolean or null, which needs no conversion."""
    if type(value) is not dict or len(value) != 1:
        return False
    ((kind, found),) = value.items()
    if kind in ("S", "N"):
        return type(found) is str
    return kind in ("BOOL", "NULL") and type(found) is bool


def _has_values(shape: Any) -> bool:
    return bool(shape.value.name == "AttributeValue")


def parse_request(parser: Any, shape: Any, value: Any) -> Any:
    """Parse a map in a request to moto."""
    if not _has_values(shape):
        return _parse_request(parser, shape, value)
    parsed = parser.MAP_TYPE()
    for name, each in value.items():
        parsed[name] = each if is_plain(each) else parser._parse_shape(shape.value, each)
    return parsed


def parse_response(parser: Any, shape: Any, value: Any) -> Any:
    """Parse a map in a response."""
    if not _has_values(shape):
        return _parse_response(parser, shape, value)
    parse, of = parser._parse_shape, shape.value
    return {name: each if is_plain(each) else parse(of, each) for name, each in value.items()}


def write_request(serializer: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
    """Serialize a map for a request."""
    if not _has_values(shape):
        _write_request(serializer, serialized, value, shape, key)
        return
    written = serialized[key] = serializer.MAP_TYPE()
    for name, each in value.items():
        if is_plain(each):
            written[name] = each
        else:
            serializer._serialize(written, each, shape.value, name)


def write_response(serializer: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
    """Serialize a map for moto's response."""
    if not _has_values(shape) or serializer._value_picker.response_transformers:
        _write_response(serializer, serialized, value, shape, key)
        return
    written = serializer.MAP_TYPE()
    serializer._default_serialize(serialized, written, shape, key)
    for name, each in value.items():
        if is_plain(each):
            written[name] = each
        else:
            serializer._serialize(written, each, shape.value, name)
