"""OTLP: keys, forms, what becomes an event, and one event for one exception."""

import gzip
import itertools
import json
import logging
import zlib
from typing import Any

import pytest

from errata.protocol.otlp.protobuf import MAX_FIELDS
from errata.protocol.otlp.records import MAX_BYTES, MAX_EVENTS, MAX_JSON_PARTS
from errata.usecases import log_records, organizations, projects
from tests.support import function_url, otlp, sdk
from tests.support.account import Project, new_project
from tests.support.calls import Killed, failing, fault, killed, recorded
from tests.support.clients import events, only
from tests.support.fresh import clear_cache
from tests.support.gateway import Response, call
from tests.support.otlp import SPAN, TRACE, exception, export, log, logs, span, spans
from tests.support.template import ROOT

SENT = ROOT / "tests" / "fixtures" / "otlp"
PROTOBUF = {"Content-Type": "application/x-protobuf"}
DROPPED = "Errata keeps spans with exceptions."


def keep_error_logs(project: Project) -> Project:
    log_records.change(project.id, True)
    clear_cache()
    return project


def sent_by_python(signal: str) -> bytes:
    return (SENT / f"python-{signal}.bin").read_bytes()


# ------------------------------------------------------------------ what becomes an event


def test_an_exception_of_a_span_is_an_event(busy: Project) -> None:
    of_span = {"http.request.method": "GET", "url.full": "https://shop.example/cart", "n": 3}
    sent = span(exception(), attributes=otlp.pairs({**of_span, "paid": False, "skus": ["a", 1]}))
    response = export(busy, "traces", spans(sent))
    assert (response.status, response.json) == (200, {})
    event = only(busy)
    assert (event["exception_class"], event["message"]) == ("KeyError", "'lamp'")
    assert (event["release"], event["environment"]) == ("1.2.3", "staging")
    assert (event["server_name"], event["platform"]) == ("shop", "python")
    assert (event["transaction"], event["url"]) == ("GET /cart", "https://shop.example/cart")
    assert event["context"]["request"]["method"] == "GET"
    assert event["contexts"]["trace"] == {"trace_id": TRACE, "span_id": SPAN}
    assert event["contexts"]["resource"]["service.version"] == "1.2.3"
    assert (event["tags"]["n"], event["tags"]["paid"]) == ("3", "false")
    assert (event["tags"]["service.name"], event["extra"]) == ("shop", {"skus": ["a", 1]})
    (frame,) = event["exceptions"][0]["frames"]
    assert (frame["filename"], frame["lineno"]) == ("/app/shop/cart.py", 12)
    assert (frame["function"], frame["context_line"]) == ("total", "return prices[sku]")


def test_an_exception_of_a_log_record_is_an_event(busy: Project) -> None:
    of_user: dict[str, Any] = {
        "user.id": "42",
        "user.email": "kim@example.org",
        "exception.escaped": True,
    }
    sent = log(exception("shop.errors.KeyError", **of_user), "cart 7 has no price", severity=21)
    assert export(busy, "logs", logs(sent)).json == {}
    event = only(busy)
    assert (event["exception_class"], event["sentry_level"]) == ("KeyError", "fatal")
    assert (event["logger"], event["logentry"]) == (
        "shop.cart",
        {"formatted": "cart 7 has no price"},
    )
    assert event["user"] == {"id": "42", "email": "kim@example.org"}
    assert event["exceptions"][0]["module"] == "shop.errors"
    assert event["exceptions"][0]["mechanism"] == {"type": "opentelemetry", "handled": False}


def test_a_stack_trace_that_cannot_be_read_is_kept(busy: Project) -> None:
    text = "at line 3 of the cart\nat line 7 of the shop"
    export(busy, "logs", logs(log(exception("cart::Error", text))))
    event = only(busy)
    assert event["extra"] == {"exception.stacktrace": text}
    assert (event["exception_class"], event["message"]) == ("cart::Error", "'lamp'")


@pytest.mark.parametrize("form", ["json", "protobuf"])
def test_spans_and_log_records_without_an_error_are_rejected_and_counted(
    busy: Project, form: str
) -> None:
    sent = {
        "traces": spans(span(exception()), span(), span()),
        "logs": logs(log(exception(kind="ValueError")), log(body="a"), log(body="b", severity=9)),
    }
    for signal, body in sent.items():
        name = "rejectedSpans" if signal == "traces" else "rejectedLogRecords"
        if form == "json":
            partial = export(busy, signal, body).json["partialSuccess"]
            assert partial[name] == "2"
            assert partial["errorMessage"].startswith("Errata keeps ")
        else:
            response = export(busy, signal, otlp.as_protobuf(signal, body), PROTOBUF)
            assert response.headers["Content-Type"] == "application/x-protobuf"
            # ExportLogsServiceResponse.partial_success: a message with a number and a text.
            message = response.text.encode("latin-1")
            assert message[0] == 0x0A
            assert message[1] == len(message) - 2
            assert message[2:6] == b"\x08\x02\x12" + bytes([len(message) - 6])
            assert message[6:].startswith(b"Errata keeps ")
    assert {each["exception_class"] for each in events(busy)} == {"KeyError", "ValueError"}


@pytest.mark.parametrize("form", ["json", "protobuf"])
def test_log_records_of_level_error_are_events_if_the_project_wants_them(
    busy: Project, form: str
) -> None:
    body = logs(log(body="stock of lamp is -1", attributes={"code.file.path": "/app/stock.py"}))
    body_sent = body if form == "json" else otlp.as_protobuf("logs", body)
    headers = {} if form == "json" else PROTOBUF
    export(busy, "logs", body_sent, headers)
    assert events(busy) == []
    keep_error_logs(busy)
    response = export(busy, "logs", body_sent, headers)
    assert response.text == ("{}" if form == "json" else "")
    event = only(busy)
    assert (event["message"], event["level"], event["exception_class"]) == (
        "stock of lamp is -1",
        "error",
        None,
    )
    assert (event["file"], event["logger"]) == ("/app/stock.py", "shop.cart")
    export(busy, "logs", logs(log(body="all is well", severity=13)))
    assert len(events(busy)) == 1


def test_log_items_of_an_sdk_are_events_if_the_project_wants_them(busy: Project) -> None:
    record = {
        "timestamp": 1_796_057_516.25,
        "trace_id": TRACE,
        "level": "error",
        "body": "cart 7 has no price",
        "attributes": {
            "sentry.message.template": {"value": "cart %d has no price", "type": "string"},
            "sentry.release": {"value": "shop@1.2.3", "type": "string"},
            "cart": {"value": 7, "type": "integer"},
        },
    }
    others = [{**record, "level": "info"}, "nonsense", {**record, "body": "another", "level": None}]
    item = sdk.item("log", {"items": [record, *others]})
    first = sdk.post(busy, sdk.envelope(item))
    assert "log_item" in first.headers["X-Sentry-Rate-Limits"]
    assert events(busy) == []
    keep_error_logs(busy)
    for _ in range(2):
        response = sdk.post(busy, sdk.envelope(item))
        assert response.status == 200
        assert "X-Sentry-Rate-Limits" not in response.headers
        clear_cache()
    event = only(busy)
    assert (event["message"], event["release"]) == ("cart 7 has no price", "shop@1.2.3")
    assert (event["logentry"]["message"], event["tags"]) == ("cart %d has no price", {"cart": "7"})
    assert event["timestamp"] == "2026-11-30T16:51:56.250Z"


def test_an_unreadable_log_item_is_dropped_and_the_rest_is_stored(
    busy: Project, caplog: pytest.LogCaptureFixture
) -> None:
    keep_error_logs(busy)
    good = sdk.item("log", {"items": [{"level": "error", "body": "no price"}]})
    bad = sdk.item("log", b"[1")
    event = sdk.item("event", sdk.event())
    assert sdk.post(busy, sdk.envelope(bad, good, event)).status == 200
    assert {each["message"] for each in events(busy)} == {"no price", "'lamp'"}
    assert f"event lost: project {busy.id}, invalid" in caplog.text
    assert sdk.post(busy, sdk.envelope(bad)).status == 400


# ------------------------------------------------------------------ once


@pytest.mark.parametrize("order", [("logs", "traces"), ("traces", "logs")])
def test_an_exception_in_a_log_record_and_in_a_span_is_one_event(
    busy: Project, order: tuple[str, str]
) -> None:
    """Sent by the Python SDK: the span's stack trace has frames of the SDK, its type a module."""
    for signal in (*order, *order):
        assert export(busy, signal, sent_by_python(signal), PROTOBUF).status == 200
        clear_cache()
    event = only(busy)
    assert (event["exception_class"], event["message"]) == ("NoPriceError", "no price for rug")
    assert [each["type"] for each in event["exceptions"]] == ["KeyError", "NoPriceError"]


def test_exceptions_that_differ_in_type_line_span_or_trace_are_separate_events(
    busy: Project,
) -> None:
    elsewhere = otlp.STACK.replace("line 12", "line 13")
    export(busy, "traces", spans(span(exception(), exception("ValueError"))))
    export(busy, "traces", spans(span(exception(stack=elsewhere))))
    export(busy, "traces", spans(span(exception(), spanId="0" * 15 + "1")))
    export(busy, "traces", spans(span(exception(), traceId="0" * 31 + "1")))
    assert len(events(busy)) == 5


def test_two_equal_records_of_one_request_stay_two_events_if_it_is_sent_again(
    busy: Project,
) -> None:
    record = log(exception())
    body = logs(record, record)
    for _ in range(2):
        export(busy, "logs", body)
        clear_cache()
    assert len(events(busy)) == 2


def test_nothing_is_lost_or_doubled_if_the_process_ends_between_two_calls(busy: Project) -> None:
    keep_error_logs(busy)
    number = 0
    for number in itertools.count(1):
        body = logs(
            log(exception(), f"{number}", traceId=f"{number:032x}", spanId=SPAN),
            log(body=f"at once {number}"),
            log(body=f"late {number}", timeUnixNano="1796057516356036864"),
        )
        with fault(number, killed, after=True) as outcome:
            try:
                response = export(busy, "logs", body)
            except Killed:
                clear_cache()
                response = None
        if not outcome.struck:
            assert response
            assert response.status == 200
            break
        assert export(busy, "logs", body).status == 200
        clear_cache()
        assert len(events(busy)) == 3 * number, number
    assert number > 4


def test_a_failed_store_is_503_and_the_same_request_then_stores_the_rest(
    busy: Project, caplog: pytest.LogCaptureFixture
) -> None:
    body = logs(*(log(exception(kind=f"Error{n}")) for n in range(3)))
    export(busy, "logs", logs(log(exception())))  # from here on, the key is known
    with fault(2, failing):
        response = export(busy, "logs", body)
    assert (response.status, response.headers["Retry-After"]) == (503, "1")
    assert response.json == {"code": 14, "message": "The service is busy; try again."}
    assert sum("unavailable" in each for each in caplog.messages) >= 1
    clear_cache()
    assert export(busy, "logs", body).json == {}
    assert len(events(busy)) == 4


def test_an_exception_takes_one_call_in_a_log_record_and_three_in_a_span(busy: Project) -> None:
    export(busy, "logs", logs(log(exception())))
    with recorded() as calls:
        export(busy, "logs", logs(log(exception(kind="Other"))))
    assert [each.operation for each in calls] == ["PutItem"]
    with recorded() as calls:
        export(busy, "traces", spans(span(exception())))
    # A dedup marker, the event, the marker again.
    assert [each.operation for each in calls] == ["PutItem"] * 3


# ------------------------------------------------------------------ keys


def with_key(project: Project, headers: dict[str, str], url: str) -> int:
    sent = {"Content-Type": "application/json", **headers}
    return call("POST", url, spans(span(exception())), sent).status


def test_api_keys_and_public_keys_are_accepted_in_headers_and_the_query(busy: Project) -> None:
    of_project = f"/api/{busy.id}/integration/otlp/v1/traces"
    for url in ("/v1/traces", of_project, f"{of_project}/"):
        for headers in (
            {"X-Api-Key": busy.key},
            {"Authorization": f"Bearer {busy.key}"},
            {"X-Sentry-Auth": f"sentry sentry_key={busy.public}"},
            {"X-Api-Key": busy.public},
        ):
            assert with_key(busy, headers, url) == 200
    assert with_key(busy, {}, f"/v1/traces?sentry_key={busy.public}") == 200
    for headers in ({}, {"X-Api-Key": "0" * 32}, {"X-Sentry-Auth": "Sentry sentry_key="}):
        assert with_key(busy, headers, "/v1/traces") == 401
    other = new_project(metered=True)
    assert with_key(other, {"X-Api-Key": other.key}, of_project) == 401
    assert len(events(busy)) == 1
    assert events(other) == []


def test_the_function_s_url_accepts_otlp(busy: Project) -> None:
    def send(url: str, headers: dict[str, str]) -> Response:
        sent = {"Content-Type": "application/x-protobuf", **headers}
        return function_url.call("POST", url, sent_by_python("traces"), sent)

    assert send("/v1/traces", {"X-Api-Key": busy.key}).status == 200
    in_header = {"x-sentry-auth": f"sentry sentry_key={busy.public}"}
    assert send(f"/api/{busy.id}/integration/otlp/v1/traces/", in_header).status == 200
    assert send("/v1/traces", {}).status == 401
    refused = send("/v1/traces", {"X-Api-Key": "0" * 32})
    # google.rpc.Status: UNAUTHENTICATED, and a message.
    assert refused.status == 401
    assert refused.text.startswith("\x08\x10\x12")
    assert send("/v1/metrics", {"X-Api-Key": busy.key}).status == 404
    assert function_url.call("GET", "/v1/traces").status == 404
    assert len(events(busy)) == 1


def test_a_rate_limit_reached_within_a_request_rejects_its_other_events(
    caplog: pytest.LogCaptureFixture, project: Project
) -> None:
    projects.change(project.id, 3, None)
    body = logs(*(log(exception(kind=f"Error{n}")) for n in range(8)))
    of_dsn = {"X-Api-Key": project.public}  # reading counts against another key
    partial = export(project, "logs", body, of_dsn, counts=False).json["partialSuccess"]
    stored = len(events(project))
    assert 1 <= stored < 8
    assert partial == {
        "rejectedLogRecords": str(8 - stored),
        "errorMessage": f"{8 - stored} events: Too many requests.",
    }
    lost = [each for each in caplog.messages if "rate_limited" in each]
    assert lost == [
        f"event lost: project {project.id}, rate_limited",
        f"event lost: project {project.id}, rate_limited, {7 - stored}",
    ]
    # The next request is refused as a whole, so that its sender waits.
    refused = export(project, "logs", logs(log(exception())), of_dsn, counts=False)
    assert (refused.status, refused.json["code"]) == (429, 8)
    assert int(refused.headers["Retry-After"]) >= 1


@pytest.mark.usefixtures("clock")
def test_a_reached_quota_is_a_partial_success_not_an_error_to_retry(
    caplog: pytest.LogCaptureFixture,
) -> None:
    organization = organizations.create("small")
    organizations.change(organization.id, monthly_quota=1)
    created = projects.create("shop", organization=organization.id)
    assert created
    project = Project(created.project.id, created.key, created.public)
    body = logs(log(exception()), log(exception("Other")))
    response = export(project, "logs", body)
    assert response.status == 200
    assert response.json["partialSuccess"]["rejectedLogRecords"] == "1"
    assert "The monthly quota of 1 events" in response.json["partialSuccess"]["errorMessage"]
    assert f"event lost: project {project.id}, quota" in caplog.messages


# ------------------------------------------------------------------ bodies


def test_gzip_and_deflate_are_accepted_and_other_codings_are_415(busy: Project) -> None:
    for coding in ("gzip", "deflate"):
        content = logs(log(exception(kind=coding)))
        body = gzip.compress(content) if coding == "gzip" else zlib.compress(content)
        assert export(busy, "logs", body, {"Content-Encoding": coding}).status == 200
    assert len(events(busy)) == 2
    refused = export(busy, "logs", b"\x1b\x0b", {"Content-Encoding": "br"})
    assert (refused.status, refused.json["code"]) == (415, 3)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"\x0a\xff", PROTOBUF),
        (b"\x0b", PROTOBUF),
        (b"\x0a\x05ab", PROTOBUF),
        (b"{", {}),
        (b"[]", {}),
        (b'{"resourceLogs":{}}', {}),
        (b'{"resourceLogs":[1]}', {}),
        (b'{"resourceLogs":[{"scopeLogs":[{"logRecords":"x"}]}]}', {}),
        (b"\x1f\x8bno gzip", PROTOBUF),
    ],
)
def test_a_body_that_is_not_otlp_is_400(
    busy: Project, body: bytes, headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    response = export(busy, "logs", body, headers)
    assert response.status == 400, response.text
    assert caplog.messages == [f"event lost: project {busy.id}, invalid"]


def test_an_empty_request_is_accepted(busy: Project) -> None:
    assert export(busy, "logs", b"", PROTOBUF).text == ""
    assert export(busy, "logs", b"{}").json == {}


def test_an_unreadable_record_is_rejected_and_the_rest_is_stored(busy: Project) -> None:
    bad = b"exception\xff"
    scoped = b"".join(b"\x12" + bytes([len(each)]) + each for each in (bad, b"\x0a\x09exception"))
    good = otlp.as_protobuf("logs", logs(log(exception())))
    body = b"\x0a" + bytes([len(scoped) + 2]) + b"\x12" + bytes([len(scoped)]) + scoped + good
    response = export(busy, "logs", body, PROTOBUF)
    assert (response.status, response.text[2:4]) == (200, "\x08\x02")
    assert only(busy)["exception_class"] == "KeyError"


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (gzip.compress(b" " * (MAX_BYTES + 1)), {}),
        (b"{" + b"," * (MAX_JSON_PARTS + 1), {}),
        (gzip.compress(b"\x0a\x00" * (MAX_FIELDS + 1)), PROTOBUF),
    ],
)
def test_a_request_that_is_too_large_is_413(
    busy: Project, body: bytes, headers: dict[str, str]
) -> None:
    response = export(busy, "logs", body, headers)
    assert response.status == 413
    assert events(busy) == []


def test_events_beyond_the_limit_of_a_request_are_rejected(
    busy: Project, caplog: pytest.LogCaptureFixture
) -> None:
    body = spans(*(span(exception(), spanId=f"{n + 1:016x}") for n in range(MAX_EVENTS + 3)))
    with caplog.at_level(logging.WARNING, logger="errata"):
        partial = export(busy, "traces", body).json["partialSuccess"]
    assert partial["rejectedSpans"] == "3"
    assert partial["errorMessage"] == (
        f"{DROPPED} A request may have {MAX_EVENTS} events. 3 more were refused."
    )
    assert caplog.messages == [f"event lost: project {busy.id}, too_large, 3"]


def test_secrets_are_replaced(busy: Project) -> None:
    attributes = otlp.pairs({"http.request.header.authorization": "Bearer abc", "password": "x"})
    export(busy, "traces", spans(span(exception(), attributes=attributes)))
    assert "Bearer abc" not in json.dumps(only(busy))
    assert only(busy)["tags"]["password"] == "[Filtered]"
