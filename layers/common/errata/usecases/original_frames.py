"""Show the original frames of events that are read, with the code around them, or say why not.

Events whose source maps arrived later are symbolicated now. They stay stored as they are, and their
issue stays the same: it was decided when they arrived.
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from errata.caches import BoundedDict
from errata.errors import SourceMapError, StoreError
from errata.models.event import Event, Fields, Stored, received_ms
from errata.models.visible import Visible
from errata.sourcemaps import frames
from errata.sourcemaps.compiled import Range
from errata.sourcemaps.context import context_lines
from errata.store import map_files
from errata.usecases import apply_maps, inline_maps, linked_maps

logger = logging.getLogger("errata")

LATE = "The source map was uploaded after this event, which was grouped without it."
NO_TIME = "There was no time to look for its source map. Read the event again."
# A part of a text has about 64 KB, unless it is one long line.
_MAX_PART = 512 * 1024
_MAX_PARTS_KNOWN = 100

type _PartKey = tuple[str, str, int]  # project, compiled map, where the part begins

_parts = BoundedDict[_PartKey, bytes](max_entries=_MAX_PARTS_KNOWN)


@dataclass(slots=True)
class Limits:
    """How much the reads of one request may take: parts of source texts, and seconds."""

    parts: int = 40
    most_s: float = 3.0
    _since_s: float = field(default_factory=time.monotonic)

    @property
    def left_s(self) -> float:
        """Seconds that are left."""
        return self.most_s - (time.monotonic() - self._since_s)


def complete(visible: Visible, event: Stored, limits: Limits | None = None) -> Stored:
    """Return an event with original frames, changed in place, if it or its project has source maps.

    Its replaced frames get the lines around them, as far as `limits` allows. The others say in
    `minified` why they are as they were sent. Makes no call for a project without source maps.
    """
    limits = limits or Limits()
    if "source_map" in event.fields and limits.left_s > 0:
        inline_maps.complete(event.fields)
    if not (visible.maps or "source_map_url" in event.fields):
        return event
    try:
        if limits.left_s > 0:
            linked_maps.complete(event, visible.now_ms, limits.left_s)
        if visible.maps:
            _explain(visible, event, limits)
        for frame in _replaced(event.fields):
            _add_lines(event.project_id, frame, limits)
    except (StoreError, SourceMapError) as error:
        logger.warning("frames stay minified: %s", error, extra={"project": event.project_id})
    return event


def explain(visible: Visible, event: Stored) -> list[dict[str, str]]:
    """Return each JavaScript frame of an event, innermost first, with what was done with it.

    `sent` is the frame as it was sent, `original` what it was replaced by, `map` the source map,
    `note` why none was applied, or what to know. What does not apply is "".
    """
    complete(visible, event)
    left = {id(each.frame) for each in frames.candidates(event.fields)}
    explained = []
    for stack in frames.stacks(event.fields):
        for frame in reversed(stack):
            was = frame["sent"] if isinstance(frame.get("sent"), dict) else frame
            if was is frame and id(frame) not in left and "minified" not in frame:
                continue
            of_map = frame["map"] if isinstance(frame.get("map"), dict) else {}
            explained.append(
                {
                    "sent": _in_words(was),
                    "original": "" if was is frame else _in_words(frame),
                    "map": f"source map {of_map.get('id')}" if of_map else "",
                    "note": str(frame.get("minified") or of_map.get("note") or ""),
                }
            )
    return explained


def _in_words(frame: Fields) -> str:
    """Return a frame as `src/cart.ts:3:11 in Cart.add`."""
    parts = [frame.get("abs_path") if "sent" not in frame else None, frame.get("filename")]
    file = next((each for each in parts if isinstance(each, str)), "(unknown)")
    numbers = [frame[name] for name in ("lineno", "colno") if type(frame.get(name)) is int]
    function = frame.get("function")
    where = ":".join([file, *map(str, numbers)])
    return f"{where} in {function}" if isinstance(function, str) and function else where


def _explain(visible: Visible, event: Stored, limits: Limits) -> None:
    """Symbolicate frames that were not when the event arrived. The rest say why in `minified`."""
    found = frames.candidates(event.fields)
    if not found:
        return
    in_time = limits.left_s > 0
    if in_time:
        apply_maps.apply(event.fields, event.project_id, visible.now_ms, limits.left_s)
    at_ms = received_ms(event.id, event.fields)
    for each in found:
        pointer = apply_maps.known_pointer(event.project_id, each)
        if "sent" in each.frame:
            if pointer and pointer.uploaded_at > at_ms:
                each.frame["map"]["note"] = LATE
        elif not in_time and each.keys:
            each.frame["minified"] = NO_TIME
        else:
            each.frame["minified"] = frames.why_not(each, known=pointer is not None)


def _replaced(event: Event) -> Iterator[Fields]:
    """Yield the frames of the application that were replaced, innermost first."""
    for stack in frames.stacks(event):
        for frame in reversed(stack):
            if isinstance(frame.get("map"), dict) and frame.get("in_app"):
                yield frame


def _add_lines(project_id: str, frame: Fields, limits: Limits) -> None:
    """Add the lines around a frame, if they are known or may be read."""
    map_id, source, line = frame["map"].get("id"), frame["map"].get("source"), frame.get("lineno")
    if not (isinstance(map_id, str) and type(source) is int and type(line) is int):
        return
    head = apply_maps.head(project_id, map_id) if limits.left_s > 0 else None
    at = head and head.part_of_text(source, line - 1)
    if not (head and at):
        return
    first, where = at
    content = _part(project_id, map_id, where, limits)
    if content is None:
        return
    column = frame.get("colno")
    found = context_lines(content, first, line - 1, column if type(column) is int else 0)
    frame.update(found or {})


def _part(project_id: str, map_id: str, where: Range, limits: Limits) -> bytes | None:
    """Return a part of a text, None if it may not be read or is not there."""
    key = (project_id, map_id, where.start)
    if key in _parts:
        return _parts[key]
    if limits.parts <= 0 or where.end - where.start > _MAX_PART:
        return None
    limits.parts -= 1
    content = map_files.read_map(project_id, map_id, where.start, where.end)
    if content is not None:
        _parts[key] = content
    return content


def clear_cache() -> None:
    """Drop the cached parts of source texts."""
    _parts.clear()
