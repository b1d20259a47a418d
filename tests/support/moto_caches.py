"""Make moto faster without changing what it returns.

Each of these took a large part of a test's time, and is avoided here:

- HTTP between botocore and moto's DynamoDB: signatures, headers, the search for the service.
- The names of methods, of node types, and of every member that a response may have.
- A query sorts its whole table, not one partition.
- Every new Cognito pool computes the prime factors of the same RSA key.
- Every start of moto registers URL patterns for the library `requests`, which no test uses for AWS.
- Every botocore session reads the same service models from disk again.
"""

import inspect
import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import cache
from typing import Any

import botocore.loaders
import botocore.session
import pytest
from botocore import handlers
from botocore.awsrequest import AWSResponse, HeadersDict
from botocore.parsers import ResponseParserFactory
from joserfc.jwk import RSAKey
from moto.core import models, responses
from moto.core.models import DEFAULT_ACCOUNT_ID, botocore_stubber
from moto.core.parse import JSONParser
from moto.core.serialize import BaseJSONSerializer
from moto.core.utils import method_names_from_class
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table
from moto.dynamodb.parsing import ast_nodes
from moto.dynamodb.responses import DynamoHandler

# moto has no type hints for these.
_Traverser: Any = vars(ast_nodes)["DepthFirstTraverser"]
_method_names = cache(method_names_from_class)
_nodes_of_class: dict[type, tuple[type, ...]] = {}
_import_key = RSAKey.import_key
_rsa_keys: dict[str, RSAKey] = {}
_cast_value: Any = vars(DynamoType)["cast_value"].fget
_serialize_structure: Any = BaseJSONSerializer._serialize_type_structure
_query: Any = Table.query
_query_signature = inspect.signature(Table.query)
_loader = cache(botocore.loaders.create_loader)
_call_action: Any = vars(DynamoHandler)["call_action"].__wrapped__
_REQUEST = {"method": "POST", "values": {}, "url_path": "/", "url_params": {}}


@contextmanager
def remembering() -> Iterator[None]:
    """Cache during the block. Enter it before `mock_aws`, which registers the URL patterns."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(responses, "method_names_from_class", _method_names)
        patch.setattr(_Traverser, "nodes_to_be_processed", nodes_to_be_processed)
        patch.setattr(RSAKey, "import_key", import_rsa_key)
        patch.setattr(models, "RESPONSES_METHODS", [])
        patch.setattr(BaseJSONSerializer, "_serialize_type_structure", serialize_structure)
        patch.setattr(DynamoType, "cast_value", property(cast_value))
        patch.setattr(DynamoType, "__eq__", equal)
        patch.setattr(Table, "all_items", all_items)
        patch.setattr(Table, "query", query)
        patch.setattr(botocore.session, "create_loader", _loader)
        yield


def call_dynamodb(
    model: Any, params: dict[str, Any], **_: Any
) -> tuple[AWSResponse, dict[str, Any]] | None:
    """Pass a call to moto's DynamoDB, and return its response and what botocore reads in it.

    Takes the place of HTTP between the two: the signature, the search for the service by its URL
    and the parsing of headers. The bodies are those that would be sent. None outside moto.
    """
    if not botocore_stubber.enabled:
        return None
    handler = DynamoHandler()
    handler.current_account = DEFAULT_ACCOUNT_ID
    handler.region = handler.default_region
    handler.headers, handler.querystring, handler.response_headers = params["headers"], {}, {}
    request: Any = {**_REQUEST, "headers": handler.headers, "body": params["body"]}
    handler.params = JSONParser(model, map_type=dict).parse(request)
    status, headers, body = _call_action(handler)
    content = body.encode()
    # As botocore makes one: its stubs want the headers of another library.
    response: Any = AWSResponse(params["url"], status, HeadersDict(headers), None)  # type: ignore[arg-type]
    response._content = content
    parser = ResponseParserFactory().create_parser("json")
    received = {"headers": response.headers, "body": content, "status_code": status}
    parsed = parser.parse(received, model.output_shape)
    if status >= 300:
        # An error's own members, such as CancellationReasons.
        shape = model.service_model.shape_for_error_code(parsed["Error"]["Code"])
        parsed.update(parser.parse(received, shape) if shape else {})
    return response, parsed


_DIRECTLY = ("before-call.dynamodb", call_dynamodb)
# As moto adds its own. Clients that exist already do not have it.
handlers.BUILTIN_HANDLERS.append(_DIRECTLY)


@contextmanager
def over_http(client: Any) -> Iterator[None]:
    """Send what this client calls as requests, for tests of what botocore does with requests."""
    client.meta.events.unregister(*_DIRECTLY)
    try:
        yield
    finally:
        client.meta.events.register(*_DIRECTLY)


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


def query(table: Table, hash_key: DynamoType, *args: Any, **options: Any) -> Any:
    """Query a view of the table that has this partition only, unless an index is named."""
    if _query_signature.bind(table, hash_key, *args, **options).arguments.get("index_name"):
        return _query(table, hash_key, *args, **options)
    # `Table` is complete; only mypy takes it for abstract.
    view: Any = object.__new__(Table)  # type: ignore[type-abstract]
    partition = {hash_key: table.items[hash_key]} if hash_key in table.items else {}
    view.__dict__ = {**table.__dict__, "items": partition}
    return _query(view, hash_key, *args, **options)


def nodes_to_be_processed(traverser: Any) -> tuple[type, ...]:
    """Return the types of nodes that this kind of traverser processes."""
    kind = type(traverser)
    if kind not in _nodes_of_class:
        _nodes_of_class[kind] = tuple(traverser._processing_map())
    return _nodes_of_class[kind]


def import_rsa_key(value: dict[str, Any]) -> RSAKey:
    """Return the RSA key that `value`, a JSON Web Key, describes."""
    text = json.dumps(value, sort_keys=True)
    if text not in _rsa_keys:
        _rsa_keys[text] = _import_key(value)
    return _rsa_keys[text]
