"""Reads the records of an OTLP request: the exceptions of spans, and log records.

If a record cannot be read, the others are read all the same. Spans and log records that cannot lead
to an event are only counted: in protobuf, they are not even decoded.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any, Literal, NamedTuple

from errata.errors import BodyTooLargeError, InvalidInputError
from errata.models.event import Problem
from errata.protocol.body import parse_object
from errata.protocol.otlp import schema
from errata.protocol.otlp.protobuf import MAX_DEPTH, Decoder, MalformedError

# The most bytes of a request. The Collector's default batch of 8,192 spans has about half.
MAX_BYTES = 8 * 1024 * 1024
# The most commas and opening brackets of a request in JSON. Each may become an object in memory.
MAX_JSON_PARTS = 1_500_000
# The most records of a request that become events.
MAX_EVENTS = 100
# Attributes of a span, a record or a resource. SDKs send at most 128, by default.
MAX_ATTRIBUTES = 200
# Characters of attributes that several events share: those of a resource, and of a span with
# several exceptions. Without this limit, a request of 8 MiB could become events of 800 MiB.
MAX_SHARED = 16_384
_MAX_NAME = 1_000
# SeverityNumber: ERROR is 17 to 20, FATAL is 21 to 24.
ERROR = 17
_EXCEPTION, _OF_RESOURCE = "exception", "contexts.resource"
_INTEGER = re.compile(r"-?[0-9]{1,20}")
_TRACE_ID, _SPAN_ID = re.compile(r"(?!0+$)[0-9a-f]{32}"), re.compile(r"(?!0+$)[0-9a-f]{16}")

type Signal = Literal["logs", "traces"]
type Attributes = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TelemetryRecord:
    """An exception of a span, or a log record.

    Attributes:
        at_ns: when it happened, in nanoseconds since the epoch. 0: unknown.
        trace_id, span_id: in hex, "" if it belongs to no span.
        attributes: its own. An exception of a span also has those of the span.
        resource: the attributes of what sent it.
        scope: the name of the library or logger.
        span: the name of the span, "" for a log record.
        severity: OTLP's number. 0: unknown.
        level: the severity as a text. Often "".
        template: of the body, "" if unknown.
        problems: what was left out.
    """

    at_ns: int = 0
    trace_id: str = ""
    span_id: str = ""
    attributes: Attributes = field(default_factory=dict)
    resource: Attributes = field(default_factory=dict)
    scope: str = ""
    span: str = ""
    body: Any = None
    severity: int = 0
    level: str = ""
    template: str = ""
    problems: list[Problem] = field(default_factory=list)

    @property
    def has_exception(self) -> bool:
        """Whether this is an exception. OTLP asks for one of the two attributes."""
        return any(f"exception.{name}" in self.attributes for name in ("type", "message"))


@dataclass(slots=True)
class Batch:
    """The records of a request that become events, by span or log record.

    `number` is how many spans or log records were sent. `over` is how many records were left out,
    because `kept` has `MAX_EVENTS`.
    """

    kept: list[list[TelemetryRecord]] = field(default_factory=list)
    number: int = 0
    over: int = 0


def read_request(body: bytes, signal: Signal, is_json: bool, errors: bool) -> Batch:
    """Return the records of a request that become events.

    Args:
        body: the request's body, decompressed.
        errors: whether log records of level error become events.

    Raises:
        InvalidInputError: the body is not what the protocol says.
        BodyTooLargeError: the body has more parts than Errata reads.
    """
    batch = Batch()
    left = MAX_EVENTS
    for found in _from_json(body, signal, errors) if is_json else _from_bytes(body, signal, errors):
        batch.number += 1
        if kept := list(islice(found, left)):
            batch.kept.append(kept)
            left -= len(kept)
        # Count one at a time: each record has all attributes of its span.
        batch.over += sum(1 for _ in found)
    return batch


class _Shared(NamedTuple):
    """Attributes that several events share, and problems: what was left out of the attributes."""

    attributes: Attributes
    problems: list[Problem]


@dataclass(slots=True)
class _Once[Result]:
    """Calls a function at most once. Quick to make, because a request may have half a million."""

    read: Callable[[], Result]
    result: Result | None = None

    def __call__(self) -> Result:
        """Return the function's result, which is not None."""
        if self.result is None:
            self.result = self.read()
        return self.result


@dataclass(slots=True)
class _Source:
    """A resource and a scope. Each is read once for all its records, and only if needed."""

    signal: Signal
    errors: bool
    resource: Callable[[], _Shared]
    scope: Callable[[], str]

    def records(self, sent: Attributes) -> Iterator[TelemetryRecord]:
        """Return the records of a span or a log record that become events, made one by one."""
        resource = self.resource()
        shared = {
            "resource": resource.attributes,
            "problems": resource.problems,
            "scope": self.scope(),
            "trace_id": _hex(sent.get("traceId"), _TRACE_ID),
            "span_id": _hex(sent.get("spanId"), _SPAN_ID),
        }
        if self.signal == "traces":
            return _exceptions(sent, shared)
        record = _log_record(sent, shared)
        is_error = self.errors and record.severity >= ERROR
        return iter((record,) if is_error or record.has_exception else ())


def _shared(own: Attributes, of: str) -> _Shared:
    """Return as many attributes as fit into `MAX_SHARED`. `of` is where the event has them."""
    kept: Attributes = {}
    left = MAX_SHARED
    for name, each in own.items():
        size = len(name) + len(str(each))
        if size <= left:
            left -= size
            kept[name] = each
    if len(kept) == len(own):
        return _Shared(own, [])
    problem = f"{len(kept)} of {len(own)} attributes are kept: together, they are too large"
    return _Shared(kept, [{"field": of, "problem": problem}])


# ------------------------------------------------------------------ the two forms


def _from_bytes(body: bytes, signal: Signal, errors: bool) -> Iterator[Iterator[TelemetryRecord]]:
    decoder = Decoder()
    message = schema.LOG_RECORD if signal == "logs" else schema.SPAN
    for of_resource in decoder.messages(body, schema.RESOURCES):
        resource = _Once(partial(_decoded_resource, decoder, of_resource))
        for of_scope in decoder.messages(of_resource, schema.SCOPES):
            scope = _Once(partial(_decoded_scope, decoder, of_scope))
            source = _Source(signal, errors, resource, scope)
            for sent in decoder.messages(of_scope, schema.RECORDS):
                try:
                    wanted = _may_be_kept(decoder, sent, signal, errors)
                    yield source.records(decoder.decode(sent, message)) if wanted else iter(())
                except MalformedError:
                    yield iter(())


def _decoded_resource(decoder: Decoder, of_resource: bytes) -> _Shared:
    try:
        sent = next(decoder.messages(of_resource, schema.RESOURCE_OF), b"")
        return _resource(decoder.decode(sent, schema.RESOURCE))
    except MalformedError:
        return _Shared({}, [{"field": _OF_RESOURCE, "problem": "cannot be read"}])


def _decoded_scope(decoder: Decoder, of_scope: bytes) -> str:
    try:
        sent = next(decoder.messages(of_scope, schema.SCOPE_OF), b"")
        return _scope(decoder.decode(sent, schema.SCOPE))
    except MalformedError:
        return ""


def _may_be_kept(decoder: Decoder, sent: bytes, signal: Signal, errors: bool) -> bool:
    # Protobuf has texts as they are, such as the name of an exception's event or attributes.
    if _EXCEPTION.encode() in sent:
        return True
    return (
        errors
        and signal == "logs"
        and any(
            number == schema.SEVERITY and isinstance(content, int) and content >= ERROR
            for number, _, content in decoder.fields(sent)
        )
    )


def _from_json(body: bytes, signal: Signal, errors: bool) -> Iterator[Iterator[TelemetryRecord]]:
    if sum(map(body.count, (b",", b"{", b"["))) > MAX_JSON_PARTS:
        raise BodyTooLargeError("The request has too many parts. Send smaller batches.")
    names = ("resourceLogs", "scopeLogs", "logRecords")
    if signal == "traces":
        names = ("resourceSpans", "scopeSpans", "spans")
    resources, scopes, records = names
    for of_resource in _objects(parse_object(body), resources):
        resource = _Once(partial(_resource, _object(of_resource, "resource")))
        for of_scope in _objects(of_resource, scopes):
            scope = _Once(partial(_scope, _object(of_scope, "scope")))
            source = _Source(signal, errors, resource, scope)
            for sent in _objects(of_scope, records):
                yield source.records(sent)


def _objects(owner: Attributes, name: str) -> list[Attributes]:
    """Return the objects in a list. A missing list is empty.

    Raises:
        InvalidInputError: this is no list of objects.
    """
    found = owner.get(name)
    if found is None:
        return []
    if isinstance(found, list) and all(type(each) is dict for each in found):
        return found
    raise InvalidInputError({"body": [f"{name} must be an array of objects."]})


def _object(owner: Attributes, name: str) -> Attributes:
    found = owner.get(name)
    return found if isinstance(found, dict) else {}


# ------------------------------------------------------------------ what both have in common


def _resource(sent: Attributes) -> _Shared:
    return _shared(attributes(sent.get("attributes")), _OF_RESOURCE)


def _scope(sent: Attributes) -> str:
    return _text(sent.get("name"))[:_MAX_NAME]


def _log_record(sent: Attributes, shared: Attributes) -> TelemetryRecord:
    severity = sent.get("severityNumber")
    return TelemetryRecord(
        **shared,
        at_ns=_nanoseconds(sent.get("timeUnixNano"))
        or _nanoseconds(sent.get("observedTimeUnixNano")),
        attributes=attributes(sent.get("attributes")),
        body=value(sent.get("body")),
        severity=severity if type(severity) is int else 0,
        level=_text(sent.get("severityText")),
    )


def _exceptions(span: Attributes, shared: Attributes) -> Iterator[TelemetryRecord]:
    sent = span.get("events")
    events = [each for each in sent if _is_exception(each)] if isinstance(sent, list) else []
    own = attributes(span.get("attributes"))
    own = {name: each for name, each in own.items() if not name.startswith("exception.")}
    of_span = _shared(own, "attributes") if len(events) > 1 else _Shared(own, [])
    shared["problems"] = shared["problems"] + of_span.problems
    for event in events:
        record = TelemetryRecord(
            **shared,
            at_ns=_nanoseconds(event.get("timeUnixNano")),
            attributes={**of_span.attributes, **attributes(event.get("attributes"))},
            span=_text(span.get("name"))[:_MAX_NAME],
        )
        if record.has_exception:
            yield record


def _is_exception(event: Any) -> bool:
    return isinstance(event, dict) and event.get("name") == _EXCEPTION


def attributes(sent: Any) -> Attributes:
    """Return a list of OTLP's pairs as an object. Leaves out what is no pair."""
    found: Attributes = {}
    for pair in sent[:MAX_ATTRIBUTES] if isinstance(sent, list) else ():
        if isinstance(pair, dict) and isinstance(key := pair.get("key"), str) and key:
            found[key] = value(pair.get("value"))
    return found


def value(sent: Any, depth: int = 0) -> Any:
    """Return the value in an `AnyValue`, None if it has none, or if it is too deep."""
    if not isinstance(sent, dict) or not sent or depth == MAX_DEPTH:
        return None
    kind, content = next(iter(sent.items()))
    match kind:
        case "stringValue" | "boolValue" | "doubleValue":
            return content if isinstance(content, str | bool | int | float) else None
        case "intValue":
            return _integer(content)
        case "arrayValue":
            return [value(each, depth + 1) for each in _list(content)]
        case "kvlistValue":
            return {
                pair["key"]: value(pair.get("value"), depth + 1)
                for pair in _list(content)
                if isinstance(pair, dict) and isinstance(pair.get("key"), str)
            }
        case "bytesValue":
            return f"({len(content)} bytes)" if isinstance(content, str | bytes) else None
    return None


def _list(content: Any) -> list[Any]:
    values = content.get("values") if isinstance(content, dict) else None
    return values if isinstance(values, list) else []


def _integer(content: Any) -> int | None:
    # In JSON, an int64 is a text. Python refuses to read very long ones.
    if isinstance(content, str) and _INTEGER.fullmatch(content):
        return int(content)
    return content if type(content) is int else None


def _nanoseconds(content: Any) -> int:
    found = _integer(content)
    return found if found is not None and 0 <= found < 1 << 64 else 0


def _hex(content: Any, pattern: re.Pattern[str]) -> str:
    found = content.lower() if isinstance(content, str) else ""
    return found if pattern.fullmatch(found) else ""


def _text(content: Any) -> str:
    return content if isinstance(content, str) else ""
