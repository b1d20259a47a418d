"""Show the original frames of events that contain their own source map.

That is `source_map` of the ingest API, a source map in Base64, with `minified_stack`. Frames are
computed when an event is read. Its fingerprint stays that of the contract (spec/ingest-api, "Body
of an ingest"), which does not look at frames.
"""

import base64
import binascii
import hashlib
from typing import NamedTuple

from errata.caches import BoundedDict
from errata.errors import SourceMapError
from errata.models.event import Event
from errata.sourcemaps import compiled, frames
from errata.sourcemaps.compile import compile_map
from errata.sourcemaps.context import context_lines
from errata.sourcemaps.frames import FrameCandidate
from errata.sourcemaps.parse import parse_map
from errata.usecases import text_frames

# A request of the ingest API has at most 1 MB. A larger text is no field that it has accepted.
_MAX_TEXT = 2 * 1024 * 1024


class _Map(NamedTuple):
    """A compiled map, and the name of its generated file or ""."""

    content: bytes
    file: str


# By the SHA-256 of their texts. Events of one error have the same map.
_compiled = BoundedDict[bytes, _Map](max_entries=20)


def complete(event: Event) -> None:
    """Set `frames` of an event that contains a source map to those of its stack trace.

    An original frame has the sent one in `sent`. Others say in `minified` why they are as sent.
    No-op for other events.
    """
    text = event.get("source_map")
    if not isinstance(text, str) or "frames" in event:
        return
    found = text_frames.candidates(event)
    if not found:
        return
    try:
        source_map = _read(text)
        _look_up(source_map.content, text_frames.of_one_file(found, source_map.file))
    except SourceMapError as error:
        for each in found:
            each.frame["minified"] = f"The event's own source map cannot be used. {error}"
    event["frames"] = [each.frame for each in found]


def _read(text: str) -> _Map:
    """Return the compiled map of a source map in Base64."""
    if len(text) > _MAX_TEXT:
        raise SourceMapError("It is too large.")
    key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    if key not in _compiled:
        try:
            content = base64.b64decode(text.rpartition(",")[2], validate=True)
        except (binascii.Error, ValueError):
            raise SourceMapError("It is not Base64.") from None
        source_map = parse_map(content)
        _compiled[key] = _Map(compile_map(source_map).content, source_map.file)
    return _compiled[key]


def _look_up(content: bytes, found: list[FrameCandidate]) -> None:
    """Replace the frames for which the map has originals, and add the lines around them."""
    head = compiled.read_head(content)
    for each in found:
        block = head.block(each.line, each.column) if min(each.line, each.column) >= 0 else None
        if block is not None:
            at = head.blocks[block]
            each.original = compiled.look_up(content[at.start : at.end], each.line, each.column)
    frames.replace_frames(found)
    for each in found:
        if each.original is None:
            each.frame["minified"] = frames.why_not(each, known=True)
        elif part := head.part_of_text(each.original.source, each.original.line):
            first, at = part
            line, column = each.original.line, each.original.column
            text = content[at.start : at.end]
            each.frame.update(context_lines(text, first, line, column) or {})
        each.frame.pop("map", None)


def clear_cache() -> None:
    """Drop the compiled maps."""
    _compiled.clear()
