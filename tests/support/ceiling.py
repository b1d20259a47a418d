"""A double of the events table that takes 1,000 write units a second for each partition key.

It stands in for DynamoDB's own limit, which no emulator has. Each call takes some milliseconds.

Source: Amazon DynamoDB Developer Guide, "Best practices for designing and using partition keys".
"""

from collections import Counter
from typing import Any

from bench.write_units import put_units
from errata.config import settings
from tests.support import stream
from tests.support.account import Clock
from tests.support.calls import Call, throttled
from tests.support.template import tables

UNITS_A_SECOND = 1_000
_CALL_S = 0.004


class Ceiling:
    """Stores new events in memory, in their order, and refuses those above the ceiling.

    Attributes:
        items: what it has stored.
        refused: how many calls it has refused, by second.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.items: dict[str, dict[str, Any]] = {}
        self.refused = Counter[int]()
        self._spent = Counter[tuple[str, int]]()

    def watch(self, call: Call) -> Any:
        """Answer a call for `tests.support.calls.watched`."""
        events_table = call.parameters.get("TableName") == settings().events_table
        if call.operation != "PutItem" or not events_table:
            return call.send()
        self._clock.advance(_CALL_S)
        item, second = call.parameters["Item"], self._clock.ms // 1000
        image = stream.record(item, 1)["dynamodb"]["NewImage"]
        units = put_units(image, tables()["EventsTable"])
        partition = item["pk"]["S"], second
        if self._spent[partition] + units > UNITS_A_SECOND:
            self.refused[second] += 1
            raise throttled(call)
        self._spent[partition] += units
        assert item["sk"]["S"] not in self.items
        self.items[item["sk"]["S"]] = item
        return {}
