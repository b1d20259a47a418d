"""`python -m bench`: print each measured value with its limit. Exit code 1 if one is exceeded."""

import argparse
import compileall
import sys
from collections.abc import Iterator

from bench import counts, ratios, write_units
from bench.artifact import BUILD, STOCK
from bench.corpus import SIZES, encode, load
from bench.report import Yardstick, line
from bench.stage import Stage, prepared

# What `import boto3` and a client need. pip compiles them when it installs; uv does not.
STOCK_PACKAGES = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "urllib3")


def main() -> int:
    """Measure what the options ask for. Return the exit code."""
    options = _options()
    if not (BUILD / "CommonLayer").exists():
        sys.exit("There is no build to measure. Run `make build`, or `make bench`.")
    print(f"write units: {write_units.check()} documented rules hold")
    for size in SIZES:
        lengths = [len(encode(event)) for event in load(size)]
        print(f"{size}: {len(lengths)} real events of {min(lengths)} to {max(lengths)} bytes")
    with prepared() as stage:
        print()
        if options.verbose:
            _print_own_calls(stage)
        passed = [_print(yardstick) for yardstick in _measure(stage, options)]
    failed = passed.count(False)
    print(f"\n{len(passed) - failed} of {len(passed)} hold")
    return 1 if failed else 0


def _measure(stage: Stage, options: argparse.Namespace) -> Iterator[Yardstick]:
    yield from counts.all_counts(stage)
    if not options.deterministic:
        for package in STOCK_PACKAGES:
            compileall.compile_dir(STOCK / package, quiet=1)
        compileall.compile_file(STOCK / "six.py", quiet=1)
        yield from ratios.all_ratios(stage, options.rounds)


def _print(yardstick: Yardstick) -> bool:
    print(line(yardstick), flush=True)
    return yardstick.passed


def _print_own_calls(stage: Stage) -> None:
    ours = ("errata.", "functions.")
    called = [name for name in stage.ingest.called("4 KB") if name.startswith(ours)]
    print(f"Errata's own {len(called)} calls of a warm ingest:")
    print("".join(f"  {name}\n" for name in called))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--deterministic", action="store_true", help="only measurements that count")
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
