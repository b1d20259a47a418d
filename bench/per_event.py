"""The cost of one event, for every endpoint: AWS calls and write units."""

from collections import Counter
from statistics import median

from bench import write_units
from bench.report import Yardstick, at_most
from bench.server import AwsCall
from bench.template import tables
from bench.write_units import Item


def calls_per_event(
    name: str, events: int, of_authorizer: list[AwsCall], of_endpoint: list[AwsCall], operation: str
) -> Yardstick:
    """Check that a warm authorizer and endpoint make one `operation` per event, and no other."""
    kinds = Counter(call.operation for call in of_endpoint)
    per_event = len(of_authorizer) + len(of_endpoint) / events
    return Yardstick(
        name,
        f"{per_event:g}",
        f"1 {operation}",
        kinds == {operation: events} and per_event == 1,
        f"{events} events: {listed(kinds)}; the authorizer, key cached: {len(of_authorizer)}",
    )


def listed(kinds: Counter[str]) -> str:
    """Return how many calls there were of each operation, as text for a note."""
    return ", ".join(f"{count} {kind}" for kind, count in kinds.items())


def units_per_event(size: str, items: list[Item], most: int, *, of_sdk: bool = False) -> Yardstick:
    """Measure the write units of items of EventsTable.

    Each item must be in the index by_issue. Only items of SDKs must be in by_release, the index of
    SDK event ids.
    """
    events = next(table for table in tables() if table["TableName"] == "EventsTable")
    assert items
    assert all("issue" in item and ("release" in item) == of_sdk for item in items)
    spent = [write_units.put_units(item, events) for item in items]
    sizes = sorted(write_units.item_size(item) for item in items)
    note = (
        f"the worst of {len(items)}; median {median(spent):g}; items of {sizes[0]} to {sizes[-1]}"
        f" bytes, median {median(sizes):g}; in {1 + of_sdk} of"
        f" {len(events['GlobalSecondaryIndexes'])} indexes"
    )
    return at_most(f"write units per {size} event", max(spent), most, note)
