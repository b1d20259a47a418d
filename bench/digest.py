"""Measure what digest writes, reads and calls, on tables that keep what it writes.

The prices are list prices of us-east-1. Lambda's time is not measured: each call to DynamoDB counts
as five milliseconds, as if no two were made at the same time, and an invocation as five more.
"""

import math
import random
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from bench import seed, write_units
from bench.corpus import encode, load
from bench.prices import GB_SECOND, INVOCATION, READ_UNIT, SECONDS_A_MONTH, WRITE_UNIT
from bench.process import Worker
from bench.report import Yardstick, at_most
from bench.server import AwsCall, RecordingServer
from bench.small_sdk import small_events
from bench.template import properties, tables, value
from bench.traffic import stream_event
from bench.write_units import Item
from errata.models.ids import new_event_id, now_ms
from errata.models.project import Access
from errata.protocol.ingest import parse_event
from errata.protocol.sentry.envelope import Envelope
from errata.usecases.prepare import prepare
from errata.usecases.sentry import SdkSubmission

ISSUES, BATCH = 10, 100
# A million a month over thirty issues: the rank-th has a share of 1 / rank.
A_MONTH = 1_000_000
STEADY_ISSUES = 30
STEADY_EVENTS = 900
ALONE_EVENTS = 400
USERS = 20
RELEASE = "shop@2026.11.22"
_CALL_S = 0.005


class Tables(RecordingServer):
    """A server whose tables keep what is written. Conditions always hold."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[tuple[str, str], Item] = {}
        self.written: Counter[str] = Counter()  # write units by table
        self.read = 0.0  # read units
        self.tables = {table["TableName"]: table for table in tables()}

    def response(self, call: AwsCall) -> tuple[int, dict[str, Any]]:
        """Return the status and body for a call."""
        self.calls.append(call)
        match call.operation:
            case "PutItem":
                self._write({"Put": call.request})
            case "TransactWriteItems":
                for action in call.request["TransactItems"]:
                    self._write(action, times=2)
            case "BatchWriteItem":
                for table, requests in call.request["RequestItems"].items():
                    for request in requests:
                        ((kind, details),) = request.items()
                        name = kind.removesuffix("Request")
                        self._write({name: {"TableName": table, **details}})
                return 200, {"UnprocessedItems": {}}
            case "BatchGetItem":
                wanted = call.request["RequestItems"].items()
                found = {table: self._found(table, each["Keys"]) for table, each in wanted}
                return 200, {"Responses": found, "UnprocessedKeys": {}}
            case "Query":
                self.read += 1
                return 200, {"Items": [], "Count": 0, "ScannedCount": 0}
        return 200, {}

    def _found(self, table: str, keys: list[Item]) -> list[Item]:
        found = [row for key in keys if (row := self.rows.get(_place(table, key)))]
        self.read += sum(math.ceil(write_units.item_size(row) / 4096) for row in found)
        self.read += len(keys) - len(found)
        return found

    def _write(self, action: dict[str, Any], times: int = 1) -> None:
        ((kind, details),) = action.items()
        table = details["TableName"]
        new: Item = details.get("Item", {})
        place = _place(table, new or details["Key"])
        old = self.rows.get(place, {})
        if kind == "Update":  # the only one is the counter of the numbers
            new = {**details["Key"], "last": details["ExpressionAttributeValues"][":new"]}
        self.written[table] += write_units.change_units(old, new, self.tables[table], times)
        if kind == "Delete":
            self.rows.pop(place, None)
        else:
            self.rows[place] = new


def _place(table: str, key: Item) -> tuple[str, str]:
    return table, f"{key['pk']['S']} {key.get('sk', {}).get('S', '')}"


type Make = Callable[["Digest", int, int, int], Item]  # of an issue, a user and a time


class Digest:
    """The built function on such tables."""

    def __init__(self, worker: Worker, tables: Tables) -> None:
        self.worker, self.tables, self.sequence = worker, tables, 0
        self._errors = load("4 KB")
        self._access = Access("1", "bench", retention_days=30, rate_limit=60)

    def event(self, issue: int, user: int, at_ms: int) -> Item:
        """Return a new event of an issue."""
        error = {**self._errors[issue % ISSUES], "fingerprint": f"f{issue}", "release": RELEASE}
        error["user"] = {"id": f"{user}"}
        typed: Any = prepare(parse_event(error), self._access, new_event_id(at_ms), at_ms).item
        item: Item = seed.as_json(typed)
        return item

    def sdk_event(self, issue: int, user: int, at_ms: int) -> Item:
        """Return a new event of an issue, of 4 KB, as an SDK sends it."""
        sent = {**small_events()[issue % ISSUES], "fingerprint": [f"f{issue}"], "release": RELEASE}
        sent |= {"event_id": uuid.uuid4().hex, "timestamp": at_ms / 1000, "user": {"id": f"{user}"}}
        submission = SdkSubmission(Envelope({}, ()), encode(sent), "203.0.113.129")
        fields = submission.read(self._access, at_ms)
        typed: Any = prepare(fields, self._access, new_event_id(at_ms), at_ms).item
        item: Item = seed.as_json(typed)
        return item

    def count(self, events: list[Item]) -> list[AwsCall]:
        """Pass a batch to digest. Return its calls."""
        self.tables.taken()
        self.spend(events)
        return self.tables.taken()

    def spend(self, events: list[Item]) -> float:
        """Pass a batch to digest. Return its CPU seconds per event."""
        batch = stream_event(events)
        for record in batch["Records"]:
            self.sequence += 1
            record["dynamodb"]["SequenceNumber"] = str(10**23 + self.sequence)
        self.worker.load("batch", [batch])
        seconds, (response,) = self.worker.run("batch")
        assert response == {"batchItemFailures": []}, response
        return seconds / len(events)

    def spent(self, work: Callable[[], Any]) -> int:
        """Return the write units of IssuesTable that a piece of work takes."""
        before = self.tables.written["IssuesTable"]
        work()
        return self.tables.written["IssuesTable"] - before


@contextmanager
def prepared() -> Iterator[Digest]:
    """Yield digest on empty tables."""
    with (
        Tables() as server,
        Worker.of_function("DigestFunction", "digest", server.url) as worker,
    ):
        yield Digest(worker, server)


# ------------------------------------------------------------------ yardsticks


def all_counts() -> Iterator[Yardstick]:
    """Yield the counts."""
    with prepared() as digest:
        start_ms = now_ms() - 12 * 3_600_000
        yield from _bursts(digest, start_ms)
        yield from _single(digest, start_ms + 3_600_000)
        yield _new_issues(digest, start_ms + 2 * 3_600_000)
    with prepared() as digest:
        yield _alone(digest, start_ms)
    with prepared() as digest:
        yield _steady(digest)


def burst(digest: Digest, at_ms: int) -> list[Item]:
    """Return a burst of known issues' events."""
    return [digest.event(n % ISSUES, n % USERS, at_ms + n) for n in range(BATCH)]


def _bursts(digest: Digest, start_ms: int) -> Iterator[Yardstick]:
    """Measure bursts of known issues, two minutes apart, from their eleventh event on."""
    rounds = 12
    digest.count(burst(digest, start_ms))
    calls: list[list[AwsCall]] = []

    def work() -> None:
        calls.extend(
            digest.count(burst(digest, start_ms + n * 120_000)) for n in range(1, 1 + rounds)
        )

    units = digest.spent(work) / rounds / BATCH
    each = Counter(len(made) for made in calls)
    growing = ", ".join(f"{times} times {number}" for number, times in sorted(each.items()))
    note = f"{rounds} bursts of {BATCH} events, two minutes apart; calls: {growing}"
    yield at_most("write units of IssuesTable per event, bursts over 10 issues", units, 0.65, note)
    grow(digest)
    made = digest.count(burst(digest, start_ms + 3_000_000))
    kinds = Counter(call.operation for call in made)
    note = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    name = "AWS calls of digest, a burst of 100 events over 10 issues"
    yield at_most(name, len(made), 13, f"{note}; no rank changes")


def grow(digest: Digest) -> None:
    """Let the issues have so many events that a few more do not change their rank."""
    for (_, key), row in digest.tables.rows.items():
        if " issue#" in key:
            row["count"] = {"N": "100000"}


def _single(digest: Digest, start_ms: int) -> Iterator[Yardstick]:
    """Measure single events of a known issue, with nothing new in them."""
    digest.count([digest.event(0, 0, start_ms)])
    calls: list[AwsCall] = []

    def one(after_ms: int) -> int:
        return digest.spent(
            lambda: calls.extend(digest.count([digest.event(0, 0, start_ms + after_ms)]))
        )

    one(30_000)
    kinds = Counter(call.operation for call in calls)
    note = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    yield at_most("AWS calls of digest, one event", kinds.total(), 4, note)


def _new_issues(digest: Digest, start_ms: int) -> Yardstick:
    events = [digest.event(1_000 + n, n % USERS, start_ms + n) for n in range(BATCH)]
    units = digest.spent(lambda: digest.count(events)) / BATCH
    one = digest.spent(lambda: digest.count([digest.event(5_000, 0, start_ms + 1_000)]))
    note = f"a batch of {BATCH}; {one} for one alone, {len(_values(digest))} of them for its values"
    return at_most("write units of IssuesTable per event, each a new issue", units, 8, note)


def _values(digest: Digest) -> list[str]:
    issue = max(
        (row for (_, key), row in digest.tables.rows.items() if " issue#" in key),
        key=lambda row: int(row["number"]["N"]),
    )
    name = issue["sk"]["S"].removeprefix("issue#")
    return [key for _, key in digest.tables.rows if " value#" in key and key.endswith(name)]


def arrivals(
    digest: Digest, start_ms: int, count: int, make: Make | None = None
) -> list[tuple[float, Item]]:
    """Return events of issues that exist for a while, and when they arrive.

    Every issue has had every user, and so many events that a few more do not change its rank.
    """
    make = make or Digest.event
    for user in range(USERS):
        digest.count([make(digest, n, user, start_ms) for n in range(STEADY_ISSUES)])
    grow(digest)
    chance = random.Random(1)
    weights = [1 / rank for rank in range(1, 1 + STEADY_ISSUES)]
    at_ms, mean_ms = float(start_ms), 1000 * SECONDS_A_MONTH / A_MONTH
    found: list[tuple[float, Item]] = []
    for _ in range(count):
        at_ms += chance.expovariate(1 / mean_ms)
        (issue,) = chance.choices(range(STEADY_ISSUES), weights)
        found.append((at_ms, make(digest, issue, chance.randrange(USERS), round(at_ms))))
    return found


def _alone(digest: Digest, start_ms: int) -> Yardstick:
    """Measure events that are digested one at a time, with nothing new in them."""
    events = [event for _, event in arrivals(digest, start_ms, ALONE_EVENTS)]
    each = [digest.spent(partial(digest.count, [event])) for event in events]
    most = ", ".join(f"{times} times {units}" for units, times in sorted(Counter(each).items()))
    name = "write units of IssuesTable per event, one at a time"
    note = f"{ALONE_EVENTS} arrivals of a steady million a month, nothing new: {most}"
    return at_most(name, sum(each) / len(each), 4, note)


def _steady(digest: Digest) -> Yardstick:
    """Simulate arrivals over time, and price what digest does with them."""
    groups = batches(arrivals(digest, now_ms() - 20 * 3_600_000, STEADY_EVENTS))
    before, read = digest.tables.written["IssuesTable"], digest.tables.read
    calls = sum(len(digest.count(batch)) for batch in groups)
    units = (digest.tables.written["IssuesTable"] - before) / STEADY_EVENTS
    reads = (digest.tables.read - read) / STEADY_EVENTS
    seconds = _CALL_S * (calls + len(groups)) / STEADY_EVENTS
    gigabytes = int(properties("DigestFunction")["MemorySize"]) / 1024
    parts = {
        f"{units:.2f} write units": units * WRITE_UNIT,
        f"{reads:.2f} read units": reads * READ_UNIT,
        f"{len(groups) / STEADY_EVENTS:.2f} requests": len(groups) / STEADY_EVENTS * INVOCATION,
        f"{1000 * seconds:.1f} ms": seconds * gigabytes * GB_SECOND["arm64"],
    }
    note = ", ".join(f"{part} ${1e6 * price:.2f}" for part, price in parts.items())
    dollars = 1e6 * sum(parts.values())
    what = f"$ per million events in digest, a steady million a month, {_window()} s window"
    return at_most(what, dollars, 2.60, f"{STEADY_EVENTS} arrivals; per event: {note}")


def batches(found: list[tuple[float, Item]]) -> list[list[Item]]:
    """Return arrivals in the batches in which Lambda passes them to digest."""
    window_ms = 1000 * _window()
    groups: list[list[Item]] = []
    opened = -math.inf
    for at_ms, event in found:
        if at_ms - opened > window_ms or len(groups[-1]) == BATCH:
            groups.append([])
            opened = at_ms
        groups[-1].append(event)
    return groups


def _window() -> int:
    trigger = properties("DigestFunction")["Events"]["NewEvents"]["Properties"]
    return int(value(trigger["MaximumBatchingWindowInSeconds"]))
