"""The SDK endpoint: limits, losses, and envelopes with several events."""

import gzip
import json
import logging
from typing import Any

import pytest

from errata.protocol.body import MAX_JSON_BYTES
from errata.protocol.sentry.envelope import MAX_EVENTS
from errata.usecases import organizations, projects
from tests.support.account import Clock, Project, new_project
from tests.support.calls import Call, failing, watched
from tests.support.clients import events, only
from tests.support.fresh import clear_cache
from tests.support.sdk import capture, envelope, event, item, of_event, post


def test_a_rate_limit_response_has_the_seconds_to_wait(project: Project, clock: Clock) -> None:
    body = envelope(item("session", {}))
    for _ in range(60):
        assert post(project, body, counts=False).status == 200
    response = post(project, body, counts=False)
    assert (response.status, response.json["detail"]) == (429, "Too many requests.")
    assert response.headers["Retry-After"] == "1"
    assert response.headers["X-Sentry-Rate-Limits"] == "1::key:rate_limited"
    clock.advance(1)
    assert post(project, body, counts=False).status == 200


@pytest.mark.usefixtures("clock")
def test_a_reached_quota_is_429(caplog: pytest.LogCaptureFixture) -> None:
    org = organizations.create("acme")
    organizations.change(org.id, monthly_quota=1)
    created = projects.create("shop", organization=org.id)
    assert created
    project = Project(created.project.id, created.key, created.public)
    capture(project)
    response = post(project, of_event(event()))
    assert response.status == 429
    assert response.json["detail"].startswith("The monthly quota of 1 events is reached.")
    assert response.headers["Retry-After"] == "60"
    limits = response.headers["X-Sentry-Rate-Limits"]
    assert limits == "60:error;default;security:project:quota"
    assert f"event lost: project {project.id}, quota" in caplog.messages
    # An item that is not an event needs no quota.
    assert post(project, envelope(item("session", {}))).status == 200


@pytest.mark.usefixtures("clock")
def test_a_bad_event_is_checked_against_the_quota_too() -> None:
    org = organizations.create("acme")
    organizations.change(org.id, monthly_quota=1)
    created = projects.create("shop", organization=org.id)
    assert created
    project = Project(created.project.id, created.key, created.public)
    bad = envelope(item("event", b"no JSON"))
    assert post(project, bad).status == 400
    capture(project)
    clear_cache()
    assert post(project, bad).status == 429


@pytest.mark.usefixtures("clock")
def test_an_event_that_was_stored_before_uses_no_quota() -> None:
    org = organizations.create("acme")
    organizations.change(org.id, monthly_quota=2)
    created = projects.create("shop", organization=org.id)
    assert created
    project = Project(created.project.id, created.key, created.public)
    body = of_event(event())
    for _ in range(3):
        assert post(project, body).status == 200
    capture(project)
    assert post(project, of_event(event())).status == 429


def test_the_allowlist_applies_to_the_sdk_endpoint(busy: Project) -> None:
    organizations.change("default", allowlist=("198.51.100.0/24",))
    clear_cache()
    response = post(busy, of_event(event()), ip="203.0.113.9")
    assert response.status == 403
    assert response.json["detail"] == "API access is not allowed from this IP address."
    assert post(busy, of_event(event()), ip="198.51.100.7").status == 200


def test_client_reports_are_logged_as_losses(
    busy: Project, caplog: pytest.LogCaptureFixture
) -> None:
    report = {
        "timestamp": "2026-11-25T00:00:00Z",
        "discarded_events": [
            {"reason": "ratelimit_backoff", "category": "error", "quantity": 7},
            {"reason": "before_send", "category": "default", "quantity": 1},
            {"reason": "unheard of", "category": "error", "quantity": 2},
            {"reason": "sample_rate", "category": "transaction", "quantity": 9},
            {"reason": "queue_overflow", "category": "error", "quantity": "many"},
            "nonsense",
        ],
    }
    with caplog.at_level(logging.WARNING, logger="errata"):
        assert post(busy, envelope(item("client_report", report))).status == 200
        assert post(busy, envelope(item("client_report", b"[]"))).status == 200
    assert caplog.messages == [
        f"event lost: project {busy.id}, sdk_ratelimit_backoff, 7; sdk_before_send; sdk_other, 2",
    ]


def test_an_envelope_full_of_client_reports_is_one_log_line(
    busy: Project, caplog: pytest.LogCaptureFixture
) -> None:
    reported = [
        {"reason": reason, "category": "error", "quantity": 1_000_000}
        for reason in ("before_send", "network_error")
    ]
    report = item("client_report", {"discarded_events": reported * 30})
    with caplog.at_level(logging.WARNING, logger="errata"):
        assert post(busy, gzip.compress(envelope(*[report] * 90))).status == 200
    assert caplog.messages == [
        f"event lost: project {busy.id}, sdk_before_send, 1000; sdk_network_error, 1000"
    ]


def test_all_events_of_an_envelope_are_stored(busy: Project) -> None:
    sent = [event() for _ in range(3)]
    body = envelope(*(item("event", each) for each in sent), event_id=sent[0]["event_id"])
    response = post(busy, body)
    assert (response.status, response.json) == (200, {"id": sent[0]["event_id"]})
    assert {each["event_id"] for each in events(busy)} == {each["event_id"] for each in sent}


def test_a_refused_event_does_not_prevent_storing_the_others(
    busy: Project, caplog: pytest.LogCaptureFixture
) -> None:
    first, last = event(), event()
    body = envelope(item("event", first), item("event", b"[1]"), item("event", last))
    response = post(busy, body)
    assert (response.status, response.json["detail"]) == (400, "The body must be a JSON object.")
    assert {each["event_id"] for each in events(busy)} == {first["event_id"], last["event_id"]}
    assert caplog.messages == [f"event lost: project {busy.id}, invalid"]


def test_events_beyond_the_limit_of_an_envelope_are_counted_as_losses(
    busy: Project, caplog: pytest.LogCaptureFixture
) -> None:
    body = envelope(*(item("event", event()) for _ in range(MAX_EVENTS + 3)))
    response = post(busy, body)
    assert response.status == 413
    assert response.json["detail"].startswith(f"An envelope may have {MAX_EVENTS} events")
    assert len(events(busy)) == MAX_EVENTS
    assert caplog.messages == [f"event lost: project {busy.id}, too_large, 3"]


@pytest.mark.usefixtures("aws", "clock")
def test_each_further_event_of_an_envelope_counts_against_the_rate_limit(
    caplog: pytest.LogCaptureFixture,
) -> None:
    project = new_project(60, metered=True)
    sent = ({"message": "a", "fingerprint": [f"f{n}"]} for n in range(MAX_EVENTS))
    body = envelope(*(item("event", each) for each in sent))
    statuses = [post(project, body).status for _ in range(7)]
    assert statuses == [200] * 6 + [429]
    # The first event of each envelope counts with its request, which the gateway counts here.
    stored = 7 + 60
    assert len(events(project)) == stored
    assert caplog.messages == [f"event lost: project {project.id}, rate_limited"] * (70 - stored)


@pytest.mark.usefixtures("clock")
def test_a_quota_counts_each_event(caplog: pytest.LogCaptureFixture) -> None:
    org = organizations.create("acme")
    organizations.change(org.id, monthly_quota=2)
    created = projects.create("shop", organization=org.id)
    assert created
    project = Project(created.project.id, created.key, created.public)
    response = post(project, envelope(*(item("event", event()) for _ in range(4))))
    assert response.status == 429
    assert len(events(project)) == 2
    lost = [each for each in caplog.messages if each.startswith("event lost")]
    assert lost == [f"event lost: project {project.id}, quota"] * 2


def test_if_the_store_fails_within_an_envelope_a_retry_stores_the_rest(
    busy: Project, caplog: pytest.LogCaptureFixture
) -> None:
    capture(busy)
    body = envelope(*(item("event", event()) for _ in range(3)))
    stored: list[Call] = []

    def fails(each: Call) -> Any:
        if len(stored) == 2:
            raise failing(each)
        stored.append(each)
        return each.send()

    with caplog.at_level(logging.WARNING, logger="errata"), watched(fails):
        assert post(busy, body).status == 503
    lines = [each for each in caplog.messages if each.startswith("event lost")]
    assert lines == [f"event lost: project {busy.id}, unavailable"] * 2
    assert post(busy, body).status == 200
    assert len(events(busy)) == 1 + 3


def test_a_problem_of_an_event_names_attachments_that_are_not_stored(busy: Project) -> None:
    sent = event()
    names = [f"log-{number}.txt" for number in range(7)]
    parts = [
        json.dumps({"type": "attachment", "filename": name, "length": 1}).encode() + b"\nx"
        for name in names
    ]
    assert post(busy, envelope(item("event", sent), *parts)).status == 200
    assert only(busy)["problems"] == [
        {
            "field": "attachments",
            "problem": f"are not stored: {', '.join(names[:5])} and 2 more",
        }
    ]


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b'{}\n{"type":"attachment","attachment_type":"event.minidump"}\nMDMP', 200, "unsupported"),
        (b'{}\n{"type":"unreal_report"}\nCR1', 200, "unsupported"),
        (b'{}\n{"type":"event","length":9}\n{}', 400, "invalid"),
        (b'{}\n{"type":"session","length":9}\n{}', 400, "invalid"),
    ],
)
def test_a_dropped_item_that_may_be_an_error_is_counted_as_a_loss(
    busy: Project, caplog: pytest.LogCaptureFixture, body: bytes, status: int, reason: str
) -> None:
    assert post(busy, body).status == status
    assert caplog.messages == [f"event lost: project {busy.id}, {reason}"]


def test_refused_events_are_counted_as_losses(
    busy: Project, caplog: pytest.LogCaptureFixture
) -> None:
    post(busy, b"not an envelope")
    post(busy, gzip.compress(of_event(event(extra={"a": "x" * MAX_JSON_BYTES}))))
    dsn = f"https://{busy.public}@errors.example.com/v1/{busy.id}"
    post(busy, envelope(item("event", b"broken"), dsn=dsn), headers={})
    assert caplog.messages == [
        f"event lost: project {busy.id}, invalid",
        f"event lost: project {busy.id}, too_large",
        f"event lost: project {busy.id}, invalid",
    ]
