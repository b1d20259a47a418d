"""Envelopes of unmodified SDKs are parsed completely and without problems."""

import pytest

from errata.models.ids import sdk_event_id
from errata.protocol.body import parse_object
from errata.protocol.sentry.envelope import parse_envelope
from errata.protocol.sentry.event import to_fields
from errata.protocol.sentry.reports import discarded
from tests.support.envelopes import kept, names

NOW_MS = 1_795_573_900_000


@pytest.mark.parametrize("name", names())
def test_an_envelope_is_parsed_completely(name: str) -> None:
    envelope = parse_envelope(kept(name))
    assert not envelope.problem
    (item,) = envelope.items
    assert item.type == name.rpartition("-")[2]
    assert parse_object(item.payload)


@pytest.mark.parametrize("name", [name for name in names() if name.endswith("-event")])
def test_an_event_keeps_the_values_that_every_program_sets(name: str) -> None:
    envelope = parse_envelope(kept(name))
    (event,) = envelope.events
    assert sdk_event_id(envelope.headers["event_id"])
    fields, _ = to_fields(parse_object(event), NOW_MS, NOW_MS, "192.0.2.1")
    assert "problems" not in fields
    assert fields["context"]["user"]["id"] == "42"
    assert fields["tags"] == {"cohort": "b"}
    assert (fields["release"], fields["environment"]) == ("shop@1.2.3", "staging")
    assert "cart opened" in [crumb["message"] for crumb in fields["breadcrumbs"]]
    assert fields["message"]


@pytest.mark.parametrize("name", [name for name in names() if name.endswith("-client_report")])
def test_a_client_report_counts_the_events_that_were_not_sent(name: str) -> None:
    (item,) = parse_envelope(kept(name)).items
    reason, number = (
        ("event_processor", 1) if "flask" in name else ("ratelimit_backoff", 2)
    )  # Flask logs what it raises, and the SDK sends it once
    assert discarded([item.payload]) == {f"sdk_{reason}": number}
