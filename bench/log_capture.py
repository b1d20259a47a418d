"""Measure log capture: a batch for each failure, as functions that fail now and then cause.

The failures are exceptions of Python, at as many places as the events of the other cases have. Each
has twenty lines before it, which the function reads.
"""

import base64
import gzip
import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bench import bill, prices
from bench.bill import Dollars
from bench.digest import ISSUES
from bench.process import Spent, Worker
from bench.server import AwsCall
from bench.stage import Stage
from bench.write_units import Item
from errata.models.capture import filter_name
from errata.models.ids import now_ms

_FUNCTION, _FOLDER = "LogCaptureFunction", "log_capture"
_LINES, _FRAMES = 20, 12
_numbers = itertools.count(1)


type Deliver = Callable[[int], Spent]


@contextmanager
def function(stage: Stage) -> Iterator[Deliver]:
    """Yield a function that delivers new batches to an execution environment of log_capture."""
    with Worker.of_function(_FUNCTION, _FOLDER, stage.server.url) as worker:

        def deliver(number: int) -> Spent:
            stage.server.lines = _around(now_ms())
            batches = [_batch(stage.busy_project, n) for n in range(number)]
            return worker.spend(batches, stage.server)

        yield deliver


def of_events(calls: list[AwsCall], cpu: float) -> Dollars:
    """Return the dollars of an event in the function, whose calls these are."""
    items = _items(calls)
    made = bill.writes(calls)
    others = (made.total() - made["EventsTable"]) * prices.WRITE_UNIT
    return {
        "endpoint": bill.invocation(_FUNCTION, cpu, len(calls) / len(items)),
        "EventsTable": made["EventsTable"] / len(items) * prices.WRITE_UNIT,
        "look-ups and rates": (others + bill.reads(calls) * prices.READ_UNIT) / len(items),
        "storage": bill.storage(items),
    }


def _items(calls: list[AwsCall]) -> list[Item]:
    """Return the events that transactions store. Their markers have no payload."""
    puts = [
        action["Put"]["Item"]
        for call in calls
        if call.operation == "TransactWriteItems"
        for action in call.request["TransactItems"]
        if "Put" in action
    ]
    found = [item for item in puts if "payload" in item]
    assert found
    return found


def _failure(place: int) -> str:
    frames = "".join(
        f'\xa0\xa0File "/var/task/shop/part{place}/step{n}.py", line {n + place}, in step{n}\n'
        f"\xa0\xa0\xa0\xa0return next_step(order, prices[{n}], discount)\n"
        for n in range(_FRAMES)
    )
    return f"[ERROR] KeyError: 'lamp'\nTraceback (most recent call last):\n{frames}"


def _request_id(number: int) -> str:
    return f"b8f7a3c2-6a41-4f0e-9d0c-{number:012x}"


def _batch(project_id: str, place: int) -> dict[str, Any]:
    """Return a batch with one line, which has an id of its own."""
    number = next(_numbers)
    text = _failure(place % ISSUES)
    content = {
        "messageType": "DATA_MESSAGE",
        "owner": "123456789012",
        "logGroup": "/aws/lambda/shop-checkout",
        "logStream": "2026/11/30/[$LATEST]0f3c1d2e3f4a5b6c7d8e9f0a1b2c3d4e",
        "subscriptionFilters": [filter_name("errata", project_id)],
        "logEvents": [{"id": f"{number:056}", "timestamp": now_ms(), "message": text}],
    }
    data = gzip.compress(json.dumps(content).encode())
    return {"awslogs": {"data": base64.b64encode(data).decode()}}


def _around(at_ms: int) -> list[dict[str, Any]]:
    """Return the lines of an invocation, as GetLogEvents does."""
    request_id = _request_id(next(_numbers))
    texts = [f"START RequestId: {request_id} Version: $LATEST\n"]
    texts += [
        f"[INFO]\t2026-11-30T16:45:{n:02}.277Z\t{request_id}\tstep {n} of the order is done\n"
        for n in range(_LINES)
    ]
    return [{"timestamp": at_ms - 100 + n, "message": text} for n, text in enumerate(texts)]
