"""The event as it is kept: its fields as compressed JSON, trimmed where that is too large."""

import json
import zlib
from collections.abc import Callable
from typing import Any

from pydantic_core import from_json, to_json

# DynamoDB's limit is 400 KB (409,600 bytes) an item, keys and names included.
MAX_PACKED_BYTES = 400_000
MAX_STACK_CHARACTERS = 32_768
MAX_TEXT_CHARACTERS = 8_192
MAX_NOISE_CHARACTERS = 4_096

STACK_TEXTS = ("source_map", "minified_stack", "stack_trace")

type Fields = dict[str, Any]


def pack(event: Fields) -> bytes:
    """The fields of an event, ready to store: zlib over JSON, at most `MAX_PACKED_BYTES`.

    What is too large is trimmed in this order until it fits: breadcrumbs, context (but for its
    user), the stack texts, any other long text, and if nothing else helps the user and all of the
    texts again. `trimmed` then names what was touched. Numbers that JSON cannot write (an overflown
    1e999) become null.
    """
    packed = _compress(event)
    if len(packed) <= MAX_PACKED_BYTES:
        return packed
    event = {**event, "trimmed": []}
    for trim in TRIMMING:
        trim(event)
        packed = _compress(event)
        if len(packed) <= MAX_PACKED_BYTES:
            break
    return packed


def unpack(packed: bytes) -> Fields:
    """The fields that `pack` was given, but for what it trimmed."""
    text = zlib.decompress(packed)
    try:
        event: Fields = from_json(text)
    except ValueError:
        # What was taken as deep as `from_json` goes may lie a level deeper here.
        event = json.loads(text)
    return event


def _compress(event: Fields) -> bytes:
    return zlib.compress(to_json(event, inf_nan_mode="null"), 6)


def _breadcrumbs(event: Fields) -> None:
    if event.pop("breadcrumbs", None):
        event["trimmed"].append("breadcrumbs")


def _context(event: Fields) -> None:
    context = event.pop("context", None)
    if context:
        event["trimmed"].append("context")
        user = context.get("user")
        if isinstance(user, dict):
            short = {
                name: value[:MAX_TEXT_CHARACTERS] if isinstance(value, str) else value
                for name, value in list(user.items())[:20]
                if isinstance(value, str | int | float) and len(name) < MAX_TEXT_CHARACTERS
            }
            event["context"] = {"user": short}


def _cut(event: Fields, names: tuple[str, ...] | list[str], length: int) -> None:
    for name in names:
        value = event.get(name)
        if isinstance(value, str) and len(value) > length:
            event[name] = value[:length]
            if name not in event["trimmed"]:
                event["trimmed"].append(name)


def _stack_texts(event: Fields) -> None:
    _cut(event, STACK_TEXTS, MAX_STACK_CHARACTERS)


def _texts(event: Fields) -> None:
    _cut(event, [name for name in event if name not in STACK_TEXTS], MAX_TEXT_CHARACTERS)


def _whatever_is_left(event: Fields) -> None:
    # Noise in every field: no text of four bytes a character may be longer, nor a user be kept.
    event.pop("context", None)
    _cut(event, list(event), MAX_NOISE_CHARACTERS)


TRIMMING: tuple[Callable[[Fields], None], ...] = (
    _breadcrumbs,
    _context,
    _stack_texts,
    _texts,
    _whatever_is_left,
)


def title(event: Fields) -> str:
    """One line that names the error: `ValueError: bad input`, at most 200 characters."""
    message = (event.get("message") or "").strip()
    exception_class = event.get("exception_class") or ""
    joined = f"{exception_class}: {message}" if exception_class and message else exception_class
    lines = (joined or message).split("\n", 1)
    return lines[0].strip()[:200] or "(no message)"


def culprit(event: Fields) -> str:
    """Where it happened: `app/views.py:42`, else the URL, else nothing; at most 200 characters."""
    file = event.get("file") or ""
    if file:
        line = event.get("line")
        # The end of a long path says more than its beginning.
        return (f"{file}:{line}" if line is not None else file)[-200:]
    return str(event.get("url") or "")[:200]


def user_identity(event: Fields) -> str | None:
    """What tells one affected user from another: id, else e-mail, user name or address."""
    context = event.get("context")
    user = context.get("user") if isinstance(context, dict) else None
    if isinstance(user, dict):
        for name in ("id", "email", "username", "ip_address"):
            if user.get(name) not in (None, ""):
                return f"{name}:{user[name]}"
    return None
