"""Unmodified SDKs of OpenTelemetry, at the deployed stack, and the published protocol."""

import importlib
from collections.abc import Iterator
from typing import Any

import pytest

from dev.stack import LocalStack
from errata.protocol.otlp import schema
from errata.protocol.otlp.protobuf import MessageType
from errata.usecases import log_records
from tests.clients.test_sdks import reporting
from tests.support.deployed import eventually
from tests.support.programs import run

RESOURCE = (
    "service.name=shop,service.version=1.2.3,deployment.environment.name=staging,host.name=web-1"
)


@pytest.mark.parametrize("program", ["python/otel_shop.py", "node/otel_shop.mjs"])
@pytest.mark.parametrize("base", ["api", "sdk", "project"])
def test_an_exception_in_a_span_and_in_a_log_record_is_one_event(
    stack: LocalStack, program: str, base: str
) -> None:
    shop = reporting(stack)
    log_records.change(shop.id, base == "sdk")
    url = {
        "api": stack.api_url,
        "sdk": stack.sdk_url.rstrip("/"),
        "project": f"{stack.api_url}/api/{shop.id}/integration/otlp",
    }[base]
    public = shop.dsn.partition("://")[2].partition("@")[0]
    of_dsn = f"x-sentry-auth=sentry sentry_key={public}"
    run(
        program,
        "",
        OTEL_EXPORTER_OTLP_ENDPOINT=url,
        OTEL_EXPORTER_OTLP_HEADERS=of_dsn if base == "project" else f"x-api-key={shop.key}",
        OTEL_EXPORTER_OTLP_COMPRESSION="gzip" if base == "sdk" else "none",
        OTEL_RESOURCE_ATTRIBUTES=RESOURCE,
    )
    expected = 2 if base == "sdk" else 1
    found = eventually(shop.events, lambda events: len(events) == expected)
    if base == "sdk":
        (logged,) = [event for event in found if not event["exception_class"]]
        assert (logged["message"], logged["level"]) == ("stock of LMP-0417 is -1", "error")
    (event,) = [event for event in found if event["exception_class"]]
    _assert_fields(event, program)


@pytest.mark.parametrize("program", ["python/logs.py", "node/logs.mjs"])
def test_an_error_in_the_logs_of_an_sdk_is_an_event_if_the_project_wants_it(
    stack: LocalStack, program: str
) -> None:
    shop = reporting(stack)
    log_records.change(shop.id, True)
    run(program, shop.dsn)
    (event,) = eventually(shop.events, bool)
    assert (event["message"], event["level"]) == ("stock of LMP-0417 is -1", "error")
    assert (event["release"], event["environment"]) == ("shop@1.2.3", "staging")
    assert event["logentry"]["message"].startswith("stock of {") or "%s" in str(event["logentry"])


def _assert_fields(event: dict[str, Any], program: str) -> None:
    assert (event["exception_class"], event["message"]) == ("NoPriceError", "no price for RUG-7720")
    assert (event["release"], event["environment"]) == ("1.2.3", "staging")
    assert (event["server_name"], event["tags"]["service.name"]) == ("web-1", "shop")
    assert event["platform"] == program.partition("/")[0]
    innermost = event["exceptions"][-1]["frames"][-1]
    assert innermost["filename"].endswith(program)
    assert innermost["function"] in ("price_of", "priceOf")
    trace = event["contexts"]["trace"]
    assert (len(trace["trace_id"]), len(trace["span_id"])) == (32, 16)


def _messages() -> Iterator[tuple[str, str, MessageType]]:
    common, logs, spans = (f"{part}.v1.{part}_pb2" for part in ("common", "logs", "trace"))
    yield common, "AnyValue", schema.ANY_VALUE
    yield common, "KeyValue", schema.KEY_VALUE
    yield common, "ArrayValue", schema.ARRAY_VALUE
    yield common, "KeyValueList", schema.KEY_VALUE_LIST
    yield common, "InstrumentationScope", schema.SCOPE
    yield "resource.v1.resource_pb2", "Resource", schema.RESOURCE
    yield logs, "LogRecord", schema.LOG_RECORD
    yield spans, "Span", schema.SPAN
    yield spans, "Span.Event", schema.SPAN_EVENT


@pytest.mark.parametrize(("module", "name", "message"), [*_messages()])
def test_the_numbers_of_fields_are_those_of_the_published_protocol(
    module: str, name: str, message: MessageType
) -> None:
    found: Any = importlib.import_module(f"opentelemetry.proto.{module}")
    for part in name.split("."):
        found = getattr(found, part)
    published = {field.number: field.json_name for field in found.DESCRIPTOR.fields}
    for number, (field, _) in message.fields.items():
        assert published[number] == field


@pytest.mark.parametrize(("signal", "kind"), [("logs", "Logs"), ("trace", "Trace")])
def test_the_numbers_of_the_outer_messages_are_those_of_the_published_protocol(
    signal: str, kind: str
) -> None:
    service: Any = importlib.import_module(
        f"opentelemetry.proto.collector.{signal}.v1.{signal}_service_pb2"
    )
    request = getattr(service, f"Export{kind}ServiceRequest").DESCRIPTOR
    of_resource = request.fields_by_number[schema.RESOURCES].message_type
    assert of_resource.fields_by_number[schema.RESOURCE_OF].name == "resource"
    of_scope = of_resource.fields_by_number[schema.SCOPES].message_type
    assert of_scope.fields_by_number[schema.SCOPE_OF].name == "scope"
    record = of_scope.fields_by_number[schema.RECORDS].message_type
    assert record.name in ("LogRecord", "Span")
    if signal == "logs":
        assert record.fields_by_number[schema.SEVERITY].name == "severity_number"
    partial = getattr(service, f"Export{kind}PartialSuccess").DESCRIPTOR
    assert partial.fields_by_number[1].name in ("rejected_log_records", "rejected_spans")
    assert partial.fields_by_number[2].name == "error_message"
