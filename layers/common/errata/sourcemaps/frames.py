"""Which frames of an event source maps apply to, and what is put in their place.

Sources: the SDK development documentation, "Debug Meta Interface" (images of type `sourcemap`) and
"Stack Trace Interface". Frames count lines and columns from 1, compiled maps from 0.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from errata.models.artifact import debug_key, file_url, normal_debug_id, url_key
from errata.models.event import Event, Fields
from errata.sourcemaps.compiled import Original

_PLATFORMS = ("javascript", "node")
# Innermost frames, of all stacks together, and files among them: each may cost a look-up.
MAX_FRAMES = 100
MAX_FILES = 10
_MAX_NUMBER = 10**9
_MAX_PATH = 1_000
# What a frame says of its position. All of it is kept as it was sent, in `sent`.
_REPLACED = (
    *("filename", "abs_path", "module", "function", "lineno", "colno", "in_app"),
    *("pre_context", "context_line", "post_context"),
)
# What bundlers write before the path of a file, such as `webpack://shop/./` or `../../`.
_PREFIX = re.compile(r"^(?:[a-z-]+://[^/]*/|app:///|file:///)?(?:\.{1,2}/|/(?=\.))*+")
_LIBRARY = re.compile(
    r"node_modules/|^webpack/|^\(webpack\)|^\x00|^vite/|^node:|/~/|^(?:external|ignored)[ |]"
)


@dataclass(slots=True)
class FrameCandidate:
    """A frame that a source map may apply to.

    Attributes:
        frame: the frame, in the event.
        caller: the candidate of the frame that called it, None if there is none.
        keys: by which its compiled map may be found, the best first. () if the event names none.
        line, column: of the generated file, from 0.
        debug_id: of its file, "" if the event has none.
        url: of its file in a release.
        release_key: by which it is found if several maps have its debug id, "" if it has none.
        original: what was found.
        map_id: of the compiled map that was found.
    """

    frame: Fields
    caller: "FrameCandidate | None"
    keys: tuple[str, ...]
    line: int
    column: int
    debug_id: str
    url: str
    release_key: str = ""
    original: Original | None = None
    map_id: str = ""


def candidates(event: Event) -> list[FrameCandidate]:
    """Return the frames of an event that source maps may apply to, innermost first.

    Leaves out frames that were replaced.
    """
    if event.get("platform") not in _PLATFORMS:
        return []
    debug_ids = _debug_ids(event.get("debug_meta"))
    release, dist = _short(event.get("release")), _short(event.get("dist"))
    found: list[FrameCandidate] = []
    files: set[str] = set()
    for frames in stacks(event):
        caller: FrameCandidate | None = None
        of_stack = []
        for frame in frames[-MAX_FRAMES:]:
            caller = _candidate(frame, caller, debug_ids, release, dist)
            if caller:
                of_stack.append(caller)
        for each in reversed(of_stack):
            if len(found) == MAX_FRAMES:
                return found
            if each.url in files or len(files) < MAX_FILES:
                files.add(each.url)
                found.append(each)
    return found


def _candidate(
    frame: Fields, caller: FrameCandidate | None, debug_ids: dict[str, str], release: str, dist: str
) -> FrameCandidate | None:
    path = _short(frame.get("abs_path")) or _short(frame.get("filename"))
    if not path or "sent" in frame or path.startswith(("node:", "<", "[native")):
        return None
    line, column = _number(frame.get("lineno")), _number(frame.get("colno"))
    debug_id = debug_ids.get(path) or debug_ids.get(_short(frame.get("filename")), "")
    url = file_url(path)
    keys = [debug_key(debug_id)] if debug_id else []
    if release:
        whole = path.partition("?")[0].partition("#")[0]
        keys += [url_key(release, dist, each) for each in dict.fromkeys((url, whole))]
    of_release = debug_key(debug_id, release) if debug_id and release else ""
    return FrameCandidate(
        frame, caller, tuple(keys), line - 1, column - 1, debug_id, url, of_release
    )


def _debug_ids(debug_meta: object) -> dict[str, str]:
    """Return the debug id of each generated file."""
    images = debug_meta.get("images") if isinstance(debug_meta, dict) else None
    found = {}
    for each in images if isinstance(images, list) else ():
        if isinstance(each, dict) and each.get("type") == "sourcemap":
            path, debug_id = _short(each.get("code_file")), normal_debug_id(each.get("debug_id"))
            if path and debug_id:
                found[path] = debug_id
    return found


def stacks(event: Event) -> Iterator[list[Fields]]:
    """Yield the frames of each stack, outermost first. The main exception comes first."""
    holders: list[Any] = [*reversed(event.get("exceptions") or ()), event]
    holders += event.get("threads") or ()
    for holder in holders:
        frames = holder.get("frames") if isinstance(holder, dict) else None
        if isinstance(frames, list):
            yield [each for each in frames if isinstance(each, dict)]


def replace_frames(found: Iterable[FrameCandidate]) -> int:
    """Replace the frames whose originals were found, in place. Return how many these are."""
    replaced = 0
    for each in found:
        if each.original is not None:
            _replace(each, each.original)
            replaced += 1
    return replaced


def _replace(candidate: FrameCandidate, original: Original) -> None:
    frame = candidate.frame
    sent = {name: frame.pop(name) for name in _REPLACED if name in frame}
    path = short_path(original.path)
    frame["filename"] = path
    if path != original.path:
        frame["abs_path"] = original.path
    frame["lineno"] = original.line + 1
    frame["colno"] = original.column + 1
    if function := _function(candidate, original, sent):
        frame["function"] = function
    frame["in_app"] = sent.get("in_app") is not False and _LIBRARY.search(path) is None
    frame["sent"] = sent
    frame["map"] = {"id": candidate.map_id, "source": original.source}


def _function(candidate: FrameCandidate, original: Original, sent: Fields) -> str:
    """Return the function of a frame: as the original text has it, or as its caller calls it."""
    if original.function:
        return original.function
    caller = candidate.caller
    if caller and caller.original and caller.original.name:
        return caller.original.name
    return _short(sent.get("function"))


def short_path(path: str) -> str:
    """Return the path of an original file without what bundlers write before it."""
    short = _PREFIX.sub("", path.partition("?")[0])
    return short or path


def set_file(event: Event) -> None:
    """Set the fields `file` and `line` of an event to its innermost frame of the application."""
    frames: Sequence[Fields] = next((each for each in stacks(event) if each), ())
    inner = next((each for each in reversed(frames) if each.get("in_app")), None)
    inner = inner or (frames[-1] if frames else {})
    if file := _short(inner.get("filename")):
        event["file"] = file
        if _number(inner.get("lineno")):
            event["line"] = inner["lineno"]


def why_not(candidate: FrameCandidate, known: bool) -> str:
    """Return why a frame was not replaced. `known`: its compiled map exists."""
    if known and (candidate.line < 0 or candidate.column < 0):
        return "The frame has no line or no column."
    if known:
        at = f"line {candidate.line + 1}, column {candidate.column + 1}"
        return f"The source map has no mapping for {at}."
    if candidate.debug_id:
        return f"Debug id {candidate.debug_id} was never uploaded."
    if candidate.keys:
        return f"No source map of {candidate.url} was uploaded for its release."
    return "The event has no debug id for this file, and no release."


def _number(value: object) -> int:
    return value if type(value) is int and 0 < value < _MAX_NUMBER else 0


def _short(value: object) -> str:
    return value if isinstance(value, str) and len(value) <= _MAX_PATH else ""
