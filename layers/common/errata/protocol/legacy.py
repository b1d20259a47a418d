"""Parses and writes the bodies of `api.php` (spec/legacy-api)."""

import re
from datetime import UTC, datetime
from typing import Any, Literal

from errata.errors import InvalidInputError
from errata.models.event import Event, Fields, Level, StoredEvent
from errata.models.ids import minted_ms

MAX_HASH_LENGTH = 256
MAX_LEVEL_LENGTH = 200

_REQUEST_TEXTS = ("method", "url")
# `ValueError`, `App\\Http\\NotFoundException`, `java.lang.IllegalStateException`, `Foo::Bar`
_CLASS_NAME = re.compile(r"\\?[A-Za-z_]\w*(?:(?:\\|\.|::)[A-Za-z_]\w*)*")
_CLASS_ENDING = re.compile(r"\w(Error|Exception|Fault|Failure|Interrupt|Iteration|Exit|Warning)$")
# Matches the words in `E_USER_WARNING`, `DeprecationWarning` and `Strict Standards`.
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SEVERITIES: tuple[tuple[Literal["debug", "info", "warning"], frozenset[str]], ...] = (
    ("debug", frozenset({"debug", "trace", "verbose"})),
    ("warning", frozenset({"warn", "warning", "warnings"})),
    (
        "info",
        frozenset({"info", "information", "informational", "notice", "log", "strict"})
        | {"deprecated", "deprecation"},
    ),
)


def project_key(sent: Fields) -> str:
    """Return the project key in a submitted error.

    Raises:
        InvalidInputError: it is missing, not a string, empty or too long.
    """
    value = sent.get("hash")
    if value is None:
        raise InvalidInputError({"hash": ["hash is required"]})
    if not isinstance(value, str) or not value:
        raise InvalidInputError({"hash": ["hash must be a non-empty string"]})
    if len(value) > MAX_HASH_LENGTH:
        raise InvalidInputError(
            {"hash": [f"hash must not be longer than {MAX_HASH_LENGTH} characters"]}
        )
    return value


def parse(sent: Fields) -> Event:
    """Validate a submitted error and return its event fields.

    The level is also kept as it was sent, in the field `legacy`.

    Raises:
        InvalidInputError: a field is invalid. Names every invalid field.
    """
    errors: dict[str, list[str]] = {}
    for name in ("level", "message"):
        if sent.get(name) is None:
            errors[name] = [f"{name} is required"]
    for name in ("level", "message", "file", "hostname"):
        if sent.get(name) is not None and not isinstance(sent[name], str):
            errors[name] = [f"{name} must be a string"]
    level = sent.get("level")
    if isinstance(level, str) and not 1 <= len(level) <= MAX_LEVEL_LENGTH:
        errors["level"] = [f"level must be 1 to {MAX_LEVEL_LENGTH} characters"]
    if sent.get("line") is not None and type(sent["line"]) is not int:
        errors["line"] = ["line must be an integer"]
    request = sent.get("request")
    if request is not None and not isinstance(request, dict):
        errors["request"] = ["request must be an object"]
    elif request:
        for name in _REQUEST_TEXTS:
            if request.get(name) is not None and not isinstance(request[name], str):
                errors[f"request.{name}"] = [f"request.{name} must be a string"]
    if errors:
        raise InvalidInputError(errors)
    return _to_event(sent, sent["level"], request or {})


def _to_event(sent: Fields, level: str, request: Fields) -> Event:
    fields: Fields = {
        "message": sent["message"],
        "exception_class": exception_class(level),
        "level": severity(level),
        "file": sent.get("file"),
        "line": sent.get("line"),
        "server_name": sent.get("hostname"),
        "url": request.get("url"),
        "legacy": {"level": level},
    }
    kept = {name: request.get(name) for name in ("method", "url", "get", "post")}
    if any(value is not None for value in kept.values()):
        fields["context"] = {"request": kept}
    given: Any = {name: value for name, value in fields.items() if value is not None}
    event: Event = given
    return event


def severity(level: str) -> Level:
    """Return the severity for a free-text level. An unknown level is an error."""
    words = [word.lower() for word in _WORD.findall(level)]
    if words and words[-1] not in ("error", "exception"):
        for name, signs in _SEVERITIES:
            if not signs.isdisjoint(words):
                return name
    return "error"


def exception_class(level: str) -> str | None:
    """Return the level if it is the name of an exception class, otherwise None.

    `Error` and `Warning` alone are not class names.
    """
    qualified = any(separator in level for separator in ("\\", ".", "::"))
    if _CLASS_NAME.fullmatch(level) and (qualified or _CLASS_ENDING.search(level)):
        return level
    return None


def to_error(legacy_id: int, event_id: str, fields: StoredEvent) -> dict[str, Any]:
    """Return an error as `action=errors` returns it. Fields that were not sent are null."""
    request = (fields.get("context") or {}).get("request") or {}
    received = datetime.fromtimestamp(minted_ms(event_id) / 1000, UTC)
    return {
        "id": legacy_id,
        "level": fields["legacy"]["level"],
        "message": fields.get("message"),
        "file": fields.get("file"),
        "line": fields.get("line"),
        "url": fields.get("url"),
        "method": request.get("method"),
        "get_params": request.get("get"),
        "post_params": request.get("post"),
        "hostname": fields.get("server_name"),
        "received_at": f"{received:%Y-%m-%d %H:%M:%S}",
    }


def since(text: str | None) -> int:
    """Return the value of the parameter `since`, by default 0.

    Raises:
        InvalidInputError: it is not a whole number of at least 0, with at most 12 digits.
    """
    if text is None or text == "":
        return 0
    if not text.isdecimal() or not text.isascii() or len(text) > 12:
        raise InvalidInputError({"since": ["since must be a whole number, 0 or greater"]})
    return int(text)
