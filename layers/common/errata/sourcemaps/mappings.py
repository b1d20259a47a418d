"""Decode the mappings of a source map: Base64 VLQ numbers, as differences.

Source: ECMA-426, "Mappings structure" and "Decode a base64 VLQ".
"""

import re
from collections.abc import Iterator

from errata.errors import SourceMapError
from errata.sourcemaps.parse import MAX_NUMBER, Section

# Column, source, original line, original column, name: all from 0. Source and name are -1 if the
# segment has none.
type Segment = tuple[int, int, int, int, int]

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_DIGITS = {character: number for number, character in enumerate(_ALPHABET)}
_MORE = 32
# A 32-bit number has seven digits of five bits.
_MAX_SHIFT = 30
# A segment whose column is lower than that of the segment before. Its first digit is odd.
_BACKWARDS = re.compile(r"(?:^|,)[BDFHJLNPRTVXZbdfhjlnprtvxz13579/]")
# How much text of a line is decoded at once. A minified file is one line.
_PART = 64 * 1024
# Segments repeat: most differences are small.
_MAX_KNOWN = 100_000
# A line out of order is sorted in memory. No bundler writes such lines; tools that merge maps may.
_MAX_SORTED_BYTES = 4 * 1024 * 1024


def decoded(section: Section) -> Iterator[tuple[int, list[Segment]]]:
    """Yield the lines of the generated file that have segments, in parts, in order.

    A line of many segments has several parts. The segments of a line are in order of their columns.

    Raises:
        SourceMapError: the mappings are not valid.
    """
    text, start, line = section.mappings, 0, section.line
    state = [0, 0, 0, 0]  # source, original line, original column, name
    known: dict[str, tuple[int, ...]] = {}
    while start <= len(text):
        end = text.find(";", start)
        end = len(text) if end < 0 else end
        if end > start:
            first_column = section.column if line == section.line else 0
            parts = _parts(text, start, end)
            found = _decoded_line(parts, first_column, section, state, known)
            if _BACKWARDS.search(text, start, end):
                if end - start > _MAX_SORTED_BYTES:
                    raise SourceMapError("A long line of its mappings is not in order.")
                whole = [segment for part in found for segment in part]
                found = iter([sorted(whole, key=_column)])
            for part in found:
                yield line, part
        start, line = end + 1, line + 1


def _column(segment: Segment) -> int:
    return segment[0]


def _parts(text: str, start: int, end: int) -> Iterator[str]:
    """Yield the text of a line in parts that end with a whole segment."""
    while start < end:
        stop = end if end - start <= _PART else text.rfind(",", start, start + _PART)
        if stop < 0:
            raise SourceMapError("A segment of its mappings is too long.")
        yield text[start:stop]
        start = stop + 1


def _decoded_line(
    parts: Iterator[str],
    column: int,
    section: Section,
    state: list[int],
    known: dict[str, tuple[int, ...]],
) -> Iterator[list[Segment]]:
    """Yield the segments of a line in parts. Updates `state` for the next line."""
    sources, names = len(section.sources), len(section.names)
    source, line, at_column, name = state
    for part in parts:
        found: list[Segment] = []
        for text in part.split(","):
            fields = known.get(text)
            if fields is None:
                if not text:
                    continue
                fields = _numbers(text)
                if len(known) < _MAX_KNOWN:
                    known[text] = fields
            column += fields[0]
            named = -1
            if len(fields) == 1:
                found.append((column, -1, 0, 0, -1))
            else:
                source += fields[1]
                line += fields[2]
                at_column += fields[3]
                if len(fields) == 5:
                    name += fields[4]
                    named = name if 0 <= name < names else -1
                found.append((column, source, line, at_column, named))
            if not (
                0 <= column <= MAX_NUMBER
                and 0 <= line <= MAX_NUMBER
                and 0 <= at_column <= MAX_NUMBER
                and (0 <= source < sources or len(fields) == 1)
            ):
                raise SourceMapError("Its mappings lead to a line, column or source that is not.")
        state[:] = source, line, at_column, name
        if found:
            yield found


def _numbers(text: str) -> tuple[int, ...]:
    """Return the one, four or five numbers of a segment."""
    numbers = []
    number = shift = 0
    for character in text:
        digit = _DIGITS.get(character)
        if digit is None or shift > _MAX_SHIFT:
            raise SourceMapError("Its mappings have an invalid character or number.")
        number |= (digit & ~_MORE) << shift
        if digit & _MORE:
            shift += 5
            continue
        numbers.append(-(number >> 1) if number & 1 else number >> 1)
        number = shift = 0
    if shift or len(numbers) not in (1, 4, 5):
        raise SourceMapError("A segment of its mappings does not have one, four or five numbers.")
    return tuple(numbers)
