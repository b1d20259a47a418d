"""Make source maps, for tests."""

import json
from collections.abc import Iterable
from typing import Any

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

# Line and column of the generated file, then source, line and column of the original, and a name.
type Mapping = tuple[int, ...]


def vlq(number: int) -> str:
    """Return a number as Base64 VLQ."""
    rest = (-number << 1) | 1 if number < 0 else number << 1
    text = ""
    while True:
        rest, digit = rest >> 5, rest & 31
        text += _ALPHABET[digit | (32 if rest else 0)]
        if not rest:
            return text


def mappings(of: Iterable[Mapping]) -> str:
    """Return the mappings of a map. Those of a line come in the given order."""
    lines: dict[int, list[str]] = {}
    before = [0, 0, 0, 0]
    columns: dict[int, int] = {}
    for line, column, *rest in sorted(of, key=lambda each: each[0]):
        numbers = [column - columns.get(line, 0)]
        numbers += [new - old for new, old in zip(rest, before, strict=False)]
        before[: len(rest)] = rest
        columns[line] = column
        lines.setdefault(line, []).append("".join(map(vlq, numbers)))
    last = max(lines, default=-1)
    return ";".join(",".join(lines.get(line, [])) for line in range(last + 1))


def source_map(of: Iterable[Mapping], sources: dict[str, str | None], **more: Any) -> bytes:
    """Return a source map as JSON."""
    return json.dumps(
        {
            "version": 3,
            "sources": list(sources),
            "sourcesContent": list(sources.values()),
            "names": ["one", "two"],
            "mappings": mappings(of),
            **more,
        }
    ).encode()
