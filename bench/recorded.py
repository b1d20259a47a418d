"""CPU times that the price list computes with: measured once, kept, and checked by each full run.

Each is divided by that of stock boto3's `put_item` of 4 KB, a start by that of stock boto3.
"""

import json
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

from bench import feedback, log_capture, maps, monitors, otlp
from bench.digest import BATCH, ISSUES, USERS, Digest, grow, prepared
from bench.lists import SEARCHES, SEARCHES_ACROSS
from bench.process import HOT, Worker, initialise, initialise_boto3, initialise_nothing
from bench.ratios import Measure, in_turns
from bench.report import Yardstick, at_most
from bench.sdk import large_events, of_new_issue, sdk_post
from bench.small_sdk import small_events
from bench.stage import ACROSS, LISTS, Stage
from bench.traffic import url_event
from bench.write_units import Item
from errata.models.ids import now_ms

FILE = Path(__file__).parent / "recorded.json"
# What is recorded may be this much too low. Ratios differ between processors.
TOLERANCE = 1.25
_PAGE_ROUNDS = 3
# Of starts, and of the first call after one.
_ROUNDS = 5

type Cpu = dict[str, float]


def load() -> dict[str, Any]:
    """Return what was recorded: `cpu`, and the price list as `prices`."""
    recorded: dict[str, Any] = json.loads(FILE.read_text())
    return recorded


def save(cpu: Cpu, prices: dict[str, Any]) -> None:
    """Record CPU times, and the price list that follows from them."""
    FILE.write_text(json.dumps({"cpu": cpu, "prices": prices}, indent=1) + "\n")


def still_holds(measured: Cpu) -> Yardstick:
    """Check that no CPU time is much higher than the recorded one."""
    recorded = load()["cpu"]
    over = {name: measured[name] / recorded[name] for name in recorded}
    worst = max(over, key=lambda name: over[name])
    note = f"{worst}; " + ", ".join(f"{name} {value:.3f}" for name, value in measured.items())
    return at_most("CPU time now ÷ that of the price list", over[worst], TOLERANCE, note)


def measure(stage: Stage, rounds: int) -> Cpu:
    """Measure all CPU times. `rounds` is for warm calls."""

    def put_item() -> float:
        return stage.put_item.run("4 KB")[0]

    warm = {
        "authorizer": lambda: stage.authorizer.run("key", 20)[0],
        "ingest 4 KB": lambda: stage.ingest.run("4 KB")[0],
    }
    cpu = {name: _ratio(each, put_item, rounds) for name, each in warm.items()}
    cpu |= _of_sdk(stage, put_item, rounds)
    cpu |= _of_digest(put_item, rounds)
    cpu |= of_maps(put_item, rounds)
    cpu["captured"] = of_log_capture(stage, put_item, rounds)
    cpu |= of_otlp(stage, put_item, rounds)
    cpu |= of_feedback(stage, put_item, rounds)
    cpu |= of_monitors(stage, put_item, rounds)
    for kind, prefix, names in (
        ("list", "", LISTS),
        ("search", "", SEARCHES),
        ("search across projects", ACROSS, SEARCHES_ACROSS),
    ):
        pages = [_page(stage, f"{prefix}{name}") for name in names]
        slowest = max(pages, key=lambda page: page())
        cpu[kind] = _ratio(slowest, put_item, _PAGE_ROUNDS)
    nothing = median(initialise_nothing() for _ in range(_ROUNDS))

    def boto3() -> float:
        return initialise_boto3() - nothing

    for function, folder in HOT.items():

        def started(function: str = function, folder: str = folder) -> float:
            return initialise(function, folder)[0] - nothing

        cpu[f"start {folder}"] = _ratio(started, boto3, _ROUNDS)
    return {name: round(value, 3) for name, value in cpu.items()}


def _page(stage: Stage, name: str) -> Measure:
    return lambda: stage.many.run(name)[0]


def _of_sdk(stage: Stage, put_item: Measure, rounds: int) -> Cpu:
    """Measure the SDK endpoint at its own URL."""
    function = ("SentryIngestFunction", "sentry_ingest", stage.server.url)

    def loaded(worker: Worker, events: list[Any]) -> Worker:
        sent = [url_event(sdk_post(each), stage.busy_project, stage.busy_key) for each in events]
        worker.load("url", sent)
        return worker

    def first() -> float:
        with Worker.of_function(*function) as worker:
            return loaded(worker, small_events()[:1]).run("url")[0]

    cpu = {"sdk 4 KB, first": _ratio(first, put_item, _ROUNDS)}
    with Worker.of_function(*function) as worker:
        loaded(worker, small_events()).run("url")

        def small() -> float:
            return loaded(worker, [of_new_issue(each) for each in small_events()]).run("url")[0]

        def tally() -> float:
            return loaded(worker, [large_events()[0]] * 16).run("url")[0]

        cpu["sdk 4 KB"] = _ratio(small, put_item, rounds)
        for _ in range(8):
            tally()
        cpu["tally 16 KB"] = _ratio(tally, put_item, rounds)
    return cpu


def of_maps(put_item: Measure, rounds: int) -> Cpu:
    """Measure events of minified code, and the compilation of a source map."""
    cpu = {"compile 1 MB": _ratio(maps.compile_s, put_item, _ROUNDS)}
    with maps.endpoint() as (post, _):

        def known() -> float:
            return post([of_new_issue(each) for each in maps.events()]).cpu_s

        cpu["symbolicated 4 KB"] = _warm_ratio(known, put_item, rounds)
    return cpu


def of_log_capture(stage: Stage, put_item: Measure, rounds: int) -> float:
    """Return the CPU time of a batch of log lines with one failure, relative to a PutItem."""
    with log_capture.function(stage) as deliver:
        return _warm_ratio(lambda: deliver(BATCH).cpu_s, put_item, rounds)


def of_otlp(stage: Stage, put_item: Measure, rounds: int) -> Cpu:
    """Measure requests with one exception of a new issue, and batches of exceptions of ten."""
    cpu: Cpu = {}
    for name, exceptions, requests in (("otlp alone", 1, 16), ("otlp batch", otlp.BATCH, 1)):
        with otlp.endpoint(stage) as export:

            def spend(exceptions: int = exceptions, requests: int = requests) -> float:
                sent = [otlp.request(exceptions, n, new=True) for n in range(requests)]
                return export(sent).cpu_s

            cpu[name] = _warm_ratio(spend, put_item, rounds)
    return cpu


def of_feedback(stage: Stage, put_item: Measure, rounds: int) -> Cpu:
    """Measure feedback, events with a file, and the end of files."""
    cpu: Cpu = {}
    with feedback.endpoint(stage) as send:

        def written() -> float:
            return send([feedback.written() for _ in range(16)]).cpu_s

        def attached() -> float:
            events = [of_new_issue(each) for each in small_events()]
            return send([feedback.with_file(each) for each in events]).cpu_s

        for name, spend in (("feedback", written), ("attached 4 KB", attached)):
            cpu[name] = _warm_ratio(spend, put_item, rounds)
    with feedback.end(stage) as delete_files:
        cpu["end of files"] = _ratio(lambda: delete_files().cpu_s, put_item, rounds)
    return cpu


def of_monitors(stage: Stage, put_item: Measure, rounds: int) -> Cpu:
    """Measure check-ins in the endpoint and in the worker, and looks at a monitor."""
    cpu: Cpu = {}
    due_ms = monitors.next_due_ms()
    (begin, end, look), _ = monitors.runs(stage, due_ms)
    with feedback.endpoint(stage) as send, monitors.worker() as process:

        def sent() -> float:
            return send([monitors.posted(each, due_ms) for each in ("in_progress", "ok") * 8]).cpu_s

        def noted() -> float:
            return (process(begin, 8).cpu_s + process(end, 8).cpu_s) / 2

        def looked() -> float:
            return process(look, 8).cpu_s

        for name, spend in (("check-in", sent), ("check-in, worker", noted), ("look", looked)):
            cpu[name] = _warm_ratio(spend, put_item, rounds)
    return cpu


def _of_digest(put_item: Measure, rounds: int) -> Cpu:
    """Measure digest for each event: of a burst, of a batch of three, and alone in a cold start."""
    times = count(now_ms() - 20 * 3_600_000, 10_000)

    def events(digest: Digest, size: int) -> list[Item]:
        at_ms = next(times)
        return [digest.sdk_event(n % ISSUES, n % USERS, at_ms + n) for n in range(size)]

    with prepared() as digest:
        digest.spend(events(digest, 1))

        def first() -> float:
            """Return what the next event of a known issue takes in a new environment."""
            with Worker.of_function("DigestFunction", "digest", digest.tables.url) as worker:
                new = Digest(worker, digest.tables)
                new.sequence = digest.sequence = digest.sequence + 1
                return new.spend(events(new, 1))

        cpu = {"digest alone, first": _ratio(first, put_item, _ROUNDS)}
    with prepared() as digest:
        for _ in range(3):
            digest.spend(events(digest, BATCH))
        grow(digest)
        for name, size in (("digest of a burst", BATCH), ("digest of a few", 3)):

            def spend(size: int = size) -> float:
                return digest.spend(events(digest, size))

            cpu[name] = _ratio(spend, put_item, rounds)
    return cpu


def _warm_ratio(ours: Measure, reference: Measure, rounds: int) -> float:
    """Return the ratio of a new execution environment, once it is warm."""
    for _ in range(3):
        ours()
    return _ratio(ours, reference, rounds)


def _ratio(ours: Measure, reference: Measure, rounds: int) -> float:
    """Return the median of the ratios of alternating rounds."""
    return median(spent / base for spent, base in in_turns(ours, reference, rounds))
