"""A compiled map gives the same original positions as its source map."""

import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.errors import SourceMapError
from errata.sourcemaps import compiled
from errata.sourcemaps.compile import FunctionStart, compile_map
from errata.sourcemaps.compiled import Original
from errata.sourcemaps.context import context_lines
from errata.sourcemaps.parse import MAX_MAP_BYTES, parse_map
from tests.support import fuzz
from tests.support.source_maps import Mapping, source_map

# Twice 512 segments and more: a map with several blocks.
MANY: list[Mapping] = [(0, 2 * at, 0, at, 3, at % 2) for at in range(1_300)]
SOURCES: dict[str, str | None] = {"src/a.ts": "first\nsecond\nthird\n", "src/b.ts": None}


def look_up(content: bytes, line: int, column: int) -> Original | None:
    head = compiled.read_head(content)
    block = head.block(line, column)
    if block is None:
        return None
    at = head.blocks[block]
    return compiled.look_up(content[at.start : at.end], line, column)


def expected(of: list[Mapping], line: int, column: int) -> tuple[Any, ...] | None:
    """Return the mapping at a position, or else the last one before it in its line."""
    here = sorted((each for each in of if each[0] == line), key=lambda each: each[1])
    exact = [each for each in here if each[1] == column]
    before = [each for each in here if each[1] < column]
    found = exact[0] if exact else before[-1] if before else (0, 0)
    if len(found) < 5:
        return None
    return (*found[2:5], ("one", "two")[found[5]] if len(found) > 5 else "")


SEGMENT = st.tuples(st.integers(0, 3), st.integers(0, 40)).flatmap(
    lambda at: st.one_of(
        st.just(at),
        st.tuples(st.integers(0, 1), st.integers(0, 9), st.integers(0, 9)).map(lambda o: at + o),
        st.tuples(st.integers(0, 1), st.integers(0, 9), st.integers(0, 9), st.integers(0, 1)).map(
            lambda o: at + o
        ),
    )
)


@given(st.lists(SEGMENT, max_size=60), st.integers(0, 4), st.integers(0, 45))
def test_a_position_is_looked_up_as_in_the_source_map(
    of: list[Mapping], line: int, column: int
) -> None:
    content = compile_map(parse_map(source_map(of, SOURCES))).content
    found = look_up(content, line, column)
    assert (found and (found.source, found.line, found.column, found.name)) == expected(
        of, line, column
    )


@pytest.mark.parametrize("column", [0, 1, 1_022, 1_023, 1_024, 2_047, 2_048, 2_598, 9_999])
def test_a_map_of_several_blocks_is_read_block_by_block(column: int) -> None:
    content = compile_map(parse_map(source_map(MANY, SOURCES))).content
    assert len(compiled.read_head(content).blocks) == 3
    found = look_up(content, 0, column)
    assert found is not None
    at = min(column // 2, 1_299)
    assert found == Original(0, "src/a.ts", at, 3, "", ("one", "two")[at % 2])


def test_segments_of_one_position_stay_in_one_block() -> None:
    of = [(0, at, 0, at, 0) for at in range(511)] + [(0, 511, 0, at, 0) for at in range(511, 600)]
    content = compile_map(parse_map(source_map(of, SOURCES))).content
    exact, after = look_up(content, 0, 511), look_up(content, 0, 512)
    assert exact is not None
    assert after is not None
    assert (exact.line, after.line) == (511, 599)


def test_a_map_in_sections_is_read() -> None:
    def part(line: int, column: int, source: str) -> dict[str, Any]:
        inner = json.loads(source_map([(0, 4, 0, 7, 1), (1, 2, 0, 8, 0)], {source: "x"}))
        return {"offset": {"line": line, "column": column}, "map": inner}

    whole = {"version": 3, "sections": [part(0, 0, "a.ts"), part(1, 10, "b.ts")]}
    nested = {"version": 3, "sections": [{"offset": {"line": 5, "column": 0}, "map": whole}]}
    for sections, first in ((whole, 0), (nested, 5)):
        content = compile_map(parse_map(json.dumps(sections).encode())).content
        positions = ((0, 4), (1, 2), (1, 14), (2, 2))
        found = [look_up(content, first + line, column) for line, column in positions]
        assert [each and (each.source, each.path, each.line) for each in found] == [
            (0, "a.ts", 7),
            (0, "a.ts", 8),
            (1, "b.ts", 7),
            (1, "b.ts", 8),
        ]


def test_a_line_out_of_order_is_sorted() -> None:
    of = [(0, 9, 0, 1, 0), (0, 2, 0, 5, 0), (0, 4, 0, 7, 0)]
    content = compile_map(parse_map(source_map(of, SOURCES))).content
    assert [found and found.line for found in (look_up(content, 0, at) for at in (1, 3, 5, 9))] == [
        None,
        5,
        7,
        1,
    ]


def test_the_function_around_a_position_is_found() -> None:
    starts = [FunctionStart(1, 2, "Cart.add"), FunctionStart(1, 8, "<anonymous>")]
    starts += [FunctionStart(2, 0, "Cart.add"), FunctionStart(3, 0, "")]
    of = [
        (0, at, 0, *position)
        for at, position in enumerate([(0, 5), (1, 2), (1, 9), (2, 4), (3, 1)])
    ]
    content = compile_map(parse_map(source_map(of, SOURCES)), lambda _path, _text: starts).content
    found = [look_up(content, 0, column) for column in range(5)]
    assert [each and each.function for each in found] == [
        "",
        "Cart.add",
        "<anonymous>",
        "Cart.add",
        "",
    ]


def test_the_lines_around_a_position_are_read_from_one_part() -> None:
    text = "".join(f"line {number} {'x' * 80}\n" for number in range(3_000))
    content = compile_map(parse_map(source_map(MANY, {"a.ts": text}))).content
    head = compiled.read_head(content)
    assert len(head.texts[0]) > 2
    for line in (0, 2, 1_500, 2_998, 2_999):
        part = head.part_of_text(0, line)
        assert part is not None
        first, at = part
        around = context_lines(content[at.start : at.end], first, line, 0)
        assert around is not None
        assert around["context_line"].startswith(f"line {line} ")
    assert head.part_of_text(7, 0) is None


def test_long_lines_are_cut_around_the_column() -> None:
    part = zlib.compress(("a" * 5_000 + "HERE" + "b" * 5_000).encode())
    around = context_lines(part, 0, 0, 5_000)
    assert around is not None
    assert "HERE" in around["context_line"]
    assert len(around["context_line"]) < 400
    assert context_lines(part, 0, 1, 0) is None


def broken(**changed: Any) -> bytes:
    return json.dumps({**json.loads(source_map(MANY, SOURCES)), **changed}).encode()


# A root is written before each path: each of these has 4 MB of them.
ROOTED = {
    "offset": {"line": 0, "column": 0},
    "map": {"version": 3, "mappings": "", "sourceRoot": "r" * 999, "sources": [0] * 4_000},
}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"<!doctype html>", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "no JSON object"),
        (b" " * (MAX_MAP_BYTES + 1), "larger than 50 MB"),
        (broken(version=2), "version is 2"),
        (broken(mappings=None), "no mappings"),
        (broken(sources="a"), "no list of sources"),
        (broken(mappings="AAAA,!AAA"), "invalid character or number"),
        (broken(mappings="ggggggggggggC"), "invalid character or number"),
        (broken(mappings="AA"), "one, four or five numbers"),
        (broken(mappings="AAAg"), "one, four or five numbers"),
        (broken(mappings="D"), "lead to a line, column or source"),
        (broken(mappings="AEAA"), "lead to a line, column or source"),
        (broken(mappings="AADA"), "lead to a line, column or source"),
        (broken(mappings="+/////D,+/////D"), "lead to a line, column or source"),
        (broken(sourceRoot="r" * 999, sources=[""] * 9_000), "source root is too long"),
        (broken(sections=[ROOTED] * 3), "source root is too long"),
        (broken(sections="x"), "no list"),
        (broken(sections=[{"url": "b.map"}]), "Maps elsewhere"),
        (broken(sections=[{"offset": {"line": -1, "column": 0}, "map": {}}]), "invalid line"),
        (broken(sections=[{"offset": {"line": True, "column": 0}, "map": {}}]), "invalid line"),
    ],
)
def test_an_invalid_source_map_is_refused_with_a_reason(content: bytes, why: str) -> None:
    with pytest.raises(SourceMapError, match=why):
        compile_map(parse_map(content))


def test_sections_that_are_unordered_overlapping_or_too_deep_are_refused() -> None:
    inner = json.loads(source_map([(0, 4, 0, 7, 1), (9, 0, 0, 0, 0)], SOURCES))
    two = [{"offset": {"line": at, "column": 0}, "map": inner} for at in (5, 3)]
    with pytest.raises(SourceMapError, match="not in order"):
        parse_map(broken(sections=two))
    with pytest.raises(SourceMapError, match="overlap"):
        compile_map(parse_map(broken(sections=two[::-1])))
    for _ in range(9):
        inner = {"version": 3, "sections": [{"offset": {"line": 0, "column": 0}, "map": inner}]}
    with pytest.raises(SourceMapError, match="nested too deeply"):
        parse_map(json.dumps(inner).encode())


@fuzz.bounded(60)
@given(st.text("ABCDgh+/,;1", max_size=40), st.binary(max_size=30))
def test_any_text_is_parsed_or_refused(text: str, content: bytes) -> None:
    for each in (broken(mappings=text), content):
        try:
            found = compile_map(parse_map(each)).content
        except SourceMapError:
            continue
        assert compiled.read_head(found).paths


def test_a_long_path_and_a_long_name_are_cut() -> None:
    # Each block of a compiled map repeats the paths and the names that it needs.
    more = {"sourceRoot": "r" * 5_000, "names": ["n" * 5_000]}
    section = parse_map(source_map([(0, 0, 0, 0, 0)], {"p" * 5_000: None}, **more)).sections[0]
    assert [len(text) for text in (*section.sources, *section.names)] == [1_000, 1_000]


def test_a_damaged_compiled_map_is_refused() -> None:
    content = compile_map(parse_map(source_map(MANY, SOURCES))).content
    at = compiled.read_head(content).blocks[0]
    for damage in (b"", b"EMAP9999" + content[8:]):
        with pytest.raises(SourceMapError, match="another format"):
            compiled.read_head(damage)
    with pytest.raises(SourceMapError, match=r"cut short|cannot be read"):
        compiled.look_up(content[at.start : at.end - 5], 0, 0)
    with pytest.raises(SourceMapError, match="cannot be read"):
        compiled.look_up(zlib.compress(b"no json"), 0, 0)
