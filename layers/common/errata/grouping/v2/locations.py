"""Converts frames to code locations: the module (or file) and the function, without a line."""

from json.encoder import encode_basestring_ascii as _json
from typing import NamedTuple

from errata.caches import BoundedDict
from errata.grouping.v2 import engines, names
from errata.models.event import Fields

# The number of innermost frames that are read, and of innermost locations that count.
_MAX_FRAMES = 1_000
_MAX_LOCATIONS = 50
_MAX_SHOWN = 4
# Characters of a line of code. A longer line is minified, and differs in each build.
_MAX_LINE = 300
# Longer texts are not cached.
_MAX_KNOWN_TEXT = 200
# These do not identify a module. Every Python script is called `__main__`.
_NO_MODULE = frozenset(("", "__main__", "<anonymous>", "<unknown>", "?"))


class Location(NamedTuple):
    """A code location.

    `key` is JSON and unique for the location. `function` is "" if it is anonymous. `shown` is the
    location in words.
    """

    key: str
    function: str
    shown: str


# Locations by key. A location counts once, so the depth of a recursion makes no difference.
type Locations = dict[str, Location]

_NONE = Location("", "", "")

# A process sees the same frames repeatedly.
_known = BoundedDict[tuple[object, ...], Location](max_entries=2_048)


class Stack(NamedTuple):
    """The locations of frames, innermost first, and the frame of the innermost location."""

    locations: Locations
    innermost: Fields


def stack(frames: list[Fields], in_app: bool, platform: object) -> Stack:
    """Return the locations of frames. With `in_app`, only those of in-app frames."""
    found: Locations = {}
    innermost: Fields = {}
    known = _known.get
    for frame in frames[: -_MAX_FRAMES - 1 : -1]:
        get = frame.get
        if in_app and not get("in_app"):
            continue
        path = get("filename") or get("abs_path") or get("package")
        sent = (get("module"), path, get("function"), platform)
        try:
            location = known(sent) or _location(*sent)
        except TypeError:  # a value that cannot be a key, such as a list
            location = _location(*map(_text, sent))
        if location is not _NONE:
            if not found:
                innermost = frame
            found[location.key] = location
            if len(found) == _MAX_LOCATIONS:
                break
    return Stack(found, innermost)


def _location(*sent: object) -> Location:
    """Return the location of (module, path, function, platform), empty if it says nothing."""
    texts = [each if isinstance(each, str) else "" for each in sent]
    module, path, called, platform = texts
    called = called[: names.MAX_NAME]
    if platform in engines.PLATFORMS:
        location = _of_javascript(module, path, called, platform)
    else:
        called = _of_ruby(called) if platform == "ruby" else names.name(called)
        where = names.name(module) if module not in _NO_MODULE else ""
        location = _made(where, "" if where else names.file(path) or module, called)
    if max(map(len, texts)) <= _MAX_KNOWN_TEXT:
        _known[sent] = location
    return location


def _of_javascript(module: str, path: str, called: str, platform: str) -> Location:
    if not engines.is_of_the_application(called, path):
        return _NONE
    called = names.name(engines.function(called, platform))
    where = names.bundle(module) if module not in _NO_MODULE else ""
    return _made(where, "" if where else names.file(engines.file(path)) or module, called)


def _of_ruby(called: str) -> str:
    """Return a method without its class, which Ruby writes since 3.4: `block in Cart#total`."""
    block, inside, method = called.rpartition(" in ")
    method = names.name(method.rpartition("#")[2].rpartition(".")[2])
    return f"{block}{inside}{method}" if method else ""


def _made(module: str, path: str, called: str) -> Location:
    where = module or path
    if module:
        shown = f"{where}.{called}" if called else where
    else:
        shown = f"{called} ({where})" if called and where else called or where
    if not shown:
        return _NONE
    return Location(f"[{_json(where)}, {_json(called)}]", called, shown)


def line(frame: Fields) -> str:
    """Return the line of code of a frame, "" if it is unknown or minified."""
    code = frame.get("context_line")
    return code if isinstance(code, str) and len(code) <= _MAX_LINE else ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def listed(locations: Locations) -> str:
    """Return the innermost locations in words."""
    shown = [each.shown for each in list(locations.values())[:_MAX_SHOWN]]
    more = len(locations) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
