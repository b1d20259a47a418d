"""The places of frames in the code: module (or file) and function, never a line."""

import json
import re
from typing import NamedTuple

from errata.grouping.v2 import names
from errata.models.event import Fields

# Of a stack, the innermost: so many frames are read, and so many places of them count.
_MAX_FRAMES = 1_000
_MAX_PLACES = 50
_MAX_SHOWN = 4
# A process sees the same frames again and again; what is longer is not remembered.
_MAX_KNOWN = 2_048
_MAX_KNOWN_TEXT = 200
# V8 writes who was called, and how; other engines write the function alone, Firefox with `/<` where
# it lies within another (v8.dev/docs/stack-trace-api, "Stack trace format").
_CALL = re.compile(
    r"(?:async |new )*+(?:.*[./])?((?:[gs]et )?[^./ ]*+)(?: \[as [^\]]*+\]| \(index \d++\))?"
)
_ENGINES = ("javascript", "node")
# A script of Python is `__main__` whatever it is called.
_NO_MODULE = ("", "__main__", "<anonymous>", "<unknown>", "?")


class Place(NamedTuple):
    """`key` is JSON, unlike that of any other place; `function` is "" where it has no name."""

    key: str
    function: str
    shown: str


# By the key; a place counts once: how deep a recursion went is no difference.
type Places = dict[str, Place]

_known: dict[tuple[object, ...], Place] = {}


def places(frames: list[Fields], in_app: bool, platform: object) -> Places:
    """Where the frames are, innermost first; of the application's alone if `in_app`."""
    javascript = platform in _ENGINES if isinstance(platform, str) else False
    found: Places = {}
    for frame in frames[: -_MAX_FRAMES - 1 : -1]:
        get = frame.get
        if in_app and not get("in_app"):
            continue
        path = get("filename") or get("abs_path") or get("package")
        sent = (get("module"), path, get("function"), javascript)
        try:
            place = _known[sent]
        except (KeyError, TypeError):  # or what is no text, and cannot be looked up
            place = _place(*sent)
        if place.shown:
            found[place.key] = place
            if len(found) == _MAX_PLACES:
                break
    return found


def _place(*sent: object) -> Place:
    """Of module, path, function, and whether the engine is one of JavaScript."""
    module, path, called = (each if isinstance(each, str) else "" for each in sent[:3])
    called = called[: names.MAX_NAME]
    if sent[3] and (found := _CALL.fullmatch(called)):
        called = found[1].rstrip("<")
    called = names.name(called)
    where = shown = ""
    if module not in _NO_MODULE:
        where = names.bundle(module) if sent[3] else names.name(module)
        shown = f"{where}.{called}" if called else where
    if not where:
        where = names.file(path) or module
        shown = f"{called} ({where})" if called and where else called or where
    place = Place(json.dumps([where, called]), called, shown)
    if all(each is None or _is_short(each) for each in sent[:3]):
        if len(_known) >= _MAX_KNOWN:
            _known.clear()
        _known[sent] = place
    return place


def _is_short(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _MAX_KNOWN_TEXT


def listed(places: Places) -> str:
    """The innermost places, for people."""
    shown = [each.shown for each in list(places.values())[:_MAX_SHOWN]]
    more = len(places) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
