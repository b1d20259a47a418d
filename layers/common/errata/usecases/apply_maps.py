"""Replace the minified frames of an event by original ones, within a bounded time.

The process caches which compiled map a key leads to, the headers of maps, and the positions that it
has looked up. These cost no call. What is not cached costs one read each: of ArtifactsTable for
keys, of a map for its header, and of its blocks for positions. The first use of a map is recorded,
and later uses once a day.
"""

import logging
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from typing import NamedTuple

from errata.caches import BoundedDict
from errata.errors import SourceMapError, StoreError
from errata.models.artifact import USE_NOTED_MS, Pointer
from errata.models.event import Event
from errata.sourcemaps import compiled, frames
from errata.sourcemaps.compiled import CompiledMap, Original, Range
from errata.sourcemaps.frames import FrameCandidate
from errata.store import artifacts, map_files

logger = logging.getLogger("errata")

# How many seconds an endpoint waits for original frames.
MAX_S = 0.3
# How long a key is cached: one that leads to no map, and one that leads to a map.
_ABSENT_MS = 10_000
_PRESENT_MS = 300_000
# What one read of a map fetches at most. The header of most maps is in the first bytes.
_FIRST_BYTES = 64 * 1024
_MAX_SPAN = 2 * 1024 * 1024
_THREADS = 4

type _MapKey = tuple[str, str]  # project, id of the compiled map
type _Position = tuple[str, str, int, int]  # of a compiled map: project, id, line, column


class _CachedPointer(NamedTuple):
    """What a key leads to (None: nothing), and until when this is cached."""

    until_ms: int
    pointer: Pointer | None


_pointers = BoundedDict[tuple[str, str], _CachedPointer](max_entries=2_000)
# A header of a map of 22 MB takes half a megabyte.
_heads = BoundedDict[_MapKey, CompiledMap](max_entries=50)
_originals = BoundedDict[_Position, Original | None](max_entries=10_000)


class _Unknown(Exception):
    """A call is needed, and none may be made."""


def apply(event: Event, project_id: str, now_ms: int, most_s: float) -> bool:
    """Replace the frames of an event for which the project has source maps, in place.

    Returns whether it has replaced any. If there is no time, or the store fails, the event stays as
    it is, and is symbolicated when it is read.
    """
    if not apply_to(frames.candidates(event), project_id, now_ms, most_s):
        return False
    frames.set_file(event)
    return True


def apply_to(found: list[FrameCandidate], project_id: str, now_ms: int, most_s: float) -> bool:
    """Replace the frames of these candidates, as `apply`. Return whether it has replaced any."""
    if not any(each.keys for each in found):
        return False
    try:
        _find_all(found, project_id, now_ms, may_call=False)
    except _Unknown:
        if not _found_in_time(found, project_id, now_ms, most_s):
            return False
    return bool(frames.replace_frames(found))


def _found_in_time(
    found: list[FrameCandidate], project_id: str, now_ms: int, most_s: float
) -> bool:
    """Find the originals in another thread. Return whether that succeeded within `most_s` seconds.

    A thread that is too slow continues. What it finds is cached for the next event.
    """
    # The thread has candidates of its own: it may still write when nobody waits for it any more.
    copies = [FrameCandidate(*(getattr(each, name) for name in _COPIED)) for each in found]
    waiting = _pool().submit(_find_all, copies, project_id, now_ms)
    try:
        waiting.result(most_s)
    except (TimeoutError, StoreError, SourceMapError) as error:
        logger.warning(
            "frames stay minified: %s", error or "no time", extra={"project": project_id}
        )
        return False
    for each, copy in zip(found, copies, strict=True):
        each.original, each.map_id = copy.original, copy.map_id
    return True


_COPIED = ("frame", "caller", "keys", "line", "column", "debug_id", "url", "release_key")


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="maps")


def _find_all(
    found: list[FrameCandidate], project_id: str, now_ms: int, *, may_call: bool = True
) -> None:
    """Set the original of each candidate that has one.

    Raises:
        _Unknown: a call is needed, and `may_call` is False.
        StoreError, SourceMapError: a call failed, or a compiled map is damaged.
    """
    pointers = _find_pointers(
        dict.fromkeys(each.keys for each in found), project_id, now_ms, may_call=may_call
    )
    if of_releases := dict.fromkeys(
        (each.release_key,) for each in found if _needs_release(each, pointers)
    ):
        pointers |= _find_pointers(of_releases, project_id, now_ms, may_call=may_call)
    by_map: dict[str, list[FrameCandidate]] = {}
    for each in found:
        pointer = _best(each, pointers)
        if pointer:
            each.map_id = pointer.map_id
            if each.line >= 0 and each.column >= 0:
                by_map.setdefault(pointer.map_id, []).append(each)
    for map_id, of_map in by_map.items():
        _look_up((project_id, map_id), of_map, may_call=may_call)
    if may_call:
        _note_use(pointers, project_id, now_ms)


def _best(candidate: FrameCandidate, pointers: Mapping[str, Pointer]) -> Pointer | None:
    """Return what a candidate's keys lead to."""
    found = next((pointers[key] for key in candidate.keys if key in pointers), None)
    if found and found.shared:
        return pointers.get(candidate.release_key, found)
    return found


def _needs_release(candidate: FrameCandidate, pointers: Mapping[str, Pointer]) -> bool:
    found = _best(candidate, pointers)
    return bool(found and found.shared and candidate.release_key)


def _find_pointers(
    of_files: Iterable[tuple[str, ...]], project_id: str, now_ms: int, *, may_call: bool
) -> dict[str, Pointer]:
    """Return what keys lead to. `of_files` has the keys of each file, the best first.

    Does not look up a key if a better one is cached with a pointer: only the best one is used.
    """
    known: dict[str, Pointer] = {}
    missing: dict[str, None] = {}
    for keys in of_files:
        for key in keys:
            each = _pointers.get((project_id, key))
            if each is None or each.until_ms <= now_ms:
                missing[key] = None
            elif each.pointer:
                known[key] = each.pointer
                break
    if missing and not may_call:
        raise _Unknown
    if missing:
        found = artifacts.find_pointers(project_id, missing)
        for key in list(missing)[: artifacts.MAX_KEYS]:
            pointer = found.get(key)
            until = now_ms + (_PRESENT_MS if pointer else _ABSENT_MS)
            _pointers[project_id, key] = _CachedPointer(until, pointer)
        known |= found
    return known


def _look_up(key: _MapKey, of_map: list[FrameCandidate], *, may_call: bool) -> None:
    """Set the originals of candidates whose compiled map is this one."""
    unknown = []
    for each in of_map:
        position = (*key, each.line, each.column)
        if position in _originals:
            each.original = _originals[position]
        else:
            unknown.append(each)
    if not unknown:
        return
    if not may_call:
        raise _Unknown
    of_map_head, start = _head(key)
    if of_map_head is None:
        return
    blocks = {id(each): of_map_head.block(each.line, each.column) for each in unknown}
    content = _read_blocks(
        key, of_map_head, [each for each in blocks.values() if each is not None], start
    )
    for each in unknown:
        block = blocks[id(each)]
        if block is not None and block not in content:
            continue  # its block was too far from the others to be read
        original = (
            compiled.look_up(content[block], each.line, each.column) if block is not None else None
        )
        each.original = _originals[*key, each.line, each.column] = original


def _head(key: _MapKey) -> tuple[CompiledMap | None, bytes]:
    """Return the header of a compiled map, and the first bytes if they were read for it.

    The header is None if the map is deleted.
    """
    if key in _heads:
        return _heads[key], b""
    start = map_files.read_map(*key, 0, _FIRST_BYTES)
    if start is None:
        return None, b""
    if (size := compiled.head_size(start)) > len(start):
        start += map_files.read_map(*key, len(start), size) or b""
    head = _heads[key] = compiled.read_head(start)
    return head, start


def _read_blocks(
    key: _MapKey, head: CompiledMap, blocks: Iterable[int], start: bytes
) -> dict[int, bytes]:
    """Return blocks of a compiled map. Those that are not in its first bytes take one read.

    If they are further apart than `_MAX_SPAN`, the blocks of the first frames are read, and the
    others left out.
    """
    found: dict[int, bytes] = {}
    wanted: dict[int, Range] = {}
    span: Range | None = None
    for number in dict.fromkeys(blocks):
        at = head.blocks[number]
        if at.end <= len(start):
            found[number] = start[at.start : at.end]
            continue
        wider = at if span is None else Range(min(span.start, at.start), max(span.end, at.end))
        if wider.end - wider.start <= _MAX_SPAN:
            span, wanted[number] = wider, at
    if span is None:
        return found
    content = map_files.read_map(*key, *span) or b""
    for number, at in wanted.items():
        found[number] = content[at.start - span.start : at.end - span.start]
    return found


def _note_use(pointers: dict[str, Pointer], project_id: str, now_ms: int) -> None:
    """Record the first use of artifacts, and later uses once a day.

    If that fails, another process records it later.
    """
    for key, pointer in pointers.items():
        never = pointer.used_at <= pointer.uploaded_at
        if not never and pointer.used_at + USE_NOTED_MS > now_ms:
            continue
        used = replace(pointer, used_at=now_ms)
        _pointers[project_id, key] = _CachedPointer(now_ms + _PRESENT_MS, used)
        try:
            artifacts.note_use(project_id, key, pointer.map_id, now_ms)
        except StoreError:
            logger.info("the use of an artifact was not recorded", extra={"project": project_id})


def known_pointer(project_id: str, candidate: FrameCandidate) -> Pointer | None:
    """Return what a candidate's keys lead to, if this process has looked it up. Makes no call."""
    keys = (*candidate.keys, candidate.release_key)
    return _best(candidate, known_pointers(project_id, keys))


def known_pointers(project_id: str, keys: Iterable[str]) -> dict[str, Pointer]:
    """Return what keys lead to, of those that this process has just looked up. Makes no call."""
    known = {key: _pointers.get((project_id, key)) for key in keys}
    return {key: each.pointer for key, each in known.items() if each and each.pointer}


def head(project_id: str, map_id: str) -> CompiledMap | None:
    """Return the header of a compiled map, None if the map is deleted."""
    return _head((project_id, map_id))[0]


def clear_cache() -> None:
    """Clear what this process has cached of compiled maps."""
    _pointers.clear()
    _heads.clear()
    _originals.clear()
