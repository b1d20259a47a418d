"""Validates an SDK's event, and removes its invalid parts.

An invalid part is removed and noted as a problem. The rest is kept, because an event with one
invalid breadcrumb is still useful. This uses pydantic_core, for the same reason as
`errata.protocol.ingest` (docs/decisions/0003-validation.md).
"""

from typing import Any

from pydantic_core import SchemaValidator, ValidationError
from pydantic_core import core_schema as cs

from errata.models.event import Problem

type Problems = list[Problem]

# The maximum number of problems that are noted. All invalid parts are removed.
MAX_PROBLEMS = 50
_ROUNDS = 5
_MAX_PATH = 200
_MAX_BREADCRUMBS = 100
# pydantic adds this to the path of an error if the key of an object is not a text.
_NOT_OF_THE_PATH = "[key]"


def _fields(**schemas: cs.CoreSchema) -> cs.CoreSchema:
    """Return the schema of an object with optional fields.

    Null means the same as absent. Unknown fields are left out.
    """
    optional = {
        name: cs.typed_dict_field(cs.nullable_schema(schema), required=False)
        for name, schema in schemas.items()
    }
    return cs.typed_dict_schema(optional, extra_behavior="ignore")


_ANY = cs.any_schema()
# Some SDKs send a number where the protocol requires a text, such as a release of 42.
_TEXT = cs.str_schema(coerce_numbers_to_str=True)
_OBJECT = cs.dict_schema(keys_schema=cs.str_schema())
_LINES = cs.list_schema(cs.nullable_schema(_TEXT))
_NUMBER = cs.int_schema()

_FRAME = _fields(
    filename=_TEXT,
    abs_path=_TEXT,
    module=_TEXT,
    function=_TEXT,
    raw_function=_TEXT,
    lineno=_NUMBER,
    colno=_NUMBER,
    in_app=cs.bool_schema(),
    context_line=_TEXT,
    pre_context=_LINES,
    post_context=_LINES,
    vars=_ANY,
    # For symbolication.
    package=_TEXT,
    platform=_TEXT,
    instruction_addr=_TEXT,
    addr_mode=_TEXT,
    symbol_addr=_TEXT,
    image_addr=_TEXT,
)
_STACKTRACE = _fields(frames=cs.list_schema(cs.nullable_schema(_FRAME)))
_EXCEPTION = _fields(
    type=_TEXT,
    value=_TEXT,
    module=_TEXT,
    mechanism=_OBJECT,
    thread_id=_ANY,
    stacktrace=_STACKTRACE,
)
_THREAD = _fields(
    id=_ANY,
    name=_TEXT,
    crashed=cs.bool_schema(),
    current=cs.bool_schema(),
    main=cs.bool_schema(),
    stacktrace=_STACKTRACE,
)
_BREADCRUMB = _fields(
    type=_TEXT, category=_TEXT, message=_TEXT, level=_TEXT, timestamp=_ANY, data=_ANY
)


def _values(schema: cs.CoreSchema) -> cs.CoreSchema:
    """Return the schema of a list. `_unwrapped` has converted the other forms to a list."""
    return cs.list_schema(cs.nullable_schema(schema))


EVENT = _fields(
    event_id=_TEXT,
    timestamp=_ANY,
    level=_TEXT,
    logger=_TEXT,
    transaction=_TEXT,
    culprit=_TEXT,
    server_name=_TEXT,
    release=_TEXT,
    dist=_TEXT,
    environment=_TEXT,
    platform=_TEXT,
    message=_ANY,
    logentry=_fields(message=_TEXT, formatted=_TEXT, params=_ANY),
    exception=_values(_EXCEPTION),
    stacktrace=_STACKTRACE,
    threads=_values(_THREAD),
    breadcrumbs=_values(_BREADCRUMB),
    request=_OBJECT,
    user=_OBJECT,
    tags=_OBJECT,
    contexts=_OBJECT,
    extra=_OBJECT,
    modules=_OBJECT,
    sdk=_OBJECT,
    debug_meta=_OBJECT,
    fingerprint=_ANY,
)
_validate = SchemaValidator(EVENT).validate_python

# Messages for pydantic's error types, in terms of JSON and not of Python.
_COMPLAINTS = {
    "dict_type": "must be an object",
    "list_type": "must be an array",
    "string_type": "must be a string",
    "int_type": "must be an integer",
    "int_parsing": "must be an integer",
    "int_parsing_size": "must be an integer",
    "int_from_float": "must be an integer",
    "finite_number": "must be an integer",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
}


def checked(sent: dict[str, Any]) -> tuple[dict[str, Any], Problems]:
    """Return the event without its invalid parts, and a list of these parts.

    Exceptions, threads and breadcrumbs become lists; SDKs also send `{"values": […]}` or a single
    object. Tags and headers become objects; SDKs also send lists of pairs.
    """
    event = _unwrapped(sent)
    problems: Problems = []
    for _ in range(_ROUNDS):
        try:
            valid: dict[str, Any] = _validate(event)
        except ValidationError as error:
            event = _without(event, error, problems)
        else:
            return valid, problems
    # This should not happen, because each round removes all invalid parts that were found.
    return {}, problems


def _unwrapped(sent: dict[str, Any]) -> dict[str, Any]:
    event = dict(sent)
    for name in ("exception", "threads", "breadcrumbs"):
        value = event.get(name)
        if isinstance(value, dict):
            event[name] = value.get("values", [value])
    crumbs = event.get("breadcrumbs")
    if isinstance(crumbs, list):
        event["breadcrumbs"] = crumbs[-_MAX_BREADCRUMBS:]
    event["tags"] = _pairs(event.get("tags"))
    request = event.get("request")
    if isinstance(request, dict) and isinstance(request.get("headers"), list):
        event["request"] = {**request, "headers": _pairs(request["headers"])}
    return event


def _pairs(value: Any) -> Any:
    """Return `[["a", "b"]]` as `{"a": "b"}`, and any other value unchanged."""
    if not isinstance(value, list):
        return value
    return {
        each[0]: each[1]
        for each in value
        if isinstance(each, list) and len(each) == 2 and isinstance(each[0], str)
    }


def _without(event: Any, error: ValidationError, problems: Problems) -> Any:
    """Return a copy of the event without its invalid parts, and add these to `problems`."""
    for each in error.errors(include_url=False, include_context=False, include_input=False):
        path = tuple(part for part in each["loc"] if part != _NOT_OF_THE_PATH)
        event = _removed(event, path)
        if len(problems) < MAX_PROBLEMS:
            complaint = _COMPLAINTS.get(each["type"], "is invalid")
            problems.append({"field": ".".join(map(str, path))[:_MAX_PATH], "problem": complaint})
    return event


def _removed(value: Any, path: tuple[int | str, ...]) -> Any:
    """Return a copy of a value with null at a path. If the path does not exist, nothing changes.

    It is set to null and not deleted, so that the other items of a list keep their index.
    """
    if not path:
        return None
    first, *rest = path
    if isinstance(value, dict) and first in value:
        return {**value, first: _removed(value[first], tuple(rest))}
    if isinstance(value, list) and isinstance(first, int) and first < len(value):
        return [*value[:first], _removed(value[first], tuple(rest)), *value[first + 1 :]]
    return value
