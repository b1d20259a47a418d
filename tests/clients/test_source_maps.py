"""Compiled real maps give the same positions as another implementation does."""

import json
import subprocess
import sys
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from errata.sourcemaps import compiled
from errata.sourcemaps.compile import compile_map
from errata.sourcemaps.mappings import _numbers, decoded
from errata.sourcemaps.parse import SourceMap, parse_map
from tests.support.programs import PATIENCE_S, SDKS
from tests.support.source_maps import vlq
from tests.support.template import ROOT, of_type

# Of esbuild, terser, uglify-js, rollup, webpack, tsc and others: minified, bundled and neither.
MAPS = (
    "glob/dist/commonjs/index.min.js.map",
    "glob/dist/esm/index.min.js.map",
    "raven-js/dist/raven.min.js.map",
    "raven-js/dist/vue/raven.min.js.map",
    "@sentry/conventions/dist/search.mjs.map",
    "@sentry/replay-canvas/build/npm/cjs/index.js.map",
    "@sentry/feedback/build/npm/esm/index.js.map",
    "@sentry/opentelemetry/build/cjs/index.js.map",
    "minimatch/dist/commonjs/index.js.map",
    "path-scurry/dist/esm/index.js.map",
)
# Positions of a map that are compared: all segments of most maps, and what is between them.
MOST = 40_000


@pytest.fixture(autouse=True)
def settings_of_the_stack() -> None:
    """Start no stack: these tests need none."""


@pytest.fixture(autouse=True)
def unpacked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unpack each block once, and not for each of its positions."""
    monkeypatch.setattr(compiled, "unpacked", lru_cache(maxsize=8)(compiled.unpacked))


type Found = tuple[int, int, int, str] | None


def positions(source_map: SourceMap) -> list[tuple[int, int]]:
    """Each segment, the column after it, and the columns before and after a line."""
    found = []
    for section in source_map.sections:
        for line, part in decoded(section):
            columns = [segment[0] for segment in part]
            found += [(line, max(0, columns[0] - 1)), (line, columns[-1] + 1_000)]
            found += [(line, column) for column in columns]
            found += [(line, (here + then) // 2) for here, then in pairwise(columns)]
    step = len(found) // MOST + 1
    return sorted(found[::step])


def by_errata(content: bytes, asked: list[tuple[int, int]]) -> list[Found]:
    head = compiled.read_head(content)
    found: list[Found] = []
    for line, column in asked:
        block = head.block(line, column)
        if block is None:
            found.append(None)
            continue
        at = head.blocks[block]
        each = compiled.look_up(content[at.start : at.end], line, column)
        found.append(each and (each.source, each.line, each.column, each.name))
    return found


def by_other_library(path: str, asked: list[tuple[int, int]]) -> list[Any]:
    given = json.dumps({"map": path, "positions": asked})
    ended = subprocess.run(
        ["node", "node/trace.mjs"],
        cwd=SDKS,
        input=given,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )
    found: list[Any] = json.loads(ended.stdout)
    return [each and tuple(each) for each in found]


@pytest.mark.parametrize("name", MAPS)
def test_a_compiled_map_gives_the_same_positions_as_another_library(name: str) -> None:
    path = SDKS / "node_modules" / name
    source_map = parse_map(path.read_bytes())
    asked = positions(source_map)
    assert len(asked) > 1_000
    content = compile_map(source_map).content
    assert by_errata(content, asked) == by_other_library(str(path), asked)


LARGE = 22_000_000
# Lambda needs twice the processor time of the machine that measures (decision 65).
SLOWER = 2
# Compiles a map (path) to a file (path) with no more memory than given (bytes). Prints seconds of
# the processor, and the most memory that it has had, in bytes.
COMPILE = """
import resource, sys, time
from pathlib import Path
from errata.sourcemaps.compile import compile_map
from errata.sourcemaps.parse import parse_map
from functions.compile_maps.function_names import find_functions

resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[3]),) * 2)
content = Path(sys.argv[1]).read_bytes()
Path(sys.argv[2]).write_bytes(compile_map(parse_map(content), find_functions).content)
print(time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def join_maps(most: int) -> bytes:
    """Join real maps into one of about `most` bytes, as of a minified file, which has one line."""
    sources: list[str] = []
    contents: list[str | None] = []
    names: list[str] = []
    mappings: list[str] = []
    state = [0, 0, 0, 0]  # source, line, column, name
    left = most
    for path in sorted((SDKS / "node_modules").rglob("*.map"), key=lambda each: str(each)):
        found = json.loads(path.read_bytes())
        if left <= 0:
            break
        if "sections" in found or not found.get("sourcesContent") or not found["mappings"]:
            continue
        left -= path.stat().st_size
        begin = [len(sources), 0, 0, len(names)]
        reset = [after - before for after, before in zip(begin, state, strict=True)]
        mappings.append("".join(map(vlq, [1, *reset])))
        mappings += [each for each in found["mappings"].replace(";", ",").split(",") if each]
        sources += [f"{path.parent.name}/{each}" for each in found["sources"]]
        contents += found["sourcesContent"]
        names += found["names"] or [""]
        state = after_all(found["mappings"], begin)
    of = {"sources": sources, "sourcesContent": contents, "names": names}
    return json.dumps({"version": 3, **of, "mappings": ",".join(mappings)}).encode()


def after_all(mappings: str, state: list[int]) -> list[int]:
    """Return the state after these mappings."""
    state = list(state)
    for text in mappings.replace(";", ",").split(","):
        for at, number in enumerate(_numbers(text)[1:] if text else ()):
            state[at] += number
    return state


def test_a_map_of_22_mb_is_compiled_within_the_memory_and_the_time_of_the_function(
    tmp_path: Path,
) -> None:
    map_, compiled_map = tmp_path / "app.js.map", tmp_path / "compiled"
    map_.write_bytes(join_maps(LARGE))
    assert map_.stat().st_size > LARGE
    function = of_type("AWS::Lambda::Function", "SourceMaps")["CompileMapsFunction"]
    memory = function["MemorySize"] << 20
    command = [sys.executable, "-c", COMPILE, str(map_), str(compiled_map), str(memory)]
    ended = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=True
    )
    seconds, peak = map(float, ended.stdout.split())
    assert seconds * SLOWER < function["Timeout"] / 5
    assert peak < memory / 2
    asked = positions(parse_map(map_.read_bytes()))
    assert len(asked) > MOST / 2
    assert by_errata(compiled_map.read_bytes(), asked) == by_other_library(str(map_), asked)
