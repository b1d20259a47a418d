"""Validates an SDK's event, and removes its invalid parts.

An invalid part is removed and noted as a problem. The rest is kept, because an event with one
invalid breadcrumb is still useful. Fields that the schema does not name are kept as they are, those
of the event itself in the field `other`. This uses pydantic_core, for the same reason as
`errata.protocol.ingest` (docs/decisions/0003-validation.md).

Lists are shortened before they are validated, and an event with very many invalid parts is read
without naming them. Otherwise a small request could take seconds and all memory: anybody who has
the public key can send one.
"""

from collections.abc import Iterator
from typing import Any

from pydantic_core import SchemaValidator, ValidationError

from errata.protocol import schemas
from errata.protocol.schemas import ANY, BOOL, INT, NONE, OBJECT, TEXT, CoreSchema
from errata.protocol.sentry import forms
from errata.protocol.sentry.forms import Problems

# The maximum number of problems that are noted. All invalid parts are removed.
MAX_PROBLEMS = 50
_MAX_PATH = 200
# If more parts are invalid, they are removed without being named.
_MAX_NAMED = 500
# A removed part may make an outer one invalid. Far fewer rounds are needed.
_ROUNDS = 5
_MAX_EXCEPTIONS = 50
_MAX_THREADS = 500
# Parts of a fingerprint. SDKs send one or two.
_MAX_FINGERPRINT = 1_000
# Frames of one stack trace, as Sentry keeps them: of the outermost and of the innermost calls.
_MAX_OUTER, _MAX_INNER = 50, 200
# Frames of all stack traces. The exceptions come first, then the threads.
_MAX_FRAMES = 5_000
# Lines before or after the line of a frame. SDKs send five.
_MAX_LINES = 100
# pydantic adds this to the path of an error if the key of an object is not a text.
_NOT_OF_THE_PATH = "[key]"


def _fields(**fields: CoreSchema) -> CoreSchema:
    """Return the schema of an object with optional fields. Unknown fields are kept as they are."""
    return schemas.fields(fields, "allow")


def _values(schema: CoreSchema) -> CoreSchema:
    """Return the schema of a list. `forms.current` has converted the other forms to a list."""
    return schemas.items(schemas.nullable(schema))


# Some SDKs send a number where the protocol requires a text, such as a release of 42.
_TEXT = {**TEXT, "coerce_numbers_to_str": True}
_LINES = _values(_TEXT)
# A field that Errata makes itself from the stack trace.
_RESERVED = NONE

_FRAME = _fields(
    filename=_TEXT,
    abs_path=_TEXT,
    module=_TEXT,
    function=_TEXT,
    raw_function=_TEXT,
    lineno=INT,
    colno=INT,
    in_app=BOOL,
    context_line=_TEXT,
    pre_context=_LINES,
    post_context=_LINES,
    vars=ANY,
    # For symbolication.
    package=_TEXT,
    platform=_TEXT,
    instruction_addr=_TEXT,
    addr_mode=_TEXT,
    symbol_addr=_TEXT,
    image_addr=_TEXT,
)
_STACKTRACE = _fields(frames=_values(_FRAME))
_EXCEPTION = _fields(
    type=_TEXT,
    value=_TEXT,
    module=_TEXT,
    mechanism=OBJECT,
    thread_id=ANY,
    stacktrace=_STACKTRACE,
    frames=_RESERVED,
)
_THREAD = _fields(
    id=ANY,
    name=_TEXT,
    crashed=BOOL,
    current=BOOL,
    main=BOOL,
    stacktrace=_STACKTRACE,
    frames=_RESERVED,
)
_BREADCRUMB = _fields(
    type=_TEXT, category=_TEXT, message=_TEXT, level=_TEXT, timestamp=ANY, data=ANY
)
_PARTS: dict[str, CoreSchema] = {
    "event_id": ANY,
    "timestamp": ANY,
    "level": _TEXT,
    "logger": _TEXT,
    "transaction": _TEXT,
    "culprit": _TEXT,
    "server_name": _TEXT,
    "release": _TEXT,
    "dist": _TEXT,
    "environment": _TEXT,
    "platform": _TEXT,
    "message": ANY,
    "logentry": _fields(message=_TEXT, formatted=_TEXT, params=ANY),
    "exception": _values(_EXCEPTION),
    "stacktrace": _STACKTRACE,
    "threads": _values(_THREAD),
    "breadcrumbs": _values(_BREADCRUMB),
    "request": OBJECT,
    "user": OBJECT,
    "tags": OBJECT,
    "contexts": OBJECT,
    "extra": OBJECT,
    "modules": OBJECT,
    "sdk": OBJECT,
    "debug_meta": OBJECT,
    "fingerprint": ANY,
    "other": OBJECT,
}
EVENT = _fields(**_PARTS)


def _lenient(schema: Any) -> Any:
    """Return a schema that reads null where `schema` refuses a part that may be null."""
    copied = {
        name: _lenient(part) if isinstance(part, dict) else part for name, part in schema.items()
    }
    if copied.get("type") != "nullable":
        return copied
    return schemas.null_if_invalid(copied)


_validate = SchemaValidator(EVENT).validate_python
_validate_leniently = SchemaValidator(_lenient(EVENT)).validate_python

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
    "none_required": "must be in a stack trace",
}


def checked(sent: dict[str, Any]) -> tuple[dict[str, Any], Problems]:
    """Return the event without its invalid parts, and a list of these parts.

    The event has the current names and forms (`forms.current`), and in `other` the fields that the
    protocol does not have.
    """
    problems: Problems = []
    event = forms.current(sent, problems)
    other = {name: event.pop(name) for name in [*event] if name not in _PARTS or name == "other"}
    event["other"] = {name: value for name, value in other.items() if value is not None}
    _shorten(event, problems)
    del problems[MAX_PROBLEMS:]
    for _ in range(_ROUNDS):
        try:
            valid: dict[str, Any] = _validate(event)
        except ValidationError as error:
            if error.error_count() > _MAX_NAMED:
                break
            event = _without(event, error, problems)
        else:
            return valid, problems
    problems.append({"field": "event", "problem": "has too many invalid parts to name all"})
    valid = _validate_leniently(event)
    return valid, problems


def _shorten(event: dict[str, Any], problems: Problems) -> None:
    """Shorten lists of an event that are too long, in place, and note each in `problems`.

    Parts of an unexpected type stay: the validation removes them.
    """

    def cut(owner: Any, name: str, path: str, first: int, last: int) -> None:
        found = owner.get(name)
        if isinstance(found, list) and len(found) > first + last:
            owner[name] = found[:first] + found[len(found) - last :]
            if len(problems) < MAX_PROBLEMS:
                forms.note_cut(problems, path[:_MAX_PATH], first + last, len(found))

    # The last exception is the main one.
    cut(event, "exception", "exception", 0, _MAX_EXCEPTIONS)
    cut(event, "threads", "threads", _MAX_THREADS, 0)
    cut(event, "fingerprint", "fingerprint", _MAX_FINGERPRINT, 0)
    for exception in event["exception"] if isinstance(event.get("exception"), list) else ():
        if isinstance(exception, dict) and not isinstance(exception.get("value", ""), str):
            exception["value"] = forms.as_text(exception["value"])
    left = _MAX_FRAMES
    for path, stacktrace in _stacktraces(event):
        outer = min(_MAX_OUTER, left)
        cut(stacktrace, "frames", f"{path}.frames", outer, min(_MAX_INNER, left - outer))
        frames = stacktrace.get("frames")
        for frame in frames if isinstance(frames, list) else ():
            left -= 1
            if isinstance(frame, dict):
                cut(frame, "pre_context", f"{path}.frames", 0, _MAX_LINES)
                cut(frame, "post_context", f"{path}.frames", _MAX_LINES, 0)


def _stacktraces(event: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the path and the object of each stack trace."""
    owners = [("stacktrace", event)]
    for name in ("exception", "threads"):
        found = event.get(name)
        for number, each in enumerate(found if isinstance(found, list) else ()):
            owners.append((f"{name}.{number}.stacktrace", each))
    for path, owner in owners:
        stacktrace = owner.get("stacktrace") if isinstance(owner, dict) else None
        if isinstance(stacktrace, dict):
            yield path, stacktrace


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
