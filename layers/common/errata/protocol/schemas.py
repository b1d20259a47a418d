"""Schemas for pydantic_core, as plain dicts.

The functions of `pydantic_core.core_schema` return the same dicts. But that module has a class for
each kind of schema, and costs a cold start as much as all our own models. A test compares both.
"""

from typing import Any

type CoreSchema = dict[str, Any]

ANY: CoreSchema = {"type": "any"}
BOOL: CoreSchema = {"type": "bool"}
INT: CoreSchema = {"type": "int"}
NONE: CoreSchema = {"type": "none"}
TEXT: CoreSchema = {"type": "str"}
# Any JSON object.
OBJECT: CoreSchema = {"type": "dict", "keys_schema": TEXT}


def literal(*expected: str) -> CoreSchema:
    """Return the schema of a text that is one of `expected`."""
    return {"type": "literal", "expected": [*expected]}


def items(schema: CoreSchema, **limits: int) -> CoreSchema:
    """Return the schema of a list. `limits` may have `max_length`."""
    return {"type": "list", "items_schema": schema, **limits}


def one_of(*schemas: CoreSchema) -> CoreSchema:
    """Return the schema of a value that one of `schemas` accepts."""
    return {"type": "union", "choices": [*schemas]}


def nullable(schema: CoreSchema) -> CoreSchema:
    """Return the schema of null, or of what `schema` accepts."""
    return {"type": "nullable", "schema": schema}


def null_if_invalid(schema: CoreSchema) -> CoreSchema:
    """Return a schema that reads null where `schema` refuses a value."""
    return {"type": "default", "schema": schema, "on_error": "default", "default": None}


def fields(schemas: dict[str, CoreSchema], unknown: str) -> CoreSchema:
    """Return the schema of an object with optional fields. Null means the same as absent.

    `unknown` says what happens to other fields: `allow` keeps them, `ignore` drops them.
    """
    optional = {
        name: {"type": "typed-dict-field", "schema": nullable(schema), "required": False}
        for name, schema in schemas.items()
    }
    return {"type": "typed-dict", "fields": optional, "extra_behavior": unknown}
