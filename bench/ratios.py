"""Measure CPU time as ratios: a value and its reference are measured in alternating rounds.

Seconds on a shared machine mean little. The ratio of two things measured in the same second means
more, and the median of many such ratios is reliable. Only the dashboard page has a limit in
milliseconds, because somebody waits for it. On a slow machine it may exceed its limit.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from statistics import median, quantiles

from bench import digest, grouping, scrubbing, sdk
from bench.corpus import SDK
from bench.lists import MANY, SEARCHES, SEARCHES_ACROSS
from bench.process import HOT, initialise, initialise_boto3, initialise_nothing
from bench.report import Yardstick, at_most
from bench.stage import ACROSS, PAGE, Stage, first_list
from errata.models.ids import now_ms

ROUNDS = 21
# A warm round takes each event of the corpus once. It is short, so there can be more rounds.
WARM_ROUNDS_EACH = 3
_SEARCH_ROUNDS = 5
# It reads rows of three statuses, and estimates the users of each issue.
SLOWEST = "all by users"

# Bounds of the CPU time of initialisations, divided by that of boto3 with a client.
INITIALISATION = {
    "authorizer": 0.45,
    "ingest": 0.45,
    "sentry_ingest": 0.45,
    "digest": 0.55,
    "dashboard": 1.0,
}
WITH_FIRST_LIST = 1.75
_DASHBOARD = ("DashboardFunction", "dashboard")

type Measure = Callable[[], float]  # CPU seconds


def all_ratios(stage: Stage, rounds: int = ROUNDS) -> Iterator[Yardstick]:
    """Yield all ratios. Initialisation runs in `rounds` rounds, warm calls in more."""

    def put_item() -> float:
        return stage.put_item.run("4 KB")[0]

    warm = rounds * WARM_ROUNDS_EACH
    yield from _of_ingest(stage, put_item, warm)
    yield from _of_digest(put_item, warm)
    yield from _of_sdk_events(stage, warm)
    yield from _of_lists(stage, put_item, warm)
    yield from _of_searches(stage)
    yield from _of_initialisation(stage, rounds)


def _of_ingest(stage: Stage, put_item: Measure, rounds: int) -> Iterator[Yardstick]:
    def lean_put_item() -> float:
        return stage.lean_put_item.run("4 KB")[0]

    def ingest() -> float:
        return stage.ingest.run("4 KB")[0]

    yield _ratio("CPU of our put_item ÷ bare put_item", lean_put_item, put_item, rounds, 0.16)
    yield _ratio("CPU of a warm ingest ÷ bare put_item", ingest, put_item, rounds, 0.42)


def _of_sdk_events(stage: Stage, rounds: int) -> Iterator[Yardstick]:
    """Yield the CPU of an SDK's event of 16 KB, and of what is done with one."""

    def put_item() -> float:
        return stage.put_item.run(SDK)[0]

    name = f"CPU of a warm {SDK} event ÷ bare put_item of it"
    yield _ratio(name, partial(sdk.spend, stage), put_item, rounds, 0.90)
    for platform, (_, limit) in grouping.LIMITS.items():
        name = f"CPU to group a new {SDK} event, {platform} ÷ bare put_item"
        yield _ratio(name, partial(grouping.spend, stage, platform), put_item, rounds, limit)
    for what, limit in scrubbing.LIMITS.items():
        name = f"CPU to scrub {what} ÷ bare put_item"
        yield _ratio(name, partial(scrubbing.spend, stage, what), put_item, rounds, limit)


def _of_lists(stage: Stage, put_item: Measure, rounds: int) -> Iterator[Yardstick]:
    def issue_list() -> float:
        return stage.dashboard.run(PAGE)[0]

    def long_list() -> float:
        return stage.many.run(SLOWEST)[0]

    yield _milliseconds("ms of CPU of a warm issue list with 50", issue_list, put_item, rounds, 40)
    name = f"ms of CPU of a warm list with {MANY:,}, {SLOWEST}"
    yield _milliseconds(name, long_list, put_item, rounds, 40)


def _of_initialisation(stage: Stage, rounds: int) -> Iterator[Yardstick]:
    # The start of the interpreter is part of both, and is subtracted from both.
    nothing = median(initialise_nothing() for _ in range(rounds))

    def boto3() -> float:
        return initialise_boto3() - nothing

    def initialisation(function: str, folder: str) -> float:
        return initialise(function, folder)[0] - nothing

    def with_list() -> float:
        return initialisation(*_DASHBOARD) + first_list(stage)

    for function, folder in (*HOT.items(), _DASHBOARD):
        name = f"CPU of {folder}'s initialisation ÷ boto3 with a client"
        measure = partial(initialisation, function, folder)
        yield _ratio(name, measure, boto3, rounds, INITIALISATION[folder])
    name = "CPU of dashboard's initialisation and first list ÷ boto3 with a client"
    yield _ratio(name, with_list, boto3, rounds, WITH_FIRST_LIST)


def _of_digest(put_item: Measure, rounds: int) -> Iterator[Yardstick]:
    """Yield digest's CPU per event, with tables that keep what it writes."""
    with digest.prepared() as measured:
        times = count(now_ms() - 20 * 3_600_000, 10_000)
        for _ in range(3):
            measured.count(digest.burst(measured, next(times)))
        digest.grow(measured)

        def of_burst() -> float:
            return measured.spend(digest.burst(measured, next(times)))

        def of_one() -> float:
            return measured.spend([measured.event(0, 0, next(times))])

        name = "CPU of digest per event ÷ bare put_item, "
        yield _ratio(f"{name}bursts over 10 issues", of_burst, put_item, rounds, 0.12)
        yield _ratio(f"{name}one event", of_one, put_item, rounds, 2.0)


def _of_searches(stage: Stage) -> Iterator[Yardstick]:
    """Yield the CPU of a page of searches: the worst of each. Few rounds do, as there are many."""
    for where, names, prefix, bound in (
        (f"a search with {MANY:,}", SEARCHES, "", 300),
        ("a search across projects", SEARCHES_ACROSS, ACROSS, 500),
    ):
        spent = {
            name: median(stage.many.run(f"{prefix}{name}")[0] for _ in range(_SEARCH_ROUNDS)) * 1000
            for name in names
        }
        note = ", ".join(f"{each:.0f} for {name}" for name, each in spent.items())
        yield at_most(f"ms of CPU of a warm page of {where}", max(spent.values()), bound, note)


def _ratio(name: str, ours: Measure, reference: Measure, rounds: int, bound: float) -> Yardstick:
    """Return the median over the rounds."""
    pairs = in_turns(ours, reference, rounds)
    ratios = [spent / base for spent, base in pairs]
    low, middle, high = quantiles(ratios, n=4, method="inclusive")
    milliseconds = [median(side) * 1000 for side in zip(*pairs, strict=True)]
    note = (
        f"{rounds} rounds, half of them from {low:.3f} to {high:.3f};"
        f" medians {milliseconds[0]:.3f} and {milliseconds[1]:.3f} ms"
    )
    return at_most(name, middle, bound, note)


def _milliseconds(
    name: str, ours: Measure, reference: Measure, rounds: int, bound: float
) -> Yardstick:
    """Return the median in milliseconds. The note has the ratio to the reference."""
    pairs = in_turns(ours, reference, rounds)
    spent = [ours * 1000 for ours, _ in pairs]
    low, middle, high = quantiles(spent, n=4, method="inclusive")
    ratio = median(spent / base for spent, base in pairs)
    note = (
        f"{rounds} rounds, half of them from {low:.1f} to {high:.1f} ms;"
        f" {ratio:.1f} times a bare put_item"
    )
    return at_most(name, middle, bound, note)


def in_turns(ours: Measure, reference: Measure, rounds: int) -> list[tuple[float, float]]:
    """Return (our seconds, the reference's seconds) of each round. A round alternates the two."""
    ours()
    reference()
    pairs = []
    for _ in range(rounds):
        first = reference()
        spent = ours() + ours()
        pairs.append((spent / 2, (first + reference()) / 2))
    return pairs
