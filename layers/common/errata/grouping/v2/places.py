"""Converts frames to places in the code: the module (or file) and the function, without a line."""

import json
import re
from typing import NamedTuple

from errata.caches import BoundedDict
from errata.grouping.v2 import names
from errata.models.event import Fields

# The number of innermost frames that are read, and of innermost places that count.
_MAX_FRAMES = 1_000
_MAX_PLACES = 50
_MAX_SHOWN = 4
# Longer texts are not cached.
_MAX_KNOWN_TEXT = 200
# V8 writes the receiver and the kind of a call, too (v8.dev/docs/stack-trace-api, "Stack trace
# format"). Other engines only write the function. Firefox adds `/<` to a function inside another.
_CALL = re.compile(
    r"(?:async |new )*+(?:.*[./])?((?:[gs]et )?[^./ ]*+)(?: \[as [^\]]*+\]| \(index \d++\))?"
)
_ENGINES = ("javascript", "node")
# These do not identify a module. Every Python script is called `__main__`.
_NO_MODULE = ("", "__main__", "<anonymous>", "<unknown>", "?")


class Place(NamedTuple):
    """A place in the code.

    `key` is JSON and unique for the place. `function` is "" if it is anonymous. `shown` is the
    place in words.
    """

    key: str
    function: str
    shown: str


# Places by key. A place counts once, so the depth of a recursion makes no difference.
type Places = dict[str, Place]

# A process sees the same frames repeatedly.
_known = BoundedDict[tuple[object, ...], Place](max_entries=2_048)


def places(frames: list[Fields], in_app: bool, platform: object) -> Places:
    """Return the places of frames, innermost first. With `in_app`, only those of in-app frames."""
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
        except (KeyError, TypeError):  # TypeError: a value that cannot be a key, such as a list
            place = _place(*sent)
        if place.shown:
            found[place.key] = place
            if len(found) == _MAX_PLACES:
                break
    return found


def _place(*sent: object) -> Place:
    """Return the place for (module, path, function, whether the platform is JavaScript)."""
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
        _known[sent] = place
    return place


def _is_short(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _MAX_KNOWN_TEXT


def listed(places: Places) -> str:
    """Return the innermost places in words."""
    shown = [each.shown for each in list(places.values())[:_MAX_SHOWN]]
    more = len(places) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
