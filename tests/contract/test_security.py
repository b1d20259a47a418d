"""Security reports of browsers become events. Crash reports of native code are refused."""

import json
from typing import Any

import pytest

from errata.protocol.body import MAX_JSON_BYTES
from errata.protocol.sentry.envelope import MAX_EVENTS
from tests.support.account import Project, row_counts
from tests.support.clients import events, only
from tests.support.gateway import Response, call
from tests.support.sdk import envelope, item, post
from tests.support.steps import MOST_BYTES, MOST_STEPS, peak_bytes, steps

CSP = {
    "document-uri": "https://shop.example.com/cart?id=7",
    "referrer": "",
    "violated-directive": "script-src-elem",
    "effective-directive": "script-src-elem",
    "original-policy": "script-src 'self'; report-uri /",
    "disposition": "enforce",
    "blocked-uri": "https://cdn.example.net/a.js",
    "source-file": "https://shop.example.com/cart",
    "line-number": 12,
    "status-code": 200,
}
VIOLATION: dict[str, Any] = {
    "age": 10,
    "type": "csp-violation",
    "url": "https://shop.example.com/cart?id=7",
    "user_agent": "Mozilla/5.0 Chrome/140",
    "body": {
        "documentURL": "https://shop.example.com/cart?id=7",
        "blockedURL": "https://cdn.example.net/a.js",
        "effectiveDirective": "script-src-elem",
        "originalPolicy": "script-src 'self'; report-to errata",
        "disposition": "enforce",
        "sourceFile": "https://shop.example.com/cart",
        "lineNumber": 12,
        "statusCode": 200,
        "sample": "",
    },
}


def send(project: Project, body: Any, query: str = "", kind: str = "csp-report") -> Response:
    """Send a report as a browser does: the key is in the URL."""
    url = f"/api/{project.id}/security/?sentry_key={project.public}{query}"
    headers = {"Content-Type": f"application/{kind}", "User-Agent": "Mozilla/5.0 Firefox/140"}
    return call("POST", url, body, headers)


def test_a_report_is_an_event(busy: Project) -> None:
    query = "&sentry_environment=production&sentry_release=shop@1"
    response = send(busy, {"csp-report": CSP}, query)
    assert response.status == 200, response.text
    kept = only(busy)
    assert kept["event_id"] == response.json["id"]
    assert kept["message"] == "Blocked script from cdn.example.net"
    assert kept["grouped_by"] == "message: Blocked script from cdn.example.net (logger csp)"
    assert (kept["environment"], kept["release"]) == ("production", "shop@1")
    assert (kept["logger"], kept["transaction"]) == ("csp", "script-src-elem")
    assert kept["url"] == CSP["document-uri"]
    assert kept["context"]["request"]["headers"] == {"User-Agent": "Mozilla/5.0 Firefox/140"}
    assert kept["other"]["csp"] == {name.replace("-", "_"): each for name, each in CSP.items()}


def test_the_same_report_in_both_formats_is_one_issue(busy: Project) -> None:
    assert send(busy, {"csp-report": CSP}).status == 200
    assert send(busy, [VIOLATION], kind="reports+json").status == 200
    one, other = events(busy)
    assert one["issue_id"] == other["issue_id"]
    agents = {each["context"]["request"]["headers"]["User-Agent"] for each in (one, other)}
    assert agents == {"Mozilla/5.0 Firefox/140", "Mozilla/5.0 Chrome/140"}


def test_a_list_has_several_reports(busy: Project, caplog: pytest.LogCaptureFixture) -> None:
    other = {**VIOLATION, "body": {**VIOLATION["body"], "blockedURL": "inline"}}
    sent = [VIOLATION, other, {"type": "deprecation", "body": {}}, 7]
    assert send(busy, sent, kind="reports+json").status == 200
    assert {each["message"] for each in events(busy)} == {
        "Blocked script from cdn.example.net",
        "Blocked inline script",
    }
    assert caplog.messages == [f"event lost: project {busy.id}, unsupported, 2"]


def test_reports_beyond_the_limit_of_a_list_are_refused_and_counted(
    busy: Project, caplog: pytest.LogCaptureFixture
) -> None:
    response = send(busy, [VIOLATION] * (MAX_EVENTS + 5), kind="reports+json")
    assert response.status == 413
    assert len(events(busy)) == MAX_EVENTS
    assert caplog.messages == [f"event lost: project {busy.id}, too_large, 5"]


@pytest.mark.parametrize(
    ("report", "message"),
    [
        ({"blocked-uri": "inline"}, "Blocked inline resource"),
        ({"violated-directive": "style-src 'self'", "blocked-uri": ""}, "Blocked inline style"),
        ({"effective-directive": "script-src", "blocked-uri": "eval"}, "Blocked evaluated script"),
        ({"effective-directive": "img-src", "blocked-uri": "data"}, "Blocked image from data"),
        (
            {"effective-directive": "font-src", "blocked-uri": "https://d1.example.net:8443/a"},
            "Blocked font from d1.example.net:8443",
        ),
        (
            {
                "effective-directive": "connect-src",
                "document-uri": "https://a.example/",
                "blocked-uri": "https://a.example/api",
            },
            "Blocked connection from the page's own host",
        ),
        ({"effective-directive": ["x"], "blocked-uri": 7}, "Blocked inline resource"),
        ({"blocked-uri": "https://[::1"}, "Blocked resource from https"),
        ({}, "Blocked inline resource"),
    ],
)
def test_the_message_says_what_was_blocked(busy: Project, report: Any, message: str) -> None:
    assert send(busy, {"csp-report": report}).status == 200
    assert only(busy)["message"] == message


@pytest.mark.parametrize(
    ("body", "message", "name"),
    [
        (
            {"expect-ct-report": {"hostname": "a.example", "scts": []}},
            "Certificate transparency failed for a.example",
            "expectct",
        ),
        ({"expect-staple-report": {}}, "OCSP stapling failed", "expectstaple"),
        (
            {"hostname": "a.example", "known-pins": ["a"]},
            "Public key pinning failed for a.example",
            "hpkp",
        ),
    ],
)
def test_reports_of_older_types_are_events_too(
    busy: Project, body: Any, message: str, name: str
) -> None:
    assert send(busy, body).status == 200
    kept = only(busy)
    assert (kept["message"], kept["logger"]) == (message, name)
    assert name in kept["other"]


@pytest.mark.parametrize(
    ("body", "reason", "status"),
    [
        (b"", "invalid", 400),
        (b"[", "invalid", 400),
        (b"7", "invalid", 400),
        (b'[],"reports":7', "invalid", 400),
        (b'[],"other":[]', "invalid", 400),
        ({"csp-report": 7}, "invalid", 400),
        ({"message": "no report"}, "invalid", 400),
        (b"[" + b"1," * 600_000 + b"1]", "too_large", 413),
    ],
)
def test_a_body_that_is_not_a_report_is_refused_and_counted(
    busy: Project, caplog: pytest.LogCaptureFixture, body: Any, reason: str, status: int
) -> None:
    before = row_counts()
    assert send(busy, body).status == status
    assert row_counts() == before
    assert caplog.messages == [f"event lost: project {busy.id}, {reason}"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"csp-report":{' + b",".join(b'"%06d":1' % n for n in range(90_000)) + b"}}",
        b'{"csp-report":{"' + b"A" * 1_000_000 + b'":1}}',
        b'{"csp-report":{"blocked-uri":"' + b"/" * 1_000_000 + b'"}}',
        b"[" + b"{}," * 300_000 + b"{}]",
        b"[" + b",".join([b'{"type":"csp-violation","body":{"A":1}}'] * 25_000) + b"]",
    ],
)
def test_a_hostile_report_takes_few_steps_and_little_memory(busy: Project, body: bytes) -> None:
    assert len(body) < MAX_JSON_BYTES
    assert steps(lambda: send(busy, body)) < MOST_STEPS
    assert peak_bytes(lambda: send(busy, body)) < MOST_BYTES


def test_a_report_needs_a_key(busy: Project) -> None:
    for url in (f"/api/{busy.id}/security/", f"/api/{busy.id}/security/?sentry_key={'0' * 32}"):
        assert call("POST", url, {"csp-report": CSP}).status == 401
    assert events(busy) == []


def test_an_envelope_may_have_a_report(busy: Project, caplog: pytest.LogCaptureFixture) -> None:
    body = envelope(item("raw_security", {"csp-report": CSP}), item("raw_security", b"broken"))
    assert post(busy, body).status == 200
    assert only(busy)["message"] == "Blocked script from cdn.example.net"
    assert caplog.messages == [f"event lost: project {busy.id}, unsupported"]


def test_an_event_with_a_report_says_what_was_blocked(busy: Project) -> None:
    sent = {"csp": {"effective_directive": "img-src", "blocked_uri": "https://a.example/b.png"}}
    assert post(busy, json.dumps(sent).encode(), "store").status == 200
    kept = only(busy)
    assert (kept["message"], kept["other"]) == ("Blocked image from a.example", sent)


@pytest.mark.parametrize("route", ["minidump/?sentry_key={key}", "unreal/{key}/"])
def test_crash_reports_are_refused_and_counted(
    busy: Project, caplog: pytest.LogCaptureFixture, route: str
) -> None:
    response = post(busy, b"MDMP", route.format(key=busy.public), {})
    assert response.status == 415
    assert response.json["detail"].startswith("Errata cannot read crash reports of native code")
    assert caplog.messages == [f"event lost: project {busy.id}, unsupported"]
    assert post(busy, b"MDMP", route.format(key="0" * 32), {}).status == 401
    assert len(caplog.messages) == 1


def test_a_large_report_in_an_envelope_is_refused_before_it_is_read(busy: Project) -> None:
    report = b'{"csp-report":' + b"[" + b"[]," * 1_000_000 + b"0]}"
    body = envelope(item("raw_security", report))
    statuses: list[int] = []
    assert peak_bytes(lambda: statuses.append(post(busy, body).status)) < 5 * len(body)
    assert statuses == [413]


def test_more_reports_than_an_envelope_may_have_are_not_read(busy: Project) -> None:
    body = envelope(*[item("raw_security", {"csp-report": CSP})] * 90)
    assert steps(lambda: post(busy, body)) < MOST_STEPS
    assert len(events(busy)) == MAX_EVENTS


def test_the_message_does_not_have_the_user_name_and_password_of_a_url(busy: Project) -> None:
    report = {**CSP, "blocked-uri": "https://user:hush@cdn.example.com/x.js"}
    assert post(busy, envelope(item("raw_security", {"csp-report": report}))).status == 200
    assert events(busy)[0]["message"] == "Blocked script from cdn.example.com"
