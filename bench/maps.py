"""Measure source maps: what they cost the events of a project that has some, and of one without.

The generated file is one line. Its original files are the dashboard's own scripts, many times.
"""

import dis
import hashlib
import inspect
import io
import json
import re
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from statistics import median
from typing import Any
from unittest.mock import patch

from botocore.client import BaseClient

from bench import bill, prices, seed
from bench.artifact import ROOT
from bench.bill import Dollars
from bench.corpus import encode
from bench.per_event import listed
from bench.process import EVENTS, Spent, Worker
from bench.report import Yardstick, at_most
from bench.sdk import of_new_issue, sdk_post
from bench.server import AwsCall, RecordingServer
from bench.small_sdk import SIZE, small_events
from bench.stage import Stage
from bench.template import tables
from bench.traffic import url_event
from bench.write_units import item_size, put_units
from errata.config import settings
from errata.models.artifact import UNUSED_KEPT_MS, Artifact, debug_key
from errata.models.ids import DAY_MS, now_ms
from errata.sourcemaps.compile import Compiled, compile_map
from errata.sourcemaps.mappings import Segment
from errata.sourcemaps.parse import parse_map
from errata.store import clients
from errata.usecases import compile_maps, sourcemaps
from errata.usecases.sentry import SdkSubmission
from functions.compile_maps.function_names import find_functions

URL = "https://shop.example.com/assets/app-4f2a81c0.js"
DEBUG_ID = "8f1c0d6e-2a3b-4c5d-8e9f-0a1b2c3d4e5f"
PLAIN_ID = DEBUG_ID.replace("-", "")
MAP_BYTES = 1_000_000
_MAP_ID = "0" * 32
_FRAMES = 8
_SCRIPTS = ("dashboard.js", "keys.js", "search.js")
_TOKEN = re.compile(r"[A-Za-z_$][\w$]*|[^\sA-Za-z_$]")
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_FUNCTION, _FOLDER = "SentryIngestFunction", "sentry_ingest"


# ------------------------------------------------------------------ a map and events


@cache
def a_map() -> bytes:
    """Return a source map of about `MAP_BYTES`."""
    texts = [(ROOT / "functions/dashboard/static" / name).read_text() for name in _SCRIPTS]
    paths: list[str] = []
    contents: list[str] = []
    names: dict[str, int] = {}
    mappings: list[str] = []
    before, size = (-1, 0, 0, 0, 0), 0
    while size < MAP_BYTES:
        text = texts[len(paths) % len(texts)]
        for segment in _segments(text, len(paths), before[0] + 1, names):
            numbers = segment if segment[4] >= 0 else segment[:4]
            first = (0, 0, 0, 0, 0) if not mappings else before
            mappings.append("".join(_vlq(n - was) for n, was in zip(numbers, first, strict=False)))
            before = segment if segment[4] >= 0 else (*segment[:4], before[4])
            size += len(mappings[-1]) + 1
        paths.append(f"webpack://shop/./src/part{len(paths)}/{_SCRIPTS[len(paths) % 3]}")
        contents.append(text)
        size += len(text)
    map_ = {"version": 3, "debugId": DEBUG_ID, "sources": paths, "sourcesContent": contents}
    return json.dumps({**map_, "names": list(names), "mappings": ",".join(mappings)}).encode()


def _segments(text: str, source: int, column: int, names: dict[str, int]) -> Iterator[Segment]:
    """Yield a segment for each token of a text, in a file without spaces."""
    for number, line in enumerate(text.split("\n")):
        for token in _TOKEN.finditer(line):
            word = token[0]
            named = names.setdefault(word, len(names)) if word[0].isalpha() else -1
            yield column, source, number, token.start(), named
            column += len(word)


def _vlq(number: int) -> str:
    rest = (-number << 1) | 1 if number < 0 else number << 1
    text = ""
    while True:
        rest, digit = rest >> 5, rest & 31
        text += _ALPHABET[digit | (32 if rest else 0)]
        if not rest:
            return text


@cache
def compiled() -> Compiled:
    """Return the compiled map."""
    return compile_map(parse_map(a_map()), find_functions)


def compile_s() -> float:
    """Return the CPU seconds that it takes to compile the map."""
    started = time.process_time()
    compile_map(parse_map(a_map()), find_functions)
    return time.process_time() - started


@cache
def events() -> list[dict[str, Any]]:
    """Return events of 4 KB of minified code, each of another place in it."""
    return [_minified(event, number) for number, event in enumerate(small_events())]


def _minified(event: dict[str, Any], number: int) -> dict[str, Any]:
    event = json.loads(json.dumps(event))
    event |= {"platform": "javascript", "exception": {"values": event["exception"]["values"][-1:]}}
    (thrown,) = event["exception"]["values"]
    thrown["stacktrace"] = {"frames": [_frame(1 + number * _FRAMES + n) for n in range(_FRAMES)]}
    images = [{"type": "sourcemap", "code_file": URL, "debug_id": DEBUG_ID}]
    event["debug_meta"] = {"images": images}
    breadcrumbs = event["breadcrumbs"]["values"]
    while len(encode(event)) > SIZE:
        del breadcrumbs[0]
    return event


def _frame(number: int) -> dict[str, Any]:
    at = {"lineno": 1, "colno": 2_000 * number}
    return {"filename": URL, "abs_path": URL, "function": f"t{number}", "in_app": True, **at}


# ------------------------------------------------------------------ the endpoint


type PostEvents = Callable[[list[dict[str, Any]]], Spent]


@contextmanager
def endpoint() -> Iterator[tuple[PostEvents, Worker]]:
    """Yield a new execution environment of the SDK endpoint, for a project that has the map.

    The function posts events to it. The worker is the environment itself.
    """
    now, found = now_ms(), compiled()
    artifact = Artifact(
        project_id="",
        id=_MAP_ID,
        name="~/app.js",
        debug_id=PLAIN_ID,
        release="",
        dist="",
        map_bytes=len(a_map()),
        stored_bytes=len(found.content),
        uploaded_at=now - DAY_MS,
        used_at=now,
        sources=found.sources,
        with_text=found.with_text,
        keys=(debug_key(PLAIN_ID),),
    )
    rows, project_id, public = seed.with_a_map(artifact)
    with RecordingServer() as server:
        path = f"MapsBucket/maps/{project_id}/{_MAP_ID}"
        server.keep(rows, {path: compiled().content})
        with _worker(server, project_id, public) as found_there:
            yield found_there


@contextmanager
def _worker(
    server: RecordingServer, project_id: str, key: str
) -> Iterator[tuple[PostEvents, Worker]]:
    with Worker.of_function(_FUNCTION, _FOLDER, server.url) as worker:

        def post(sent: list[dict[str, Any]]) -> Spent:
            posted = [url_event(sdk_post(event), project_id, key) for event in sent]
            return worker.spend(posted, server, {"statusCode": 200})

        yield post, worker


def all_counts(stage: Stage) -> Iterator[Yardstick]:
    """Yield the counts."""
    with endpoint() as (post, _):
        first = post(events()[:1]).calls
        there = post([of_new_issue(events()[1])]).calls
        post(events())
        again = [of_new_issue(event) for event in events()]
        known = post(again).calls
    yield _reads("reads of S3 by the first event of a source map", first, 2)
    yield _reads("reads of S3 at a new place in a known source map", there, 1)
    name = "calls for source maps per event at a known place"
    yield at_most(name, _of_maps(known), 0, _listed(known))
    with _worker(stage.server, stage.busy_project, stage.busy_key) as (post, worker):
        post(events())
        plain = post(again).calls
        called = [name for name in worker.called(EVENTS) if "maps" in name]
        plain_instructions = median(worker.instructions(EVENTS))
    name = "calls for source maps per event of a project without"
    yield at_most(name, _of_maps(plain), 0, _listed(plain))
    note = ", ".join(called) or "none of errata.sourcemaps and apply_maps"
    yield at_most("functions of source maps that such an event runs", len(called), 0, note)
    spent = _instructions_of_check()
    note = f"{spent} of {plain_instructions:g} bytecode instructions ask whether there are any"
    name = "share of source maps in such an event's CPU time"
    yield at_most(name, spent / plain_instructions, 0.01, note)
    table = next(each for each in tables() if each["TableName"] == "EventsTable")
    pairs = list(zip(_put(known), _put(plain), strict=True))
    more = [put_units(a, table) - put_units(b, table) for a, b in pairs]
    grown = [item_size(a) - item_size(b) for a, b in pairs]
    note = f"original frames beside the sent ones: {sum(grown) / len(grown):.0f} bytes more"
    name = "write units that a source map adds to an event"
    yield at_most(name, sum(more) / len(more), 1.0, note)


def _instructions_of_check() -> int:
    """Return how many bytecode instructions ask whether a project has source maps."""
    code = SdkSubmission.read.__code__
    lines, first = inspect.getsourcelines(code)
    at = {first + number for number, line in enumerate(lines) if "if access.maps" in line}
    assert len(at) == 1
    return sum(
        each.positions is not None and each.positions.lineno in at
        for each in dis.get_instructions(code)
    )


def _reads(name: str, calls: list[AwsCall], most: int) -> Yardstick:
    reads = sum(call.operation == "GetObject" for call in calls)
    return at_most(name, reads, most, _listed(calls))


def _of_maps(calls: list[AwsCall]) -> int:
    """Return how many calls are to S3 or ArtifactsTable."""
    texts = [f"{call.operation} {call.request}" for call in calls]
    return sum(text.startswith("GetObject") or "ArtifactsTable" in text for text in texts)


def _listed(calls: list[AwsCall]) -> str:
    return listed(Counter(call.operation for call in calls))


def _put(calls: list[AwsCall]) -> list[Any]:
    return [call.request["Item"] for call in calls if call.operation == "PutItem"]


# ------------------------------------------------------------------ a stored map


def stored(cpu: float) -> Dollars:
    """Return the dollars of a source map of `MAP_BYTES`, from its upload until it expires.

    `cpu` is that of compiling it, in units of stock boto3's `put_item`. Without the requests of the
    build to the web API.
    """
    calls = _calls_of_an_upload()
    kinds = Counter(call.operation for call in calls)
    months = UNUSED_KEPT_MS / DAY_MS / 30
    return {
        "S3": kinds["PutObject"] * prices.FILE_PUT
        + (kinds["GetObject"] + kinds["HeadObject"]) * prices.FILE_GET,
        "ArtifactsTable": bill.writes(calls).total() * prices.WRITE_UNIT
        + bill.reads(calls) * prices.READ_UNIT,
        "compile": bill.invocation("CompileMapsFunction", cpu, len(calls)),
        "storage": len(compiled().content) / 2**30 * months * prices.FILE_GB,
    }


def _calls_of_an_upload() -> list[AwsCall]:
    """Return the calls of an upload that is stored and compiled."""
    content = _bundle()
    sha1 = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    calls: list[AwsCall] = []
    original: Any = BaseClient._make_api_call  # type: ignore[attr-defined]

    def recorded(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        calls.append(AwsCall(operation, parameters))
        return original(client, operation, parameters)

    with seed.account("WebApiFunction"):
        project_id = seed.a_project_id()
        clients.s3().create_bucket(Bucket=settings().maps_bucket)
        with patch.object(BaseClient, "_make_api_call", recorded):
            sourcemaps.put_chunk("default", sha1, content)
            sourcemaps.assemble("default", project_id, sha1, [sha1], now_ms())
            compile_maps.compile_bundle(project_id, sha1, now_ms(), find_functions)
            assert sourcemaps.assemble("default", project_id, sha1, [sha1], now_ms()).state == "ok"
    return calls


def _bundle() -> bytes:
    headers = {"debug-id": DEBUG_ID}
    files = {"app.js.map": {"url": "~/app.js.map", "type": "source_map", "headers": headers}}
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", json.dumps({"files": files}))
        archive.writestr("app.js.map", a_map())
    return content.getvalue()
