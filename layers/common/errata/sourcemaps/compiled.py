"""The file of a compiled map: its parts, how they are packed, and what it says of a position.

    magic, size of the header, size of the directory
    header      where each block of segments begins in the generated file, and its size
    directory   the original files: paths, and the size of each part of their texts
    blocks      512 segments each, with the paths, functions and names that they use
    texts       the original files, in parts of about 64 KB

All parts but the first are zlib-compressed. A reader needs the header and the directory once; then
a look-up reads one block, and the lines around it one part of a text.
"""

import json
import struct
import zlib
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NamedTuple

from errata.errors import SourceMapError

# The number is the version of the format. A reader refuses another one.
MAGIC = b"EMAP0001"
PREFIX = struct.Struct(">8sII")
SEGMENTS = 512
TEXT_BYTES = 64 * 1024
# A part of a compiled map has at most this size when it is unpacked: an original file may be one
# line, and a header have a checkpoint for each of many lines.
_MAX_UNPACKED = 64 * 1024 * 1024


class Range(NamedTuple):
    """Bytes of a file, from `start` to `end` (exclusive)."""

    start: int
    end: int


class Original(NamedTuple):
    """Where generated code is from.

    Attributes:
        source: the number of the original file.
        path: of the original file, as in the map.
        line, column: in it, from 0.
        function: the function around it, "" if unknown.
        name: what the code is called in the original, "" if the map does not say.
    """

    source: int
    path: str
    line: int
    column: int
    function: str
    name: str


@dataclass(frozen=True, slots=True)
class CompiledMap:
    """The header and the directory of a compiled map.

    Attributes:
        starts: line and column of the first segment of each block.
        blocks: where each block is in the file.
        paths: of the original files.
        texts: of each original file, the first line of each part of its text, and where it is.
    """

    starts: list[tuple[int, int]]
    blocks: list[Range]
    paths: list[str]
    texts: list[list[tuple[int, Range]]]

    def block(self, line: int, column: int) -> int | None:
        """Return the number of the block that a position of the generated file is in, from 0."""
        found = bisect_right(self.starts, (line, column)) - 1
        return found if found >= 0 else None

    def part_of_text(self, source: int, line: int) -> tuple[int, Range] | None:
        """Return the part of a text that has a line: its first line, and where it is."""
        parts = self.texts[source] if 0 <= source < len(self.texts) else []
        found = bisect_right(parts, line, key=lambda part: part[0]) - 1
        return parts[found] if found >= 0 else None


def head_size(start: bytes) -> int:
    """Return how many bytes of a compiled map have its header and directory.

    Raises:
        SourceMapError: it is no compiled map of this format.
    """
    if len(start) < PREFIX.size or start[: len(MAGIC)] != MAGIC:
        raise SourceMapError("The compiled map has another format.")
    _, header, directory = PREFIX.unpack_from(start)
    return int(PREFIX.size + header + directory)


def read_head(start: bytes) -> CompiledMap:
    """Return the header and directory of the compiled map that starts with these bytes."""
    end = head_size(start)
    _, header_size, _ = PREFIX.unpack_from(start)
    header = unpacked(start[PREFIX.size : PREFIX.size + header_size])
    directory = unpacked(start[PREFIX.size + header_size : end])
    lines = accumulate(header["lines"])
    blocks = _ranges(end, header["sizes"])
    at = blocks[-1].end if blocks else end
    texts = []
    for parts in directory["texts"]:
        ranges = _ranges(at, [size for _, size in parts])
        at = ranges[-1].end if ranges else at
        texts.append([(first, each) for (first, _), each in zip(parts, ranges, strict=True)])
    starts = list(zip(lines, header["columns"], strict=True))
    return CompiledMap(starts, blocks, directory["paths"], texts)


def _ranges(start: int, sizes: Iterable[int]) -> list[Range]:
    found = []
    for size in sizes:
        found.append(Range(start, start + size))
        start += size
    return found


def look_up(block: bytes, line: int, column: int) -> Original | None:
    """Return where a position of the generated file is from, None if the map does not say.

    This is the segment at the position, or else the last one before it in the same line. `block` is
    the packed block that the position is in.
    """
    found = unpacked(block)
    lines = list(accumulate(found["lines"]))
    columns = found["columns"]
    positions = list(zip(lines, columns, strict=True))
    number = bisect_right(positions, (line, column)) - 1
    # Of segments at the very position, the first one counts, as in other implementations.
    while number > 0 and positions[number - 1] == (line, column):
        number -= 1
    if number < 0 or lines[number] != line or found["sources"][number] < 0:
        return None
    source, path = found["paths"][found["sources"][number]]
    function, name = found["functions"][number], found["names"][number]
    return Original(
        source,
        path,
        found["at_lines"][number],
        found["at_columns"][number],
        found["words"][function] if function >= 0 else "",
        found["words"][name] if name >= 0 else "",
    )


def packed(value: Any) -> bytes:
    """Return a part of a compiled map as bytes."""
    return zlib.compress(json.dumps(value, separators=(",", ":")).encode(), 6)


def unpacked(part: bytes) -> Any:
    """Return a part of a compiled map.

    Raises:
        SourceMapError: the bytes are not what `packed` has returned.
    """
    try:
        return json.loads(unpacked_text(part))
    except ValueError as error:
        raise SourceMapError("The compiled map cannot be read.") from error


def unpacked_text(part: bytes) -> str:
    """Return a part of an original file.

    Raises:
        SourceMapError: the bytes are damaged.
    """
    unpacker = zlib.decompressobj()
    try:
        content = unpacker.decompress(part, _MAX_UNPACKED)
    except zlib.error as error:
        raise SourceMapError("The compiled map cannot be read.") from error
    if not unpacker.eof:
        raise SourceMapError("The compiled map is cut short.")
    return content.decode("utf-8", "surrogatepass")
