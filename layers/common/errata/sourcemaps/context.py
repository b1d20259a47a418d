"""The lines of an original file around a position."""

from errata.models.event import Fields
from errata.sourcemaps.compiled import unpacked_text

# As many lines as SDKs send.
_AROUND = 5
_MAX_LINE = 300


def context_lines(part: bytes, first: int, line: int, column: int) -> Fields | None:
    """Return the lines around a position, in the fields of a frame. None if there is no such line.

    `part` is the packed part of the text that has the line; `first` is its first line. `line` and
    `column` count from 0. Lines beyond the part are left out.

    Raises:
        SourceMapError: the compiled map is damaged.
    """
    lines = unpacked_text(part).split("\n")
    at = line - first
    if not 0 <= at < len(lines) or (at == len(lines) - 1 and not lines[at]):
        return None
    before, after = lines[max(0, at - _AROUND) : at], lines[at + 1 : at + 1 + _AROUND]
    if after and not lines[-1] and at + 1 + _AROUND >= len(lines):
        after.pop()  # what follows the last line break
    return {
        "pre_context": [_cut(each) for each in before],
        "context_line": _cut(lines[at], column),
        "post_context": [_cut(each) for each in after],
    }


def _cut(line: str, column: int = 0) -> str:
    """Return a line, or the part of a long one around a column."""
    line = line.rstrip("\r")
    if len(line) <= _MAX_LINE:
        return line
    start = min(max(0, column - _MAX_LINE // 3), len(line) - _MAX_LINE)
    end = start + _MAX_LINE
    return f"{'…' if start else ''}{line[start:end]}{'…' if end < len(line) else ''}"
