"""Measure user feedback, and events that come with a file, until both expire."""

import gzip
import json
import random
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from bench import bill, prices
from bench.bill import Dollars
from bench.process import Spent, Worker
from bench.sdk import sdk_post
from bench.server import AwsCall
from bench.stage import Stage
from bench.template import template
from bench.traffic import url_event
from bench.write_units import Item

_FUNCTION, _FOLDER = "SentryIngestFunction", "sentry_ingest"
_COMPILE_MAPS, _COMPILE_MAPS_FOLDER = "CompileMapsFunction", "compile_maps"
# A screenshot.
FILE_BYTES = 100_000
_MESSAGE = (
    "I wanted to pay for two lamps and a table. After the button, the page said that something went"
    " wrong, and the cart was empty. I have tried it twice."
)


type Send = Callable[[Sequence[bytes]], Spent]


@contextmanager
def endpoint(stage: Stage) -> Iterator[Send]:
    """Yield a function that posts envelopes to a new execution environment of the SDK endpoint.

    Its project keeps attachments, and has had feedback.
    """
    with Worker.of_function(_FUNCTION, _FOLDER, stage.server.url) as worker:

        def send(bodies: Sequence[bytes]) -> Spent:
            events = [url_event(each, stage.busy_project, stage.busy_key) for each in bodies]
            return worker.spend(events, stage.server, {"statusCode": 200})

        yield send


def written() -> bytes:
    """Return what an SDK posts if somebody writes about an event."""
    about = {
        "message": _MESSAGE,
        "name": "Ada Example",
        "contact_email": "ada@example.com",
        "url": "https://shop.example.com/cart/7f3a/checkout",
        "associated_event_id": uuid.uuid4().hex,
    }
    event_id = uuid.uuid4().hex
    content = {"event_id": event_id, "contexts": {"feedback": about}, "platform": "javascript"}
    lines = [{"event_id": event_id}, {"type": "feedback"}, content]
    return gzip.compress("\n".join(map(json.dumps, lines)).encode())


def with_file(event: dict[str, Any]) -> bytes:
    """Return what an SDK posts for an event with a file that does not compress."""
    return sdk_post(event, file=random.randbytes(FILE_BYTES))


def of_feedback(calls: list[AwsCall], cpu: float) -> Dollars:
    """Return the dollars of a feedback, whose requests made these calls."""
    puts = [
        action["Put"]["Item"]
        for call in calls
        if call.operation == "TransactWriteItems"
        for action in call.request["TransactItems"]
    ]
    items = [item for item in puts if "feedback" in item]
    markers = [item for item in puts if "feedback" not in item]
    assert len(items) == len(markers) > 0
    return {
        **_of_function(calls, cpu, len(items)),
        "storage": bill.storage(items) + bill.storage(markers),
    }


def of_events(calls: list[AwsCall], cpu: float) -> Dollars:
    """Return the dollars of an event with a file, without those of the file's end."""
    kinds = Counter(call.operation for call in calls)
    items: list[Item] = [
        call.request["Item"]
        for call in calls
        if call.operation == "PutItem" and call.request["TableName"] == "EventsTable"
    ]
    assert len(items) == kinds["PutObject"] > 0
    days = int(template()["Parameters"]["RetentionDays"]["Default"])
    months = days * 86_400 / prices.SECONDS_A_MONTH
    of_files = FILE_BYTES / 2**30 * months * prices.FILE_GB
    return {
        **_of_function(calls, cpu, len(items)),
        "files": prices.FILE_PUT,
        "storage": bill.storage(items) + of_files,
    }


def _of_function(calls: list[AwsCall], cpu: float, number: int) -> Dollars:
    made = bill.writes(calls)
    of_events = made["EventsTable"] * prices.WRITE_UNIT
    others = made.total() * prices.WRITE_UNIT - of_events + bill.reads(calls) * prices.READ_UNIT
    return {
        "endpoint": bill.invocation(_FUNCTION, cpu, len(calls) / number),
        "EventsTable": of_events / number,
        "look-ups and rates": others / number,
    }


# ------------------------------------------------------------------ the end of files


@contextmanager
def end(stage: Stage) -> Iterator[Callable[[], Spent]]:
    """Yield a function that deletes the files of an event whose row has expired."""
    with Worker.of_function(_COMPILE_MAPS, _COMPILE_MAPS_FOLDER, stage.server.url) as worker:

        def delete_files() -> Spent:
            keys = {"pk": {"S": stage.busy_project}, "sk": {"S": f"attachment#{uuid.uuid4().hex}"}}
            return worker.spend([{"Records": [{"dynamodb": {"Keys": keys}}]}], stage.server)

        yield delete_files


def of_end(calls: list[AwsCall], cpu: float) -> Dollars:
    """Return the dollars of deleting the files of an event. S3 charges nothing for that."""
    assert {call.operation for call in calls} == {"DeleteObjects"}
    return {"end of files": bill.invocation(_COMPILE_MAPS, cpu, len(calls))}
