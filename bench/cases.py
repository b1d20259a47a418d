"""The price list: what an event costs in several cases, from the template and from recorded calls.

CPU time is the recorded one (`bench.recorded`), in units of stock boto3's `put_item`, so that the
list is the same on every machine. Everything else is counted: calls, write and read units with
those of indexes, bytes that are stored and logged.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bench import bill, feedback, log_capture, maps, monitors, otlp, prices
from bench.bill import Dollars
from bench.counts import access_line_bytes
from bench.digest import A_MONTH, BATCH, ISSUES, USERS, Digest, arrivals, batches, grow
from bench.digest import prepared as prepared_digest
from bench.process import Worker
from bench.sdk import large_events, sdk_post
from bench.server import AwsCall
from bench.small_sdk import small_events
from bench.stage import Stage
from bench.traffic import url_event
from bench.write_units import Item
from errata.models.ids import now_ms

BOUNDS = {
    "burst-4k": 3.60,
    "steady": 6.00,
    "loop": 1.60,
    "cold": 15.0,
    "gateway-4k": 7.10,
    "list-month": 3.00,
    "symbolicated": 3.90,
    "captured": 7.00,
    "otlp-alone": 5.00,
    "otlp-50": 4.80,
    "feedback": 4.70,
    "attached": 12.90,
    "check-in": 7.00,
    "check-in-long": 9.20,
    "stored-map": 0.12,
}
UNITS = {"list-month": "a month", "stored-map": "per thousand"}  # others: per million
# Of a loop, the second half counts. It has one event that is kept in full.
_LOOP = 512
_EVENTS, _ISSUES = "EventsTable", "IssuesTable"
# Seconds that an execution environment keeps what it has looked up, and a lease.
_KEPT_S, _LEASE_S = 30, 5
# The first call makes a connection: as much CPU time as eight calls (decision 41).
HANDSHAKE = 0.72


@dataclass(frozen=True)
class Price:
    """The dollars of a case, and of what. `UNITS` says of how many events."""

    case: str
    dollars: float
    parts: Dollars


def price_list(stage: Stage, cpu: dict[str, float], list_month: float) -> Iterator[Price]:
    """Yield the price of each case. `cpu` is the recorded CPU time."""
    with _url(stage) as sentry:
        first = sentry(small_events()[:1])
        rest = sentry([small_events()[n % ISSUES] for n in range(1, BATCH)])
        burst = _of_endpoint(first + rest, "SentryIngestFunction", cpu["sdk 4 KB"])
        warm = _of_endpoint(rest, "SentryIngestFunction", cpu["sdk 4 KB"])
    digested = _burst(cpu, Digest.sdk_event)
    yield _sum("burst-4k", burst, digested)
    looked_up = _look_ups(first, prices.SECONDS_A_MONTH / A_MONTH)
    yield _sum("steady", warm, looked_up, _steady(cpu), {"queues": bill.polls(A_MONTH)})
    yield _sum("loop", *_loop(stage, cpu))
    yield _sum("cold", _cold_endpoint(first, cpu), _cold_digest(cpu))
    yield _sum("gateway-4k", _gateway(stage, cpu), _burst(cpu, Digest.event))
    yield Price("list-month", list_month, {"dashboard": list_month})
    symbolicated = _of_endpoint(_symbolicated(), "SentryIngestFunction", cpu["symbolicated 4 KB"])
    yield _sum("symbolicated", symbolicated, digested)
    yield _sum("captured", _captured(stage, cpu["captured"]), digested)
    yield from _exported(stage, cpu, digested)
    yield _sum("feedback", _feedback(stage, cpu["feedback"]))
    yield _sum("attached", *_attached(stage, cpu), digested)
    yield from _monitored(stage, cpu)
    stored = {name: 1_000 * spent for name, spent in maps.stored(cpu["compile 1 MB"]).items()}
    yield Price("stored-map", sum(stored.values()), stored)


def as_json(price: Price) -> dict[str, object]:
    """Return a price as JSON has it, of a million events.

    That of `list-month` is for a month, that of `stored-map` for a thousand source maps.
    """
    parts = {name: round(dollars, 4) for name, dollars in price.parts.items()}
    return {"case": price.case, "usd_per_million": round(price.dollars, 4), "parts": parts}


def _sum(case: str, *parts: Dollars) -> Price:
    """Return the price of a million events. Each part is of one event."""
    names = {name: None for part in parts for name in part}
    total = {name: 1e6 * sum(part.get(name, 0) for part in parts) for name in names}
    return Price(case, sum(total.values()), total)


# ------------------------------------------------------------------ endpoints


@contextmanager
def _url(stage: Stage) -> Iterator[Callable[[list[dict[str, Any]]], list[AwsCall]]]:
    """Yield a function that posts SDK events to a new execution environment of the SDK endpoint."""
    with Worker.of_function("SentryIngestFunction", "sentry_ingest", stage.server.url) as worker:

        def post(events: list[dict[str, Any]]) -> list[AwsCall]:
            sent = [
                url_event(sdk_post(event), stage.busy_project, stage.busy_key) for event in events
            ]
            return worker.spend(sent, stage.server, {"statusCode": 200}).calls

        yield post


def _items(calls: list[AwsCall]) -> list[Item]:
    found: list[Item] = [
        call.request["Item"]
        for call in calls
        if call.operation == "PutItem" and call.request["TableName"] == _EVENTS
    ]
    assert found
    return found


def _of_endpoint(calls: list[AwsCall], function: str, cpu: float) -> Dollars:
    """Return the dollars of an event in an endpoint, whose calls these are."""
    items = _items(calls)
    made = bill.writes(calls)
    each = len(calls) / len(items)
    others = (made.total() - made[_EVENTS]) * prices.WRITE_UNIT + bill.gets(calls)
    return {
        "endpoint": bill.invocation(function, cpu, each),
        _EVENTS: made[_EVENTS] / len(items) * prices.WRITE_UNIT,
        "look-ups and rates": (others + bill.reads(calls) * prices.READ_UNIT) / len(items),
        "storage": bill.storage(items),
    }


def _look_ups(first: list[AwsCall], every_s: float) -> Dollars:
    """Return the dollars of look-ups and leases, for events that arrive every so many seconds.

    `first` are the calls of the first event of an execution environment.
    """
    dollars = 0.0
    for call in first:
        if call.operation != "PutItem":
            kept_s = _LEASE_S if call.operation == "UpdateItem" else _KEPT_S
            written = bill.writes([call]).total() * prices.WRITE_UNIT
            spent = written + bill.reads([call]) * prices.READ_UNIT
            spent += bill.waiting("SentryIngestFunction", calls=1)
            dollars += spent / (1 + kept_s / every_s)
    return {"look-ups and rates": dollars}


def _cold_endpoint(first: list[AwsCall], cpu: dict[str, float]) -> Dollars:
    function = "SentryIngestFunction"
    spent = _of_endpoint(first, function, cpu["sdk 4 KB, first"] + HANDSHAKE)
    return {**spent, "starts": bill.start(function, cpu["start sentry_ingest"])}


def _gateway(stage: Stage, cpu: dict[str, float]) -> Dollars:
    calls = stage.calls(stage.ingest, "4 KB")
    spent = _of_endpoint(calls, "IngestFunction", cpu["ingest 4 KB"])
    return {
        "gateway": prices.API_REQUEST,
        "authorizer": bill.invocation("AuthorizerFunction", cpu["authorizer"], 0),
        **spent,
        "logs": bill.logged(access_line_bytes()),
    }


def _loop(stage: Stage, cpu: dict[str, float]) -> Iterator[Dollars]:
    """Yield what a million identical events of 16 KB cost, in the endpoint and in digest."""
    event = large_events()[0]
    with _url(stage) as sentry:
        before = _items(sentry([event] * (_LOOP // 2)))
        calls = sentry([event] * (_LOOP // 2))
    items = _items(calls)
    yield _of_endpoint(calls, "SentryIngestFunction", cpu["tally 16 KB"])
    with prepared_digest() as digest:
        for number in range(0, len(before), BATCH):
            digest.count(before[number : number + BATCH])
        grow(digest)
        groups = [items[n : n + BATCH] for n in range(0, len(items) - BATCH + 1, BATCH)]
        yield _of_digest(digest, groups, cpu["digest of a burst"])


def _symbolicated() -> list[AwsCall]:
    """Return the calls of a burst in a project with source maps, over ten places in one of them."""
    with maps.endpoint() as (post, _):
        return post([maps.events()[n % ISSUES] for n in range(BATCH)]).calls


def _captured(stage: Stage, cpu: float) -> Dollars:
    """Price failures in logs, after the first one of an execution environment."""
    with log_capture.function(stage) as deliver:
        deliver(1)
        return log_capture.of_events(deliver(BATCH).calls, cpu)


def _exported(stage: Stage, cpu: dict[str, float], digested: Dollars) -> Iterator[Price]:
    """Yield the prices of exceptions of OpenTelemetry: alone, and in batches."""
    for case, measured, number in (
        ("otlp-alone", "otlp alone", 1),
        ("otlp-50", "otlp batch", otlp.BATCH),
    ):
        with otlp.endpoint(stage) as export:
            calls = export([otlp.request(number, n) for n in range(BATCH // number)]).calls
        spent = otlp.of_events(calls, cpu[measured], number)
        yield _sum(case, spent, digested)


def _feedback(stage: Stage, cpu: float) -> Dollars:
    with feedback.endpoint(stage) as send:
        return feedback.of_feedback(send([feedback.written() for _ in range(BATCH)]).calls, cpu)


def _attached(stage: Stage, cpu: dict[str, float]) -> Iterator[Dollars]:
    """Yield what events with a file cost, in the endpoint and when they expire."""
    events = [small_events()[n % ISSUES] for n in range(BATCH)]
    with feedback.endpoint(stage) as send:
        calls = send([feedback.with_file(each) for each in events]).calls
    yield feedback.of_events(calls, cpu["attached 4 KB"])
    with feedback.end(stage) as delete_files:
        yield feedback.of_end(delete_files().calls, cpu["end of files"])


def _monitored(stage: Stage, cpu: dict[str, float]) -> Iterator[Price]:
    """Yield the prices of check-ins: of runs that end within their margin, and of longer ones."""
    due_ms = monitors.next_due_ms()
    sent = monitors.alone(stage, due_ms)
    short, long = monitors.runs(stage, due_ms)
    for case, inputs in (("check-in", short), ("check-in-long", long)):
        run = [(each, monitors.worked(each)) for each in inputs]
        yield _sum(case, monitors.of_check_in(sent, run, cpu))


# ------------------------------------------------------------------ digest


def _of_digest(digest: Digest, groups: list[list[Item]], cpu: float) -> Dollars:
    """Return the dollars of an event in digest. `cpu` is that of an event in such batches."""
    events = sum(map(len, groups))
    written, read = digest.tables.written.copy(), digest.tables.read
    invocations = 0.0
    for group in groups:
        calls = len(digest.count(group))
        invocations += bill.invocation("DigestFunction", cpu * len(group), calls)
    spent = digest.tables.written - written
    return {
        _ISSUES: spent.total() / events * prices.WRITE_UNIT
        + (digest.tables.read - read) / events * prices.READ_UNIT,
        "digest": invocations / events,
        "stream": prices.STREAM_READ,
    }


def _burst(cpu: dict[str, float], make: Callable[..., Item]) -> Dollars:
    """Price digest's part of bursts over ten known issues, two minutes apart."""
    start_ms = now_ms() - 12 * 3_600_000
    with prepared_digest() as digest:

        def burst(number: int) -> list[Item]:
            at_ms = start_ms + number * 120_000
            return [make(digest, n % ISSUES, n % USERS, at_ms + n) for n in range(BATCH)]

        digest.count(burst(0))
        return _of_digest(digest, [burst(n) for n in range(1, 7)], cpu["digest of a burst"])


def _steady(cpu: dict[str, float]) -> Dollars:
    """Price digest's part of a steady million a month."""
    with prepared_digest() as digest:
        found = arrivals(digest, now_ms() - 20 * 3_600_000, 300, Digest.sdk_event)
        return _of_digest(digest, batches(found), cpu["digest of a few"])


def _cold_digest(cpu: dict[str, float]) -> Dollars:
    """Price events that are digested one at a time, each by a new execution environment."""
    with prepared_digest() as digest:
        found = arrivals(digest, now_ms() - 20 * 3_600_000, 300, Digest.sdk_event)
        spent = _of_digest(
            digest, [[event] for _, event in found], cpu["digest alone, first"] + HANDSHAKE
        )
    return {**spent, "starts": bill.start("DigestFunction", cpu["start digest"])}
