"""Cache what moto computes again for every call although it never changes.

Much of a call to moto's DynamoDB is spent on names: of methods, of node types, and of the members
of a response. Every new Cognito pool reads the same RSA key and computes its prime factors, which
takes longer than the rest of a test's account. Every start of moto registers hundreds of URL
patterns for the library `requests`, and nothing here calls AWS with that library.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest
from joserfc.jwk import RSAKey
from moto.core import models, responses
from moto.core.serialize import AttributePicker, AttributePickerContext, XFormedAttributePicker
from moto.core.utils import method_names_from_class
from moto.dynamodb.parsing import ast_nodes

# moto has no type hints for these.
_Traverser: Any = vars(ast_nodes)["DepthFirstTraverser"]
_possible_keys: Any = XFormedAttributePicker.get_possible_keys
_method_names = cache(method_names_from_class)
_keys_of_dicts: dict[tuple[Any, ...], tuple[str, ...]] = {}
_nodes_of_class: dict[type, tuple[type, ...]] = {}
_import_key = RSAKey.import_key
_rsa_keys: dict[str, RSAKey] = {}


@contextmanager
def remembering() -> Iterator[None]:
    """Cache during the block. Enter it before `mock_aws`, which registers the URL patterns."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(responses, "method_names_from_class", _method_names)
        patch.setattr(XFormedAttributePicker, "get_possible_keys", possible_keys)
        patch.setattr(_Traverser, "nodes_to_be_processed", nodes_to_be_processed)
        patch.setattr(RSAKey, "import_key", import_rsa_key)
        patch.setattr(models, "RESPONSES_METHODS", [])
        yield


def possible_keys(picker: AttributePicker, context: AttributePickerContext) -> Iterator[str]:
    """Yield the names under which a member may be found."""
    if type(context.obj) is not dict:
        yield from _possible_keys(picker, context)
        return
    # For a plain dictionary, only its type matters.
    known = (context.shape, context.key, *picker.alias_providers)
    if known not in _keys_of_dicts:
        # Without repetitions: the rules name most names several times.
        _keys_of_dicts[known] = tuple(dict.fromkeys(_possible_keys(picker, context)))
    yield from _keys_of_dicts[known]


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
