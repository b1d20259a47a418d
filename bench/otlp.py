"""Measure exceptions in OpenTelemetry spans, sent as protobuf.

Each span has one exception: that of an event of 4 KB. There are as many issues as in the other
cases. A request has one resource.
"""

import gzip
import os
import random
import string
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from bench import bill, prices
from bench.bill import Dollars
from bench.corpus import load
from bench.digest import ISSUES
from bench.process import Spent, Worker
from bench.server import AwsCall
from bench.stage import Stage
from bench.traffic import otlp_event
from bench.write_units import Item
from errata.models.ids import now_ms

_FUNCTION, _FOLDER = "SentryIngestFunction", "sentry_ingest"
# The exceptions of a batch.
BATCH = 50
_RESOURCE = {
    "service.name": "shop-checkout",
    "service.version": "shop@2026.11.22",
    "deployment.environment.name": "production",
    "host.name": "ip-10-0-3-17.eu-central-1.compute.internal",
    "os.type": "linux",
    "process.pid": "7",
    "process.runtime.name": "cpython",
    "process.runtime.version": "3.13.0",
    "telemetry.sdk.language": "python",
    "telemetry.sdk.name": "opentelemetry",
    "telemetry.sdk.version": "1.45.2",
}
_OF_REQUEST = {
    "http.request.method": "POST",
    "http.route": "/cart/{cart}/checkout",
    "http.response.status_code": "500",
    "url.full": "https://shop.example.com/cart/7f3a/checkout?coupon=SPRING",
    "user_agent.original": "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
    "client.address": "203.0.113.129",
    "network.protocol.version": "1.1",
    "server.address": "shop.example.com",
}


type Export = Callable[[Sequence[bytes]], Spent]


@contextmanager
def endpoint(stage: Stage) -> Iterator[Export]:
    """Yield a function that sends requests to a new execution environment of the SDK endpoint."""
    with Worker.of_function(_FUNCTION, _FOLDER, stage.server.url) as worker:

        def export(bodies: Sequence[bytes]) -> Spent:
            events = [otlp_event(body, stage.busy_key) for body in bodies]
            # An empty message: nothing is rejected.
            return worker.spend(events, stage.server, {"statusCode": 200, "body": ""})

        yield export


def request(exceptions: int, first: int = 0, *, new: bool = False) -> bytes:
    """Return a request with exceptions of known issues from `first` on, or of `new` ones."""
    suffix = "".join(random.choices(string.ascii_lowercase, k=6)) if new else ""
    spans = [_span((first + n) % ISSUES, suffix) for n in range(exceptions)]
    of_scope = ScopeSpans(scope=InstrumentationScope(name="opentelemetry.flask"), spans=spans)
    resource = Resource(attributes=_pairs(_RESOURCE))
    sent = ExportTraceServiceRequest(
        resource_spans=[ResourceSpans(resource=resource, scope_spans=[of_scope])]
    )
    content: bytes = sent.SerializeToString()
    return gzip.compress(content)


def of_events(calls: list[AwsCall], cpu: float, exceptions: int) -> Dollars:
    """Return the dollars of an exception. `cpu` and `exceptions` are those of a request."""
    puts: list[Item] = [
        call.request["Item"]
        for call in calls
        if call.operation == "PutItem" and call.request["TableName"] == "EventsTable"
    ]
    items = [item for item in puts if "issue" in item]  # and no tally
    # Each is written before and after its event.
    markers = {item["sk"]["S"]: item for item in puts if "payload" not in item}
    assert len(items) == len(markers) == len(puts) / 3
    made = bill.writes(calls)
    others = (made.total() - made["EventsTable"]) * prices.WRITE_UNIT
    of_request = bill.invocation(_FUNCTION, cpu, len(calls) / len(items) * exceptions)
    return {
        "endpoint": of_request / exceptions,
        "EventsTable": made["EventsTable"] / len(items) * prices.WRITE_UNIT,
        "look-ups and rates": (others + bill.reads(calls) * prices.READ_UNIT) / len(items),
        "storage": bill.storage(items) + bill.storage(list(markers.values())),
    }


def _span(index: int, suffix: str) -> Span:
    at_ns = now_ms() * 1_000_000
    error = load("4 KB")[index]
    raised = {
        "exception.type": f"{error['exception_class']}{suffix}",
        "exception.message": error["message"],
        "exception.stacktrace": error["stack_trace"],
        "exception.escaped": "False",
    }
    event = Span.Event(name="exception", time_unix_nano=at_ns, attributes=_pairs(raised))
    return Span(
        trace_id=os.urandom(16),
        span_id=os.urandom(8),
        name="POST /cart/{cart}/checkout",
        start_time_unix_nano=at_ns - 20_000_000,
        end_time_unix_nano=at_ns,
        attributes=_pairs(_OF_REQUEST),
        events=[event],
    )


def _pairs(attributes: dict[str, str]) -> list[Any]:
    return [
        KeyValue(key=key, value=AnyValue(string_value=each)) for key, each in attributes.items()
    ]
