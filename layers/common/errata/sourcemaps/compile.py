"""Compile a source map to the format of `errata.sourcemaps.compiled`."""

import zlib
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import NamedTuple

from errata.errors import SourceMapError
from errata.sourcemaps.compiled import MAGIC, PREFIX, SEGMENTS, TEXT_BYTES, packed
from errata.sourcemaps.mappings import Segment, decoded
from errata.sourcemaps.parse import Section, SourceMap

# 50 MB of mappings cannot have more. Each block costs 20 bytes of the header.
_MAX_PARTS = 500_000


class FunctionStart(NamedTuple):
    """Position in an original file where the innermost function changes.

    `line` and `column` count from 0. `name` is that of the function from here on, "" if there is
    none.
    """

    line: int
    column: int
    name: str


# Returns the starts of a file (path, text), in order.
type FindFunctions = Callable[[str, str], Sequence[FunctionStart]]


class Compiled(NamedTuple):
    """A compiled map and what it has."""

    content: bytes
    sources: int
    with_text: int
    segments: int


def no_functions(_path: str, _text: str) -> Sequence[FunctionStart]:
    """Find no functions: the frames keep the names that they were sent with."""
    return ()


def compile_map(source_map: SourceMap, find_functions: FindFunctions = no_functions) -> Compiled:
    """Return a compiled map.

    Raises:
        SourceMapError: the mappings are not valid.
    """
    writer = _Writer(find_functions)
    for section in source_map.sections:
        writer.add(section)
    return writer.finished()


class _Writer:
    """Collects the blocks and the texts of a compiled map."""

    def __init__(self, find_functions: FindFunctions) -> None:
        self._find_functions = find_functions
        self._starts: list[tuple[int, int]] = []
        self._blocks: list[bytes] = []
        self._paths: list[str] = []
        self._texts: list[list[bytes]] = []
        self._first_lines: list[list[int]] = []
        self._segments = 0
        self._last = (0, -1)

    def add(self, section: Section) -> None:
        """Add a section."""
        functions = _Functions(section, self._find_functions)
        block = _Block(section, len(self._paths), functions)
        for path, text in zip(section.sources, section.contents, strict=True):
            self._paths.append(path)
            self._add_text(text)
        before = self._last
        for line, part in decoded(section):
            self._segments += len(part)
            for segment in part:
                at = (line, segment[0])
                if at < before:
                    raise SourceMapError("Its sections overlap.")
                # Segments of one position stay in one block: a look-up reads only one. Of several,
                # the first and the last one count.
                if at == before:
                    block.add_again(line, segment)
                else:
                    if len(block) >= SEGMENTS:
                        self._flush(block)
                    block.add(line, segment)
                before = at
        self._last = before
        self._flush(block)

    def _flush(self, block: "_Block") -> None:
        if not len(block):
            return
        if len(self._blocks) == _MAX_PARTS:
            raise SourceMapError("It has too many mappings.")
        self._starts.append(block.start())
        self._blocks.append(block.packed())
        block.clear()

    def _add_text(self, text: str | None) -> None:
        parts, lines = [], []
        first = start = 0
        while text is not None and start < len(text):
            end = start + TEXT_BYTES
            end = len(text) if end >= len(text) else text.find("\n", end) + 1 or len(text)
            part = text[start:end]
            lines.append(first)
            parts.append(zlib.compress(part.encode("utf-8", "surrogatepass"), 6))
            first += part.count("\n")
            start = end
        self._texts.append(parts)
        self._first_lines.append(lines)

    def finished(self) -> Compiled:
        """Return the compiled map."""
        lines = [line for line, _ in self._starts]
        header = packed(
            {
                "lines": _differences(lines),
                "columns": [column for _, column in self._starts],
                "sizes": [len(block) for block in self._blocks],
            }
        )
        pairs = [
            [(first, len(part)) for first, part in zip(firsts, parts, strict=True)]
            for firsts, parts in zip(self._first_lines, self._texts, strict=True)
        ]
        directory = packed({"paths": self._paths, "texts": pairs})
        prefix = PREFIX.pack(MAGIC, len(header), len(directory))
        texts = [part for parts in self._texts for part in parts]
        return Compiled(
            b"".join([prefix, header, directory, *self._blocks, *texts]),
            len(self._paths),
            sum(bool(parts) for parts in self._texts),
            self._segments,
        )


class _Block:
    """Segments of one section, up to the next block."""

    def __init__(self, section: Section, first_source: int, functions: "_Functions") -> None:
        self._section, self._functions = section, functions
        self._first_source = first_source
        self._lines: list[int] = []
        self._segments: list[Segment] = []

    def __len__(self) -> int:
        return len(self._segments)

    def start(self) -> tuple[int, int]:
        return self._lines[0], self._segments[0][0]

    def add(self, line: int, segment: Segment) -> None:
        self._lines.append(line)
        self._segments.append(segment)

    def add_again(self, line: int, segment: Segment) -> None:
        """Add a segment at the position of the one before. Keeps the first and the last of them."""
        at = (line, segment[0])
        last = len(self._segments) - 1
        if last > 0 and (self._lines[last - 1], self._segments[last - 1][0]) == at:
            self._segments[last] = segment
        else:
            self.add(line, segment)

    def clear(self) -> None:
        self._lines, self._segments = [], []

    def packed(self) -> bytes:
        paths: dict[int, int] = {}  # number of the source → its number in the block
        words: dict[str, int] = {}
        sources, functions, names = [], [], []
        for _, source, line, column, name in self._segments:
            if source < 0:
                sources.append(-1)
                functions.append(-1)
                names.append(-1)
                continue
            sources.append(paths.setdefault(source, len(paths)))
            function = self._functions.at(source, line, column)
            functions.append(words.setdefault(function, len(words)) if function else -1)
            word = self._section.names[name] if name >= 0 else ""
            names.append(words.setdefault(word, len(words)) if word else -1)
        return packed(
            {
                "lines": _differences(self._lines),
                "columns": [segment[0] for segment in self._segments],
                "sources": sources,
                "at_lines": [segment[2] for segment in self._segments],
                "at_columns": [segment[3] for segment in self._segments],
                "functions": functions,
                "names": names,
                "paths": [
                    (self._first_source + source, self._section.sources[source]) for source in paths
                ],
                "words": list(words),
            }
        )


class _Functions:
    """The function around each position of the original files of a section."""

    def __init__(self, section: Section, find: FindFunctions) -> None:
        self._starts = [
            find(path, text) if text is not None else ()
            for path, text in zip(section.sources, section.contents, strict=True)
        ]
        # The range in which the last result holds: most neighbouring segments have one function.
        self._source = -1
        self._from = self._until = (0, 0)
        self._name = ""

    def at(self, source: int, line: int, column: int) -> str:
        """Return the function around a position, "" if there is none."""
        at = (line, column)
        if source == self._source and self._from <= at < self._until:
            return self._name
        starts = self._starts[source]
        found = bisect_right(starts, at, key=lambda start: (start.line, start.column)) - 1
        self._source = source
        self._from = starts[found][:2] if found >= 0 else (0, 0)
        self._until = starts[found + 1][:2] if found + 1 < len(starts) else (2**31, 0)
        self._name = starts[found].name if found >= 0 else ""
        return self._name


def _differences(numbers: list[int]) -> list[int]:
    return [number - before for number, before in zip(numbers, [0, *numbers], strict=False)]
