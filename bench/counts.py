"""The measurements that count. Their results are the same on every machine."""

import json
from collections import Counter
from collections.abc import Iterator
from statistics import median
from typing import Any

from bench import digest, grouping, loops, maps, pages, sdk
from bench.artifact import (
    BUILD,
    LAYERS,
    alone,
    sources,
    uncompiled,
    without_twin,
    zipped_bytes,
)
from bench.corpus import SIZES
from bench.per_event import calls_per_event, listed, units_per_event
from bench.process import HOT, initialise
from bench.report import Yardstick, at_most
from bench.seed import as_json
from bench.stage import LIMITED, ONCE, Stage, accepted
from bench.template import logging, properties, value
from bench.write_units import item_size, units
from errata.models.event import Stored
from errata.models.ids import DAY_MS, new_event_id, now_ms
from errata.models.issue import Position
from errata.models.visible import Watermark
from errata.store.digest_rows import Rows
from errata.store.issue_items import issue_item
from errata.store.items import write_all
from errata.usecases.count_events import change_issue
from errata.usecases.count_issue import StreamRecord

UNITS = {"4 KB": 3, "8 KB": 3}
# Slow imports that the hot functions do not need.
UNWANTED = (
    "boto3",
    "botocore",
    "urllib3",
    "email",
    "jinja2",
    "jwt",
    "cryptography",
    "aws_xray_sdk",
    "aws_lambda_powertools",
    "pydantic",
    "werkzeug",
)


def all_counts(stage: Stage, cpu: dict[str, float]) -> Iterator[Yardstick]:
    """Yield all counts, in the order of the table. `cpu` is the recorded CPU time."""
    yield _calls(stage, "4 KB", "no Idempotency-Key", "PutItem")
    yield _calls(stage, ONCE, ONCE, "TransactWriteItems")
    yield _limited_calls(stage)
    yield _python_calls(stage)
    yield _instructions(stage)
    for size in SIZES:
        yield units_per_event(size, stage.stored(size), UNITS[size])
    yield _largest_row()
    for function, folder in HOT.items():
        yield _modules(function, folder)
    yield _bytecode()
    yield _layer()
    yield _logged(stage)
    yield from sdk.all_counts(stage)
    yield from grouping.all_counts(stage)
    yield from pages.all_pages(stage, cpu)
    yield from digest.all_counts()
    yield from loops.all_counts()
    yield from maps.all_counts(stage)


def _largest_row() -> Yardstick:
    """Measure the largest possible row of an issue."""
    event = {
        "fingerprint": "\U0001f600" * 1_024,
        "title": "\U0001f600" * 200,
        "culprit": "\U0001f600" * 200,
        "level": "warning",
        "exception_class": "\U0001f600" * 200,
        "grouped_by": "\U0001f600" * 500,
        "transaction": "\U0001f600" * 200,
        "logger": "\U0001f600" * 200,
    }
    now = now_ms()
    records = []
    for n in range(3_000):
        name = f"{n:04}" + "\U0001f600" * 200
        names = {"environment": name, "release": name, "server_name": name}
        tags = {f"tag{tag}": f"{n}" for tag in range(20)}
        fields: Any = {**event, **names, "tags": tags, "context": {"user": {"id": f"{n}"}}}
        at_ms = now - 29 * DAY_MS * (3_000 - n) // 3_000
        stored = Stored("1", new_event_id(at_ms), "a" * 32, 2 * 10**9, fields)
        records.append(StreamRecord(Position("2026-11-22T09:00:00.000", f"{n:040d}"), stored))
    rows = Rows("1", Watermark())
    issue = change_issue("a" * 32, records, rows, None, set(), lambda _: now).issue
    issue.number, issue.status, issue.status_at = 10**6, "resolved", now
    issue.resolved_in, issue.resolved_in_seen, issue.resolved_after = "\U0001f600" * 50, now, 1
    issue.status_by, issue.deleted_through = "a" * 320, issue.first_event
    item: Any = as_json(write_all(issue_item(issue)))
    size = item_size(item)
    what = "write units of the largest row of an issue"
    return at_most(what, units(size), 8, f"{size:,} bytes")


def _calls(stage: Stage, name: str, case: str, operation: str) -> Yardstick:
    """Count the calls of the authorizer and ingest together, both warm."""
    events = len(stage.ingest.run(name)[1])
    stage.authorizer.run("key")  # on a busy machine, what it has looked up is soon too old
    of_authorizer = stage.calls(stage.authorizer, "key")
    of_ingest = stage.calls(stage.ingest, name)
    what = f"AWS calls per accepted event, {case}"
    return calls_per_event(what, events, of_authorizer, of_ingest, operation)


def _limited_calls(stage: Stage) -> Yardstick:
    """Count the calls of a new execution environment, including those that lease quota units."""
    stage.authorizer.run(LIMITED)
    of_authorizer = stage.calls(stage.authorizer, LIMITED)
    stage.server.taken()
    responses = stage.ingest.run(LIMITED)[1]
    accepted(responses)
    of_ingest = stage.server.taken()
    kinds = Counter(call.operation for call in of_ingest)
    per_event = len(of_authorizer) + len(of_ingest) / len(responses)
    note = f"{len(responses)} events: {listed(kinds)}; the authorizer: {len(of_authorizer)}"
    return at_most(f"AWS calls per accepted event, {LIMITED}", per_event, 1.02, note)


def _python_calls(stage: Stage) -> Yardstick:
    # Several times, because a library sometimes has something extra to do.
    ours = min(len(stage.ingest.called("4 KB")) for _ in range(3))
    bare = min(len(stage.put_item.called("4 KB")) for _ in range(3))
    note = f"{ours} in ingest, {bare} in a bare put_item of stock boto3"
    return at_most("Python calls of a warm ingest ÷ bare put_item", ours / bare, 0.08, note)


def _instructions(stage: Stage) -> Yardstick:
    """Count bytecode, which sees a loop that runs no function. `ratios` sees the rest."""
    counted = stage.ingest.instructions("4 KB")
    note = f"the median of {len(counted)}; from {min(counted)} to {max(counted)}"
    return at_most("bytecode instructions of a warm ingest", median(counted), 3_600, note)


def _modules(function: str, folder: str) -> Yardstick:
    listed = "import json; print(json.dumps(list(sys.modules)))"
    names = json.loads(initialise(function, folder, listed)[1])
    unwanted = [name for name in names if f"{name}.".startswith(tuple(f"{u}." for u in UNWANTED))]
    return Yardstick(
        f"modules after the initialisation of {folder}",
        str(len(names)),
        "≤ 210",
        len(names) <= 210 and not unwanted,
        f"of {', '.join(UNWANTED)}: {', '.join(unwanted) or 'none'}",
    )


def _bytecode() -> Yardstick:
    total, missing, lonely = len(sources()) + len(alone()), uncompiled(), without_twin()
    note = f"unchecked, {len(alone())} of the layers alone; each library for both architectures"
    if missing or lonely or not total:
        bad = [str(file.relative_to(BUILD)) for file in missing] + lonely
        note = f"missing or stale: {', '.join(bad[:5]) or 'everything'}"
    return Yardstick(
        "modules in the artifacts with their .pyc",
        f"{total - len(missing)}",
        f"all {total}",
        bool(total) and not missing and not lonely,
        note,
    )


def _layer() -> Yardstick:
    """Measure what Lambda downloads of the layer for a cold start."""
    sizes = {cpu: zipped_bytes(layer) / 1e6 for cpu, layer in LAYERS.items()}
    note = ", ".join(f"{size:.2f} for {cpu}" for cpu, size in sizes.items()) + "; as zipped"
    return at_most("MB of the common layer", max(sizes.values()), 5.0, note)


def _logged(stage: Stage) -> Yardstick:
    """Count all bytes that an accepted event writes to CloudWatch Logs, with the access log."""
    before = stage.ingest.printed() + stage.authorizer.printed()
    responses = stage.ingest.run("4 KB")[1]
    accepted(responses)
    stage.authorizer.run("key")
    printed = (stage.ingest.printed() + stage.authorizer.printed() - before) / len(responses)
    access = access_line_bytes()
    systems = {logging(name)["SystemLogLevel"] for name in ("IngestFunction", "AuthorizerFunction")}
    if systems != {"WARN"}:  # otherwise Lambda writes START, END and REPORT
        return Yardstick("bytes logged per accepted event", "more", "≤ 200", False, str(systems))
    level = value(logging("IngestFunction")["ApplicationLogLevel"])
    functions = f"ingest and authorizer at {level} {printed:g}"
    note = f"access log {access}, {functions}, Lambda itself 0 at WARN"
    return at_most("bytes logged per accepted event", round(printed + access), 200, note)


def access_line_bytes() -> int:
    """Return the size of the API's log line of an event, with the longest values of IPv4."""
    line = properties("Api").get("AccessLogSetting", {}).get("Format", "")
    for variable, example in {
        "$context.requestId": "2c7dd2ab-2f2e-4b41-8c5f-6e9c6c1f0a37",
        "$context.requestTime": "22/Nov/2026:08:09:00 +0000",
        "$context.identity.sourceIp": "203.0.113.129",
        "$context.httpMethod": "POST",
        "$context.resourcePath": "/api/v1/ingest",
        "$context.status": "202",
        "$context.responseLatency": "12",
        "$context.error.responseType": "-",
        "$context.authorizer.project": "12",
    }.items():
        line = line.replace(variable, example)
    assert "$" not in line, f"no example for a variable in {line}"
    return len(f"{line}\n".encode()) if line else 0
