"""Security reports: any body is parsed or refused, and each report has a message."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.errors import InvalidInputError
from errata.grouping import v2
from errata.protocol.body import parse_object
from errata.protocol.sentry.envelope import Envelope, EnvelopeItem
from errata.protocol.sentry.event import to_fields
from errata.protocol.sentry.security import report_message, to_envelope, with_reports
from tests.support.fuzz import bounded, objects, texts

NAMES = st.sampled_from(
    [
        *("csp-report", "expect-ct-report", "expect-staple-report", "known-pins", "hostname"),
        *("type", "body", "url", "user_agent", "document-uri", "documentURL", "blocked-uri"),
        *("blockedURL", "effective-directive", "effectiveDirective", "violated-directive"),
    ]
)
LIKELY = st.sampled_from(
    ["csp-violation", "inline", "script-src", "https://a.example/b", "//[", ""]
)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | LIKELY | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | texts, inner, max_size=4),
    max_leaves=20,
)
LONG = "x" * 200
REPORTS = JSON.map(lambda value: json.dumps(value).encode())


@bounded(120)
@given(REPORTS | objects("csp-report", "known-pins") | st.binary(max_size=100))
def test_any_body_is_parsed_or_refused(body: bytes) -> None:
    with suppress(InvalidInputError):
        for item in to_envelope(body, {"sentry_release": "1"}, "Mozilla/5.0").items:
            if item.type == "event":
                fields, fingerprint = to_fields(parse_object(item.payload), 0, None, "192.0.2.1")
                assert fields["message"]
                assert fields["release"] == "1"
                assert v2.group(fields, fingerprint).fingerprint
    with_reports(Envelope({}, (EnvelopeItem("raw_security", body),)))


@given(st.dictionaries(st.sampled_from(["csp", "hpkp", "expectct", "expectstaple"]), JSON))
def test_any_report_has_a_message_of_less_than_300_characters(parts: dict[str, Any]) -> None:
    message = report_message(parts)
    assert len(message) < 300
    reports = {name for name, report in parts.items() if isinstance(report, dict)}
    assert bool(message) == bool(reports)
    assert message.startswith("Blocked ") == ("csp" in reports)


@pytest.mark.parametrize(
    ("csp", "message"),
    [
        ({}, "inline resource"),
        ({"violated_directive": "script-src 'self' a.example"}, "inline script"),
        ({"effective_directive": "script-src-elem", "blocked_uri": "inline"}, "inline script"),
        ({"effective_directive": "style-src-attr", "blocked_uri": ""}, "inline style"),
        ({"effective_directive": "script-src", "blocked_uri": "eval"}, "evaluated script"),
        ({"effective_directive": "script-src", "blocked_uri": "wasm-eval"}, "evaluated script"),
        ({"effective_directive": "IMG-SRC", "blocked_uri": "data:image/png"}, "image from data"),
        ({"effective_directive": " ", "violated_directive": "font-src"}, "inline font"),
        (
            {"effective_directive": "base-uri", "blocked_uri": "self"},
            "base URL from the page's own host",
        ),
        (
            {"effective_directive": "form-action", "blocked_uri": "https://a.example/b?c"},
            "form target from a.example",
        ),
        (
            {"effective_directive": "frame-ancestors", "blocked_uri": "http://A.example:81"},
            "embedding page from a.example:81",
        ),
        (
            {"effective_directive": "connect-src", "blocked_uri": "wss://me:hush@a.example/"},
            "connection from a.example",
        ),
        (
            {"blocked_uri": "https://a.example/x", "document_uri": "https://a.example/"},
            "resource from the page's own host",
        ),
        (
            {"blocked_uri": "https://a.example/x", "document_uri": "https://b.example/"},
            "resource from a.example",
        ),
        ({"blocked_uri": f"https://{LONG}.example/"}, f"resource from {LONG[:100]}"),
        ({"effective_directive": LONG}, f"inline {LONG[:100]}"),
        ({"effective_directive": 7, "blocked_uri": ["x"]}, "inline resource"),
    ],
)
def test_the_message_of_a_csp_report_is_what_was_blocked_and_its_source(
    csp: dict[str, Any], message: str
) -> None:
    assert report_message({"csp": csp}) == f"Blocked {message}"


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({}, ""),
        ({"csp": "text", "hpkp": None, "expectct": []}, ""),
        ({"expectct": {"hostname": "a.example"}}, "Certificate transparency failed for a.example"),
        ({"expectct": {"hostname": ""}}, "Certificate transparency failed"),
        ({"expectstaple": {"hostname": 7}}, "OCSP stapling failed"),
        ({"expectstaple": {"hostname": "a.example"}}, "OCSP stapling failed for a.example"),
        ({"hpkp": {}}, "Public key pinning failed"),
        ({"hpkp": {"hostname": LONG}}, f"Public key pinning failed for {LONG[:100]}"),
        ({"csp": "text", "hpkp": {}}, "Public key pinning failed"),
        ({"hpkp": {}, "csp": {}}, "Blocked inline resource"),
    ],
)
def test_the_message_of_another_report_is_what_failed_and_the_host(
    parts: dict[str, Any], message: str
) -> None:
    assert report_message(parts) == message
