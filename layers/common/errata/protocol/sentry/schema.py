"""The shape of an SDK's event, and how one is mended that has another.

Written with pydantic's core, as `errata.protocol.ingest` is (docs/decisions/0003-validation.md).
What is wrong somewhere is taken out there and noted, and the rest stays: an event with one odd
breadcrumb is still worth having.
"""

from typing import Any

from pydantic_core import SchemaValidator, ValidationError
from pydantic_core import core_schema as cs

type Problems = list[dict[str, str]]  # `field`, a path with dots, and `problem`

# An event that is wrong in more places is wrong altogether; what is left is then dropped by parts.
MAX_PROBLEMS = 50
_ROUNDS = 5
_MAX_PATH = 200
_MAX_BREADCRUMBS = 100
# Names that pydantic adds to a path, for the key of an object that is no text.
_NOT_OF_THE_PATH = "[key]"


def _fields(**schemas: cs.CoreSchema) -> cs.CoreSchema:
    """An object of optional fields; null is the same as absent, unknown ones are left out."""
    optional = {
        name: cs.typed_dict_field(cs.nullable_schema(schema), required=False)
        for name, schema in schemas.items()
    }
    return cs.typed_dict_schema(optional, extra_behavior="ignore")


_ANY = cs.any_schema()
# SDKs write numbers where the protocol says text: a release of 42, a tag that is a status.
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
    """The members of a list, which `_unwrapped` has made of what SDKs write."""
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

# What pydantic finds wrong, in the words of JSON rather than of Python.
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
    """An event of the right shape, and what was left out of it for having another.

    Lists of exceptions, threads and breadcrumbs come as such, `{"values": […]}` or a single one as
    they may be sent; pairs of tags and headers as objects.
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
    # Never seen: each round takes out all that is wrong.
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
    """`[["a", "b"]]` as `{"a": "b"}`; anything else as it is."""
    if not isinstance(value, list):
        return value
    return {
        each[0]: each[1]
        for each in value
        if isinstance(each, list) and len(each) == 2 and isinstance(each[0], str)
    }


def _without(event: Any, error: ValidationError, problems: Problems) -> Any:
    """The event without what is wrong in it, which is noted. What was sent stays as it was."""
    for each in error.errors(include_url=False, include_context=False, include_input=False):
        path = tuple(part for part in each["loc"] if part != _NOT_OF_THE_PATH)
        event = _removed(event, path)
        if len(problems) < MAX_PROBLEMS:
            complaint = _COMPLAINTS.get(each["type"], "is not what it must be")
            problems.append({"field": ".".join(map(str, path))[:_MAX_PATH], "problem": complaint})
    return event


def _removed(value: Any, path: tuple[int | str, ...]) -> Any:
    """A copy of a value with null in one place, as far as the path is there.

    Null, so that the places of a list keep their numbers.
    """
    if not path:
        return None
    first, *rest = path
    if isinstance(value, dict) and first in value:
        return {**value, first: _removed(value[first], tuple(rest))}
    if isinstance(value, list) and isinstance(first, int) and first < len(value):
        return [*value[:first], _removed(value[first], tuple(rest)), *value[first + 1 :]]
    return value
