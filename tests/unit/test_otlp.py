"""OTLP without a store: any bytes, values of each kind, and the forms of events."""

import contextlib
import json
from copy import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_json

from errata.errors import BodyTooLargeError, InvalidInputError
from errata.protocol.otlp import schema
from errata.protocol.otlp.event import Names, to_sdk_event
from errata.protocol.otlp.protobuf import MAX_DEPTH, Decoder, bytes_field, number_field
from errata.protocol.otlp.records import (
    MAX_EVENTS,
    MAX_SHARED,
    Signal,
    TelemetryRecord,
    read_request,
    value,
)
from errata.protocol.sentry.event import to_fields
from tests.support import fuzz, otlp
from tests.support.otlp import any_value, encoded, exception, log, logs, pairs, span, spans
from tests.support.steps import peak_bytes, steps

# Beginnings of both kinds of requests, so that the parser gets past the start.
STARTS = [
    b"",
    otlp.as_protobuf("logs", logs(log(exception(), {"a": [1, {"b": 2.5}]}))),
    otlp.as_protobuf("traces", spans(span(exception()))),
]
# Copies: a value that is put into itself could not be sent.
plain: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, -1, 2**70, 1.5, "", "7", "--7", "exception", "0" * 32, [], {}]
).map(copy)
PATHS: dict[str, list[tuple[str | int, ...]]] = {
    "logs": [
        *((), ("body",), ("body", "stringValue"), ("attributes",), ("attributes", 0)),
        *(("attributes", 0, "key"), ("attributes", 0, "value"), ("timeUnixNano",)),
        *(("attributes", 0, "value", "stringValue"), ("severityNumber",), ("traceId",)),
    ],
    "traces": [
        *((), ("events",), ("events", 0), ("events", 0, "name"), ("events", 0, "attributes")),
        *(("events", 0, "timeUnixNano"), ("events", 0, "attributes", 0, "value"), ("spanId",)),
        *(("attributes",), ("name",)),
    ],
}


@pytest.mark.parametrize("signal", ["logs", "traces"])
@given(data=st.data())
@fuzz.bounded(100)
def test_any_bytes_are_parsed_or_refused(signal: Signal, data: st.DataObject) -> None:
    whole = bytearray(data.draw(st.sampled_from(STARTS)))
    for _ in range(data.draw(st.integers(0, 3))):
        if whole:
            whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(BodyTooLargeError, InvalidInputError):
        _made(
            read_request(bytes(whole) + data.draw(st.binary(max_size=20)), signal, False, True).kept
        )


@pytest.mark.parametrize("signal", ["logs", "traces"])
@given(data=st.data())
@fuzz.bounded(100)
def test_an_invalid_value_anywhere_removes_at_most_its_own_record(
    signal: Signal, data: st.DataObject
) -> None:
    good = log(exception(), "a") if signal == "logs" else span(exception(), attributes=[])
    bad = json.loads(json.dumps(good))
    for path in data.draw(st.lists(st.sampled_from(PATHS[signal]), max_size=3)):
        bad = _with(bad, path, data.draw(plain))
    if not isinstance(bad, dict):
        return
    kept = read_request((logs if signal == "logs" else spans)(bad, good), signal, True, True).kept
    assert 1 <= len(kept) <= 2
    _made(kept)


def _with(owner: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """Set the value at a path, if the path still exists."""
    if not path:
        return value
    if isinstance(owner, dict) or (isinstance(owner, list) and owner and path[0] == 0):
        first: Any = path[0]
        if isinstance(owner, list) or isinstance(first, str):
            inner = owner.get(first) if isinstance(owner, dict) else owner[0]
            owner[first] = _with(inner, path[1:], value)
    return owner


def _made(kept: list[list[TelemetryRecord]]) -> None:
    names = Names()
    for group in kept:
        for record in group:
            event = to_sdk_event(record)
            names.of(record, event)
            to_fields(json.loads(to_json(event, inf_nan_mode="null")), 0, None, "")


@pytest.mark.parametrize(
    "content", ["", "a", 0, 7, -1, 2**63 - 1, -(2**63), 2.5, True, False, [], [1, "a"], {"a": [{}]}]
)
def test_a_value_is_the_same_in_both_forms(content: Any) -> None:
    in_json = any_value(content)
    decoded = Decoder().decode(encoded(schema.ANY_VALUE, in_json), schema.ANY_VALUE)
    assert value(decoded) == value(in_json) == content


def test_bytes_are_shown_by_their_number() -> None:
    decoded = Decoder().decode(bytes_field(7, b"\x00\x01"), schema.ANY_VALUE)
    assert value(decoded) == "(2 bytes)"


def test_values_that_are_nested_too_deeply_are_left_out() -> None:
    content: Any = "a"
    for _ in range(MAX_DEPTH):
        content = [content]
    in_json = any_value(content)
    decoded = Decoder().decode(encoded(schema.ANY_VALUE, in_json), schema.ANY_VALUE)
    for found in (value(in_json), value(decoded)):
        assert "a" not in json.dumps(found)


def test_unknown_fields_are_skipped_and_known_ones_of_another_type_ignored() -> None:
    record = encoded(schema.LOG_RECORD, log(exception(), "a"))
    odd = number_field(99, 1) + number_field(1, 5) + bytes_field(2, b"x") + b"\x4d\x00\x00\x00\x00"
    message = schema.LOG_RECORD
    assert Decoder().decode(odd + record, message) == Decoder().decode(record, message)


@pytest.mark.parametrize(
    ("severity", "text", "level"),
    [
        *((24, "", "fatal"), (17, "", "error"), (13, "", "warning"), (9, "", "info")),
        *((1, "", "debug"), (0, "CRITICAL", "critical"), (0, "", "error")),
    ],
)
def test_severities_are_mapped_to_levels(severity: int, text: str, level: str) -> None:
    record = TelemetryRecord(severity=severity, level=text, body="a")
    assert to_sdk_event(record)["level"].lower() == level


def test_old_names_of_attributes_are_read() -> None:
    own = {"http.url": "https://a.example/b", "http.method": "GET", "enduser.id": "7"}
    code = {"code.filepath": "/app/a.py", "code.function": "f", "code.lineno": 3}
    resource = {"deployment.environment": "production", "service.name": "shop"}
    made = to_sdk_event(TelemetryRecord(attributes={**own, **code}, resource=resource, body="a"))
    assert made["request"] == {"url": "https://a.example/b", "method": "GET"}
    assert (made["user"], made["environment"]) == ({"id": "7"}, "production")
    assert made["stacktrace"]["frames"] == [
        {"filename": "/app/a.py", "function": "f", "lineno": "3"}
    ]
    assert made["server_name"] == "shop"


def test_a_url_is_made_of_its_parts() -> None:
    own = {"url.scheme": "https", "server.address": "a.example", "server.port": 8443}
    made = to_sdk_event(TelemetryRecord(attributes={**own, "url.path": "/b", "url.query": "c=1"}))
    assert made["request"]["url"] == "https://a.example:8443/b?c=1"


@pytest.mark.parametrize("text", ["--7", "-", "7-", "\u0663", "9" * 21])
def test_an_invalid_int_value_is_none(text: str) -> None:
    assert value({"intValue": text}) is None


def test_thousands_of_exceptions_of_a_span_take_little_memory() -> None:
    own = pairs({f"name {number}": number for number in range(200)})
    few = pairs({"exception.type": "KeyError"})
    sent = {"attributes": own, "events": [{"name": "exception", "attributes": few}] * 3_000}
    body = spans(sent)
    alone = peak_bytes(lambda: json.loads(body))
    batches: list[Any] = []
    assert (
        peak_bytes(lambda: batches.append(read_request(body, "traces", True, False)))
        < alone + 5_000_000
    )
    assert (len(batches[0].kept[0]), batches[0].over) == (MAX_EVENTS, 2_900)


@pytest.mark.parametrize("as_json", [True, False])
def test_shared_resources_and_scopes_are_read_once_and_bounded(as_json: bool) -> None:
    large = {f"large {number}": "x" * 5_000 for number in range(190)}
    one = {"resource": {"attributes": pairs({"service.name": "a", **large, "host.name": "b"})}}
    scopes = [{"scope": {"name": "n" * 5_000}, "logRecords": [log(exception())]}] * 300
    body = json.dumps({"resourceLogs": [{**one, "scopeLogs": scopes}]}).encode()
    body = body if as_json else otlp.as_protobuf("logs", body)
    # Once for each scope, these are several times as many.
    assert steps(lambda: read_request(body, "logs", as_json, False)) < 120_000
    (first, *_), *_, (last, *_) = read_request(body, "logs", as_json, False).kept
    assert (len(last.scope), len(str(last.resource)) < 2 * MAX_SHARED) == (1_000, True)
    assert {"service.name": "a", "host.name": "b"}.items() <= last.resource.items()
    problem = "5 of 192 attributes are kept: together, they are too large"
    assert first.problems == [{"field": "contexts.resource", "problem": problem}]


def test_attributes_that_exceptions_of_a_span_share_are_bounded() -> None:
    own = pairs({"query": "x" * MAX_SHARED, "small": "y"})
    several, alone = (
        read_request(
            spans(span(*[exception()] * most, attributes=own)), "traces", True, False
        ).kept[0]
        for most in (2, 1)
    )
    problem = "1 of 2 attributes are kept: together, they are too large"
    for record in several:
        assert record.problems == [{"field": "attributes", "problem": problem}]
        assert "query" not in record.attributes
        assert record.attributes["small"] == "y"
    assert len(alone[0].attributes["query"]) == MAX_SHARED
    assert alone[0].problems == []


def test_an_exception_does_not_take_exception_attributes_of_its_span() -> None:
    of_span = pairs({"exception.stacktrace": "of another", "exception.type": "Another"})
    ((record,),) = read_request(
        spans(span({"exception.message": "a"}, attributes=of_span)), "traces", True, False
    ).kept
    assert to_sdk_event(record)["exception"] == [
        {"type": "Error", "value": "a", "mechanism": {"type": "opentelemetry"}}
    ]
