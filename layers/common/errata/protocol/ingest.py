"""Parses the body of `POST /api/ingest` into event fields.

Source: spec/ingest-api, "Body of an ingest".
"""

import re
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from pydantic_core import SchemaValidator, ValidationError

from errata.errors import InvalidInputError
from errata.models.event import Event, Fields
from errata.protocol import schemas
from errata.protocol.schemas import INT, OBJECT, TEXT, CoreSchema

MAX_BREADCRUMBS = 50
MAX_KEY_LENGTH = 255
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def _object(fields: dict[str, CoreSchema]) -> CoreSchema:
    """Return the schema of an object with optional fields. Unknown fields are ignored."""
    return schemas.fields(fields, "ignore")


# This uses pydantic_core and no pydantic models, because importing those takes twice as long in
# every cold start of the ingest function (docs/decisions/0003-validation.md).
_SCALAR = schemas.one_of(TEXT, {"type": "int", "strict": True}, {"type": "float", "strict": True})
_USER = _object({"id": _SCALAR, "email": TEXT, "username": TEXT, "name": TEXT, "ip_address": TEXT})
_BREADCRUMB = _object(
    {
        "type": TEXT,
        "category": TEXT,
        "message": TEXT,
        "level": TEXT,
        "timestamp": _SCALAR,
        "data": OBJECT,
    }
)
_FIELDS: dict[str, CoreSchema] = {
    "message": TEXT,
    "exception_class": TEXT,
    "level": schemas.literal("error", "warning", "info", "debug"),
    "file": TEXT,
    "line": INT,
    "stack_trace": TEXT,
    "context": OBJECT,
    "url": TEXT,
    "environment": TEXT,
    "release": TEXT,
    "server_name": TEXT,
    "user": _USER,
    "breadcrumbs": schemas.items(_BREADCRUMB, max_length=MAX_BREADCRUMBS),
    "timestamp": TEXT,
    "fingerprint": {**TEXT, "min_length": 1},
    "source_map_url": TEXT,
    "source_map": TEXT,
    "minified_stack": TEXT,
}

FIELDS = tuple(_FIELDS)
BODY = _object(_FIELDS)
_validate = SchemaValidator(BODY).validate_python

# Messages for pydantic's error types, in terms of JSON and not of Python.
_COMPLAINTS = {
    "dict_type": "must be an object",
    "list_type": "must be an array",
    "literal_error": "must be error, warning, info or debug",
    "string_too_short": "must not be empty",
    "string_type": "must be a string",
    "too_long": f"must not have more than {MAX_BREADCRUMBS} items",
}
_NOT_AN_INTEGER = "must be an integer"
_NOT_A_SCALAR = "must be a string or a number"
# The names that pydantic adds to the path of an error for the members of the union `_SCALAR`.
_SCALAR_MEMBERS = {"str", "int", "float"}


def parse_event(sent: Fields) -> Event:
    """Validate an event and return its fields.

    Absent and null fields are left out. `user` is merged into `context`.

    Raises:
        InvalidInputError: a field is invalid. Names every invalid field.
    """
    try:
        valid: Fields = _validate(sent)
    except ValidationError as error:
        raise InvalidInputError(_complaints(error) | _beyond_types(sent)) from None
    errors = _beyond_types(sent)
    if errors:
        raise InvalidInputError(errors)
    given: Any = {name: value for name, value in valid.items() if value is not None}
    user = given.pop("user", None)
    event: Event = given
    event.setdefault("level", "error")
    if user:
        context = event.setdefault("context", {})
        known = context.get("user")
        user = {name: value for name, value in user.items() if value is not None}
        context["user"] = {**known, **user} if isinstance(known, dict) else user
    return event


def _complaints(error: ValidationError) -> dict[str, list[str]]:
    errors: dict[str, list[str]] = {}
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        path = problem["loc"]
        rule = _COMPLAINTS.get(problem["type"], _NOT_AN_INTEGER)
        if len(path) > 1 and path[-1] in _SCALAR_MEMBERS:
            path, rule = path[:-1], _NOT_A_SCALAR
        name = ".".join(map(str, path))
        errors[name] = [f"The {name} field {rule}."]
    return errors


def _beyond_types(sent: Fields) -> dict[str, list[str]]:
    """Return the errors that the schema cannot find. Fields of a wrong type are skipped."""
    get = sent.get
    errors = {}
    if get("message") in (None, "") and get("exception_class") in (None, ""):
        rule = "One of message and exception_class is required."
        errors = {"message": [rule], "exception_class": [rule]}
    if type(get("line")) is bool:  # pydantic accepts it as 0 or 1
        errors["line"] = [f"The line field {_NOT_AN_INTEGER}."]
    timestamp = get("timestamp")
    if isinstance(timestamp, str) and not _is_iso_8601(timestamp):
        errors["timestamp"] = ["The timestamp field must be a date and time in ISO 8601."]
    url = get("source_map_url")
    if isinstance(url, str) and not _is_url(url):
        errors["source_map_url"] = ["The source_map_url field must be a valid URL."]
    return errors


def _is_iso_8601(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return bool(parts.scheme and parts.netloc) and text.isprintable() and " " not in text


def idempotency_key(header: str | None) -> str | None:
    """Validate and return the value of an `Idempotency-Key` header; None stays None.

    Raises:
        InvalidInputError: it does not have 1 to 255 characters, or has control characters.
    """
    if header is None:
        return None
    if not 1 <= len(header) <= MAX_KEY_LENGTH or _CONTROL_CHARACTER.search(header):
        raise InvalidInputError(
            {
                "Idempotency-Key": [
                    f"Idempotency-Key should be 1 to {MAX_KEY_LENGTH} characters"
                    " without control characters."
                ]
            }
        )
    return header
