"""The event as it is kept: its fields as compressed JSON, trimmed where that is too large."""

import json
import zlib
from collections.abc import Callable
from typing import Any

from pydantic_core import from_json, to_json

from errata.models.dictionary import OF_SDKS
from errata.models.ids import minted_ms

# DynamoDB's limit is 400 KB (409,600 bytes) an item, keys and names included.
MAX_PACKED_BYTES = 400_000
MAX_STACK_CHARACTERS = 32_768
MAX_TEXT_CHARACTERS = 8_192
MAX_NOISE_CHARACTERS = 4_096

STACK_TEXTS = ("source_map", "minified_stack", "stack_trace")
# What an SDK tells of the surroundings of an error, beside its context.
SURROUNDINGS = ("extra", "contexts", "modules", "threads", "debug_meta")
# What an event of an SDK may hold beside the fields of the ingest API, under the SDKs' names.
SDK_FIELDS = (
    *("event_id", "platform", "logger", "transaction", "dist", "sentry_level", "sdk", "tags"),
    *("contexts", "extra", "modules", "logentry", "exceptions", "threads", "frames", "debug_meta"),
    *("grouped_by", "problems"),
)
# Of an exception that is trimmed: the innermost, which come last.
MAX_TRIMMED_FRAMES = 50
_PLACE = ("filename", "abs_path", "module", "function", "lineno", "colno", "in_app", "context_line")
_MAX_PLACE_CHARACTERS = 512
# The year 9999; no date can be written of what comes after it.
_MOST_MS = 253_370_000_000_000

type Fields = dict[str, Any]


def pack(event: Fields) -> bytes:
    """The fields of an event, ready to store; see `pack_or_trim`."""
    return pack_or_trim(event)[0]


def pack_or_trim(event: Fields) -> tuple[bytes, bool]:
    """The fields as zlib over JSON, `MAX_PACKED_BYTES` at most, and whether some were trimmed.

    What is too large is trimmed in this order until it fits: breadcrumbs, context (but for its
    user) and what else tells of the surroundings, the stack (texts are cut; frames lose their
    variables and the code around them), any other long text, and if nothing else helps whatever is
    no text, and all of the texts again. `trimmed` then names what was touched. Numbers that JSON
    cannot write (an overflown 1e999) become null.
    """
    packed = _compress(event)
    if len(packed) <= MAX_PACKED_BYTES:
        return packed, False
    event = {**event, "trimmed": []}
    for trim in TRIMMING:
        trim(event)
        packed = _compress(event)
        if len(packed) <= MAX_PACKED_BYTES:
            break
    return packed, True


def unpack(packed: bytes) -> Fields:
    """The fields that `pack` was given, but for what it trimmed."""
    unpacker = zlib.decompressobj(zdict=OF_SDKS)
    text = unpacker.decompress(packed)
    if not unpacker.eof:
        raise zlib.error("cut short")
    try:
        event: Fields = from_json(text)
    except ValueError:
        # What was taken as deep as `from_json` goes may lie a level deeper here.
        event = json.loads(text)
    return event


def _compress(event: Fields) -> bytes:
    text = to_json(event, inf_nan_mode="null")
    if "event_id" not in event:
        return zlib.compress(text, 6)
    packer = zlib.compressobj(6, zdict=OF_SDKS)
    return packer.compress(text) + packer.flush()


def _breadcrumbs(event: Fields) -> None:
    if event.pop("breadcrumbs", None):
        event["trimmed"].append("breadcrumbs")


def _context(event: Fields) -> None:
    for name in SURROUNDINGS:
        if event.pop(name, None):
            event["trimmed"].append(name)
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


def _stack(event: Fields) -> None:
    _cut(event, STACK_TEXTS, MAX_STACK_CHARACTERS)
    if "exceptions" in event:
        event["exceptions"] = [_bare(each) for each in event["exceptions"][-MAX_TRIMMED_FRAMES:]]
        event["trimmed"].append("exceptions")
    if "frames" in event:
        event["frames"] = _bare_frames(event["frames"])
        event["trimmed"].append("frames")


def _bare(exception: Fields) -> Fields:
    """An exception with the places of its frames alone."""
    bare: Fields = {
        name: exception[name][:MAX_TEXT_CHARACTERS]
        for name in ("type", "value", "module")
        if name in exception
    }
    return {**bare, "frames": _bare_frames(exception.get("frames") or [])}


def _bare_frames(frames: list[Fields]) -> list[Fields]:
    return [
        {
            name: value[:_MAX_PLACE_CHARACTERS] if isinstance(value, str) else value
            for name, value in frame.items()
            if name in _PLACE
        }
        for frame in frames[-MAX_TRIMMED_FRAMES:]
    ]


def _texts(event: Fields) -> None:
    _cut(event, [name for name in event if name not in STACK_TEXTS], MAX_TEXT_CHARACTERS)


def _whatever_is_left(event: Fields) -> None:
    # Noise in every field: no text of four bytes a character may be longer, nor anything be kept
    # that is no text, a user included.
    for name, value in list(event.items()):
        if isinstance(value, dict | list) and name not in ("trimmed", "legacy"):
            del event[name]
            if name not in event["trimmed"]:
                event["trimmed"].append(name)
    _cut(event, list(event), MAX_NOISE_CHARACTERS)


TRIMMING: tuple[Callable[[Fields], None], ...] = (
    _breadcrumbs,
    _context,
    _stack,
    _texts,
    _whatever_is_left,
)


def received_ms(event_id: str, event: Fields) -> int:
    """When an event was received, in milliseconds: `received_at`, else as its id says.

    The id of an event that an SDK has named tells when it happened.
    """
    known = event.get("received_at")
    return known if type(known) is int and 0 <= known < _MOST_MS else minted_ms(event_id)


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
