"""`python -m bench`: print each measured value with its limit. Exit code 1 if one is exceeded."""

import argparse
import compileall
import json
import sys
from collections.abc import Iterator

from bench import cases, counts, peer, ratios, readme, recorded, write_units
from bench.artifact import LAYER, STOCK
from bench.cases import Price
from bench.corpus import SIZES, encode, load
from bench.pages import MONTHLY
from bench.report import Yardstick, as_json, at_most, table_line
from bench.stage import Stage, prepared

# What `import boto3` and a client need. pip compiles them when it installs; uv does not.
STOCK_PACKAGES = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "urllib3")


def main() -> int:
    """Measure what the options ask for. Return the exit code."""
    options = _options()
    if not LAYER.exists():
        sys.exit("There is no build to measure. Run `make build`, or `make bench`.")
    if options.peer:
        return _compare()
    if not options.json:
        _print_inputs()
    yardsticks: list[Yardstick] = []
    with prepared() as stage:
        if options.verbose:
            _print_own_calls(stage)
        cpu = recorded.load()["cpu"]
        if options.record:
            _compile_stock()
            cpu = recorded.measure(stage, options.rounds)
        for yardstick in counts.all_counts(stage, cpu):
            yardsticks.append(_shown(yardstick, options))
        prices = list(_prices(stage, cpu, yardsticks))
        if options.record:
            recorded.save(cpu, {each.case: round(each.dollars, 4) for each in prices})
            readme.write(prices)
        for yardstick in _of_prices(prices):
            yardsticks.append(_shown(yardstick, options))
        if not options.deterministic:
            _compile_stock()
            for yardstick in _measured(stage, options.rounds):
                yardsticks.append(_shown(yardstick, options))
    if options.json:
        found = {
            "yardsticks": [as_json(each) for each in yardsticks],
            "prices": [cases.as_json(each) for each in prices],
        }
        print(json.dumps(found, indent=1))
    failed = sum(not each.passed for each in yardsticks)
    if not options.json:
        print(f"\n{len(yardsticks) - failed} of {len(yardsticks)} hold")
    return 1 if failed else 0


def _compare() -> int:
    """Measure Bugsink beside Errata. Return the exit code."""
    with prepared() as stage:
        found = list(peer.compare(stage))
    for each in found:
        print(table_line(each))
    return 0 if all(each.passed for each in found) else 1


def _prices(stage: Stage, cpu: recorded.Cpu, yardsticks: list[Yardstick]) -> Iterator[Price]:
    months = [float(each.measured) for each in yardsticks if each.name.startswith(MONTHLY)]
    return cases.price_list(stage, cpu, max(months))


def _of_prices(prices: list[Price]) -> Iterator[Yardstick]:
    """Yield the price list, and whether README has it."""
    for price in prices:
        unit = cases.UNITS.get(price.case, "per million")
        parts = ", ".join(f"{name} {dollars:.2f}" for name, dollars in price.parts.items())
        yield at_most(f"$ {unit}: {price.case}", price.dollars, cases.BOUNDS[price.case], parts)
    # Ids and times differ between runs, and with them how well an event is compressed.
    noted = recorded.load()["prices"]
    off = max(abs(each.dollars / noted[each.case] - 1) for each in prices)
    note = "if not: python -m bench --record"
    yield at_most("prices of this run, and those in README: difference", off, 0.03, note)


def _measured(stage: Stage, rounds: int) -> Iterator[Yardstick]:
    yield from ratios.all_ratios(stage, rounds)
    yield recorded.still_holds(recorded.measure(stage, rounds))


def _compile_stock() -> None:
    for package in STOCK_PACKAGES:
        compileall.compile_dir(STOCK / package, quiet=1)
    compileall.compile_file(STOCK / "six.py", quiet=1)


def _shown(yardstick: Yardstick, options: argparse.Namespace) -> Yardstick:
    if not options.json:
        print(table_line(yardstick), flush=True)
    return yardstick


def _print_inputs() -> None:
    print(f"write units: {write_units.check()} documented rules hold")
    for size in SIZES:
        lengths = [len(encode(event)) for event in load(size)]
        print(f"{size}: {len(lengths)} real events of {min(lengths)} to {max(lengths)} bytes")
    print()


def _print_own_calls(stage: Stage) -> None:
    ours = ("errata.", "functions.")
    called = [name for name in stage.ingest.called("4 KB") if name.startswith(ours)]
    print(f"Errata's own {len(called)} calls of a warm ingest:")
    print("".join(f"  {name}\n" for name in called))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--deterministic", action="store_true", help="only measurements that count")
    parser.add_argument(
        "--peer", choices=["bugsink"], help="measure this program beside Errata, and nothing else"
    )
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.add_argument(
        "--record",
        action="store_true",
        help="measure the CPU times of the price list again, and write it to README",
    )
    parser.add_argument("--verbose", action="store_true", help="list the calls of a warm ingest")
    parser.add_argument(
        "--rounds", type=int, default=ratios.ROUNDS, help="rounds of each ratio, at least 21"
    )
    options = parser.parse_args()
    if options.rounds < 21:
        parser.error("--rounds must be 21 or more")
    return options


if __name__ == "__main__":
    sys.exit(main())
