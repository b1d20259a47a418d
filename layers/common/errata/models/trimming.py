"""Trim an event that is too large for the store, step by step.

1. Remove the breadcrumbs.
2. Remove the context, except for its user, and the other fields that describe the environment.
3. Cut the stack texts, and remove variables and source code from the frames.
4. Cut all other long texts.
5. Remove all values that are not texts, and cut all texts again.

Each step adds the fields that it changes to the list `trimmed` of the event.
"""

from collections.abc import Callable
from typing import Any

STACK_TEXTS = ("source_map", "minified_stack", "stack_trace")
# Fields from SDKs that describe the environment of an error, in addition to `context`.
_SURROUNDINGS = ("extra", "contexts", "modules", "threads", "debug_meta", "other")
# In characters: of a stack text, of another text, of any text in the last step, and in a frame.
_MAX_STACK, _MAX_TEXT, _MAX_NOISE, _MAX_CODE = 32_768, 8_192, 4_096, 512
# A trimmed exception keeps its innermost frames, which come last.
_MAX_FRAMES = 50
_CODE = ("filename", "abs_path", "module", "function", "lineno", "colno", "in_app", "context_line")

type _Fields = dict[str, Any]


def _breadcrumbs(event: _Fields) -> None:
    if event.pop("breadcrumbs", None):
        event["trimmed"].append("breadcrumbs")


def _context(event: _Fields) -> None:
    for name in _SURROUNDINGS:
        if event.pop(name, None):
            event["trimmed"].append(name)
    context = event.pop("context", None)
    if context:
        event["trimmed"].append("context")
        user = context.get("user")
        if isinstance(user, dict):
            short = {
                name: value[:_MAX_TEXT] if isinstance(value, str) else value
                for name, value in list(user.items())[:20]
                if isinstance(value, str | int | float) and len(name) < _MAX_TEXT
            }
            event["context"] = {"user": short}


def _cut(event: _Fields, names: tuple[str, ...] | list[str], length: int) -> None:
    for name in names:
        value = event.get(name)
        if isinstance(value, str) and len(value) > length:
            event[name] = value[:length]
            if name not in event["trimmed"]:
                event["trimmed"].append(name)


def _stack(event: _Fields) -> None:
    _cut(event, STACK_TEXTS, _MAX_STACK)
    if "exceptions" in event:
        event["exceptions"] = [_bare(each) for each in event["exceptions"][-_MAX_FRAMES:]]
        event["trimmed"].append("exceptions")
    if "frames" in event:
        event["frames"] = _bare_frames(event["frames"])
        event["trimmed"].append("frames")


def _bare(exception: _Fields) -> _Fields:
    """Return an exception without the variables and the source code of its frames."""
    bare: _Fields = {
        name: exception[name][:_MAX_TEXT]
        for name in ("type", "value", "module")
        if name in exception
    }
    return {**bare, "frames": _bare_frames(exception.get("frames") or [])}


def _bare_frames(frames: list[_Fields]) -> list[_Fields]:
    return [
        {
            name: value[:_MAX_CODE] if isinstance(value, str) else value
            for name, value in frame.items()
            if name in _CODE
        }
        for frame in frames[-_MAX_FRAMES:]
    ]


def _texts(event: _Fields) -> None:
    _cut(event, [name for name in event if name not in STACK_TEXTS], _MAX_TEXT)


def _whatever_is_left(event: _Fields) -> None:
    # Every field holds incompressible data. Only cut texts fit then, with up to four bytes per
    # character; everything else is removed, including the user.
    for name, value in list(event.items()):
        if isinstance(value, dict | list) and name not in ("trimmed", "legacy"):
            del event[name]
            if name not in event["trimmed"]:
                event["trimmed"].append(name)
    _cut(event, list(event), _MAX_NOISE)


STEPS: tuple[Callable[[_Fields], None], ...] = (
    _breadcrumbs,
    _context,
    _stack,
    _texts,
    _whatever_is_left,
)
