"""Any body that is sent as a security report is parsed or refused."""

import json
from contextlib import suppress
from typing import Any

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


@given(st.dictionaries(st.sampled_from(["csp", "hpkp", "expectct"]), JSON))
def test_any_report_has_a_message_of_less_than_300_characters(parts: dict[str, Any]) -> None:
    assert len(report_message(parts)) < 300
