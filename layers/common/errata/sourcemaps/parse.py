"""Read the JSON of a source map.

Source: ECMA-426, "Source Map Format". Version 3, whole or in sections. Whatever is wrong with a map
raises a `SourceMapError`, whose text is for the people who have uploaded it.
"""

from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json

from errata.errors import SourceMapError

MAX_MAP_BYTES = 50 * 1024 * 1024
# Bundlers write a section for each module, at most.
_MAX_SECTIONS = 100_000
_MAX_DEPTH = 5
MAX_NUMBER = 2**31 - 1
# Characters of a path or a name that are kept. Each block of a compiled map repeats those it needs.
_MAX_TEXT = 1_000
# Characters of all paths together that come from source roots: a root is written before each path
# of its section, so one of a thousand characters would make gigabytes of a megabyte.
_MAX_ROOTS = 8 * 1024 * 1024
# ECMA-426, 10.1: such a line protects JSON from being run as a script.
_GUARD = b")]}'"


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a source map. It begins at a line and column of the generated file, from 0.

    Attributes:
        sources: the paths of the original files, with the map's source root.
        contents: the texts of the original files, None where the map has none.
        names: what mappings refer to as names.
        mappings: the text of the mappings.
    """

    line: int
    column: int
    sources: tuple[str, ...]
    contents: tuple[str | None, ...]
    names: tuple[str, ...]
    mappings: str


@dataclass(frozen=True, slots=True)
class SourceMap:
    """A source map. `debug_id` and `file` are "" if it has none."""

    debug_id: str
    file: str
    sections: tuple[Section, ...]


@dataclass(slots=True)
class _Collected:
    """The sections so far, and how many characters source roots may still add."""

    sections: list[Section] = field(default_factory=list)
    roots_left: int = _MAX_ROOTS


def parse_map(content: bytes) -> SourceMap:
    """Return the source map in a file.

    Raises:
        SourceMapError: it is no source map of version 3, or is larger than `MAX_MAP_BYTES`.
    """
    if len(content) > MAX_MAP_BYTES:
        raise SourceMapError(f"The source map is larger than {MAX_MAP_BYTES >> 20} MB.")
    content = content.removeprefix(b"\xef\xbb\xbf")
    if content.startswith(_GUARD):
        content = content.partition(b"\n")[2]
    try:
        root = from_json(content)
    except ValueError:
        raise SourceMapError("The file is not JSON, so it is no source map.") from None
    if not isinstance(root, dict):
        raise SourceMapError("The file is no JSON object, so it is no source map.")
    found = _Collected()
    _collect(root, 0, 0, 0, found)
    debug_id = root.get("debugId") or root.get("debug_id")
    return SourceMap(_text(debug_id), _text(root.get("file")), tuple(found.sections))


def _collect(map_: dict[str, Any], line: int, column: int, depth: int, into: _Collected) -> None:
    """Append the sections of a map that begins at a line and column."""
    if map_.get("version") != 3:
        raise SourceMapError(f"Its version is {str(map_.get('version'))[:20]}; Errata reads 3.")
    parts = map_.get("sections")
    if parts is None:
        into.sections.append(_section(map_, line, column, into))
        return
    if not isinstance(parts, list) or depth == _MAX_DEPTH:
        raise SourceMapError("Its sections are no list, or are nested too deeply.")
    before = (0, 0)
    for part in parts:
        if len(into.sections) == _MAX_SECTIONS:
            raise SourceMapError(f"It has more than {_MAX_SECTIONS} sections.")
        offset = part.get("offset") if isinstance(part, dict) else None
        inner = part.get("map") if isinstance(part, dict) else None
        if not isinstance(offset, dict) or not isinstance(inner, dict):
            raise SourceMapError("A section has no offset, or no map. Maps elsewhere are not read.")
        start = (_number(offset.get("line")), _number(offset.get("column")))
        if start < before:
            raise SourceMapError("Its sections are not in order.")
        before = start
        # ECMA-426: the offset's column counts only in the first line of a section.
        at_column = start[1] + (column if start[0] == 0 else 0)
        _collect(inner, _number(line + start[0]), _number(at_column), depth + 1, into)


def _section(map_: dict[str, Any], line: int, column: int, into: _Collected) -> Section:
    mappings = map_.get("mappings")
    sources, contents, names = (map_.get(key) for key in ("sources", "sourcesContent", "names"))
    if not isinstance(mappings, str):
        raise SourceMapError("It has no mappings.")
    if not isinstance(sources, list):
        raise SourceMapError("It has no list of sources.")
    root = _text(map_.get("sourceRoot"))[:_MAX_TEXT]
    root = f"{root.rstrip('/')}/" if root else ""
    into.roots_left -= len(root) * len(sources)
    if into.roots_left < 0:
        raise SourceMapError("Its source root is too long for so many sources.")
    texts = contents if isinstance(contents, list) else []
    return Section(
        line,
        column,
        tuple((root + _text(source))[:_MAX_TEXT] for source in sources),
        tuple(each if isinstance(each, str) else None for each in texts[: len(sources)])
        + (None,) * (len(sources) - len(texts)),
        tuple((each if isinstance(each, str) else str(each))[:_MAX_TEXT] for each in names)
        if isinstance(names, list)
        else (),
        mappings,
    )


def _number(value: object) -> int:
    if type(value) is not int or not 0 <= value <= MAX_NUMBER:
        raise SourceMapError("A section begins at an invalid line or column.")
    return value


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
