"""Make moto faster without changing what it returns.

Each of these took a large part of a test's time, and is avoided here:

- Requests and responses between botocore and moto's DynamoDB or SQS (`tests.support.moto_calls`).
- A random id for each response, character by character.
- The names of methods, of node types, and of every member that a request or response may have.
- The same conditions are parsed again.
- An error writes XML that nobody reads.
- Each new account looks for the regions of each service.
- A new item computes its size again for each of its attributes.
- Each request writes the URL patterns of its service again, for each partition of AWS.
- Every new Cognito pool computes the prime factors of the same RSA key.
- Every end of moto gives each class of a model a new list, which makes Python look up all its
  methods again.
- Every start of moto registers URL patterns for the library `requests`, which no test uses for AWS.
- Every botocore session reads the same service models from disk again, and looks for the other
  names of the same events.
- Every request has a header that names the versions of botocore, Python and the machine, put
  together twice.

`tests.support.moto_items` has what belongs to rows and their values, `tests.support.moto_queries`
to queries, and `tests.support.moto_updates` to update expressions.
"""

import json
import marshal
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from functools import cache
from typing import Any

import botocore.loaders
import botocore.session
import pytest
from boto3.session import Session
from botocore.client import BaseClient
from botocore.hooks import EventAliaser
from botocore.parsers import BaseJSONParser as ResponseParser
from botocore.useragent import UserAgentString
from joserfc.jwk import RSAKey
from moto.core import model_instances, models, responses
from moto.core.base_backend import BaseBackend
from moto.core.exceptions import JsonRESTError
from moto.core.parse import BaseJSONParser
from moto.core.serialize import BaseJSONSerializer
from moto.core.utils import camelcase_to_underscores, method_names_from_class
from moto.dynamodb.comparisons import ConditionExpressionParser
from moto.dynamodb.exceptions import ItemSizeTooLarge
from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict
from moto.dynamodb.models.table import Table
from moto.dynamodb.models.utilities import bytesize
from werkzeug.exceptions import HTTPException

from tests.support.moto_calls import REQUEST_ID, make_api_call, own_api_call
from tests.support.moto_items import patch_rows
from tests.support.moto_queries import patch_queries
from tests.support.moto_transactions import quick_transactions
from tests.support.moto_updates import patch_updates

_method_names = cache(method_names_from_class)
_underscored = cache(camelcase_to_underscores)
_import_key = RSAKey.import_key
_rsa_keys: dict[str, RSAKey] = {}
_cast_value: Any = vars(DynamoType)["cast_value"].fget
_serialize_structure: Any = BaseJSONSerializer._serialize_type_structure
_parse_request: Any = BaseJSONParser._parse_structure
_parse_response: Any = vars(ResponseParser)["_handle_structure"]
_members: dict[int, tuple[Any, dict[str, tuple[str, Any]]]] = {}
_lex: Any = ConditionExpressionParser._lex_condition_expression
_parse_condition: Any = ConditionExpressionParser.parse
# With the names and values that each one uses. A call parses each condition two or three times.
_conditions: dict[tuple[str, bytes], tuple[Any, list[str], list[str]]] = {}
_MOST_CONDITIONS = 1_000
_loader = cache(botocore.loaders.create_loader)
_alias_event_name: Any = vars(EventAliaser)["_alias_event_name"]
_event_names: dict[str, str] = {}
_urls: Any = vars(BaseBackend)["urls"].fget
_urls_of_class: dict[type, dict[str, Any]] = {}
_available_regions: Any = Session.get_available_regions
# In bytes. The same limit as in LimitedSizeDict.
_MAX_ITEM = 405_000


_kept = ExitStack()
_keeps = False


def keep() -> None:
    """Make moto fast until `drop`. Call this before `mock_aws`, which registers the URL patterns.

    Not for each test: when a class was changed a thousand times, Python no longer caches where its
    attributes are. Then tests of moto take a fifth longer.
    """
    global _keeps
    if not _keeps:
        _kept.enter_context(remembering())
        _kept.enter_context(quick_transactions())
        _keeps = True


def drop() -> None:
    """Make moto as it is without `keep`, for tests of what these do."""
    global _keeps
    _kept.close()
    _keeps = False
    # Even if calls were watched before.
    patched: Any = BaseClient
    patched._make_api_call = own_api_call


@contextmanager
def remembering() -> Iterator[None]:
    """Cache during the block."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(responses, "method_names_from_class", _method_names)
        patch.setattr(responses, "camelcase_to_underscores", _underscored)
        patch.setattr(responses, "gen_amzn_requestid_long", set_request_id)
        patch.setattr(BaseClient, "_make_api_call", make_api_call)
        patch.setattr(RSAKey, "import_key", import_rsa_key)
        patch.setattr(models, "RESPONSES_METHODS", [])
        patch.setattr(models, "reset_model_data", reset_model_data)
        patch.setattr(BaseJSONSerializer, "_serialize_type_structure", serialize_structure)
        patch.setattr(BaseJSONParser, "_parse_structure", parse_request_structure)
        patch.setattr(ResponseParser, "_handle_structure", parse_response_structure)
        patch.setattr(ConditionExpressionParser, "_lex_condition_expression", lex)
        patch.setattr(ConditionExpressionParser, "parse", parse_condition)
        patch.setattr(DynamoType, "cast_value", property(cast_value))
        patch.setattr(DynamoType, "__eq__", equal)
        patch.setattr(Table, "all_items", all_items)
        patch.setattr(Item, "__init__", set_attributes)
        patch.setattr(botocore.session, "create_loader", _loader)
        patch.setattr(UserAgentString, "to_string", lambda _: "tests")
        patch.setattr(EventAliaser, "_alias_event_name", alias_event_name)
        patch.setattr(BaseBackend, "urls", property(urls))
        patch.setattr(JsonRESTError, "__init__", set_error)
        patch.setattr(Session, "get_available_regions", _regions)
        patch_rows(patch)
        patch_queries(patch)
        patch_updates(patch)
        yield


def set_request_id(headers: dict[str, Any]) -> str:
    """Give a response an id. It is always the same one."""
    headers["x-amzn-requestid"] = REQUEST_ID
    return REQUEST_ID


def reset_model_data() -> None:
    """Forget the objects that moto has made."""
    for of_service in model_instances.model_data.values():
        for model in of_service.values():
            known: Any = model
            known.instances_tracked.clear()


def serialize_structure(serializer: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
    """Serialize the members that `value` has. moto looks for each of the shape's members."""
    members = shape.members
    plain = type(value) is dict and not shape.is_document_type
    transformed = serializer._value_picker.response_transformers
    if not plain or transformed or not value.keys() <= members.keys():
        _serialize_structure(serializer, serialized, value, shape, key)
        return
    wrapper: dict[str, Any] = {} if key else serialized
    for name, found in value.items():
        if found is not None:
            members[name].parent = shape
            serializer._serialize(wrapper, found, members[name], name)
    if key:
        serializer._default_serialize(serialized, wrapper, shape, key)


def parse_request_structure(parser: Any, shape: Any, value: Any) -> Any:
    """Parse the members that a request has. moto looks for each of the shape's members."""
    if value is None or shape.is_document_type:
        return _parse_request(parser, shape, value)
    return _parse_members(parser._parse_shape, shape, value)


def parse_response_structure(parser: Any, shape: Any, value: Any) -> Any:
    """Parse the members that a response has. botocore looks for each of the shape's members."""
    if value is None or shape.is_document_type or shape.is_tagged_union:
        return _parse_response(parser, shape, value)
    return _parse_members(parser._parse_shape, shape, value)


def _parse_members(parse: Any, shape: Any, value: dict[str, Any]) -> dict[str, Any]:
    if id(shape) not in _members:
        named = {
            member.serialization.get("name", name): (name, member)
            for name, member in shape.members.items()
        }
        # With the shape, so that no other one gets its id.
        _members[id(shape)] = shape, named
    known = _members[id(shape)][1]
    parsed = {}
    for key, found in value.items():
        if found is not None and key in known:
            name, member = known[key]
            parsed[name] = parse(member, found)
    return parsed


def cast_value(found: DynamoType) -> Any:
    """Return the value as Python has it."""
    if found.type in ("S", "B", "BOOL"):
        return found.value
    if found.type == "N":
        return Decimal(found.value)
    return _cast_value(found)


def equal(one: DynamoType, other: DynamoType) -> bool:
    """Compare without a cast if the texts are equal."""
    return one.type == other.type and (
        one.value == other.value or one.cast_value == other.cast_value
    )


def all_items(table: Table) -> list[Item]:
    """Return the items of a table in the order of their keys."""
    if not table.range_key_attr:
        rows: Any = table.items.values()
        return sorted(rows, key=lambda item: item.hash_key.cast_value)
    return [
        item
        for _, partition in sorted(table.items.items(), key=lambda pair: pair[0].cast_value)
        for item in sorted(partition.values(), key=lambda item: item.range_key.cast_value)
    ]


def set_attributes(
    item: Item, hash_key: DynamoType, range_key: DynamoType | None, attrs: dict[str, Any]
) -> None:
    """Set the attributes of a new item, and add up their sizes once.

    Raises:
        ItemSizeTooLarge: the item is larger than DynamoDB stores.
    """
    item.hash_key, item.range_key, item.attrs = hash_key, range_key, LimitedSizeDict()
    size = 0
    for name, value in attrs.items():
        attribute = DynamoType(value)
        size += bytesize(name) + attribute.size()
        if size > _MAX_ITEM:
            raise ItemSizeTooLarge
        dict.__setitem__(item.attrs, name, attribute)


def parse_condition(parser: ConditionExpressionParser) -> Any:
    """Return what evaluates a condition. It is not changed by that."""
    if not parser.condition_expression:
        return _parse_condition(parser)
    given = (parser.expression_attribute_names, parser.expression_attribute_values)
    key = (parser.condition_expression, marshal.dumps(given, 2))
    if key not in _conditions:
        if len(_conditions) >= _MOST_CONDITIONS:
            _conditions.clear()
        parsed = _parse_condition(parser)
        found = (parsed, [*parser.expr_attr_names_found], [*parser.expr_attr_values_found])
        _conditions[key] = found
        return parsed
    parsed, names, values = _conditions[key]
    parser.expr_attr_names_found += names
    parser.expr_attr_values_found += values
    return parsed


def lex(parser: ConditionExpressionParser) -> deque[Any]:
    """Return the nodes of a condition, before they are parsed."""
    return deque(_nodes_of(parser.condition_expression))


@cache
def _nodes_of(condition: str | None) -> tuple[Any, ...]:
    return tuple(_lex(ConditionExpressionParser(condition, None, None)))


def alias_event_name(aliaser: EventAliaser, name: str) -> str:
    """Return the name under which botocore keeps an event's handlers. All sessions use the same."""
    if name not in _event_names:
        _event_names[name] = _alias_event_name(aliaser, name)
    return _event_names[name]


@cache
def _regions_of(service: str, partition: str, other: bool) -> tuple[str, ...]:
    return tuple(_available_regions(Session(), service, partition, other))


def _regions(
    _: Session,
    service_name: str,
    partition_name: str = "aws",
    allow_non_regional: bool = False,
) -> list[str]:
    """Return the regions of a service. They are the same for all sessions."""
    return list(_regions_of(service_name, partition_name, allow_non_regional))


def set_error(error: Any, error_type: str, message: str, _: str = "", **__: Any) -> None:
    """Set what an error in JSON has."""
    HTTPException.__init__(error)
    error.error_type, error.message = error_type, message
    error.description = json.dumps({"__type": error_type, "message": message})
    error.content_type = "application/json"


def urls(backend: BaseBackend) -> dict[str, Any]:
    """Return the URL patterns of a service, with what responds there."""
    kind = type(backend)
    if kind not in _urls_of_class:
        _urls_of_class[kind] = _urls(backend)
    return _urls_of_class[kind]


def import_rsa_key(value: dict[str, Any]) -> RSAKey:
    """Return the RSA key that `value`, a JSON Web Key, describes."""
    text = json.dumps(value, sort_keys=True)
    if text not in _rsa_keys:
        _rsa_keys[text] = _import_key(value)
    return _rsa_keys[text]
