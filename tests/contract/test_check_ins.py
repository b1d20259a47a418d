"""Check-ins of cron monitors: envelope items, and GET and POST /api/{project_id}/cron/{slug}/{key}.

Source: the SDK development documentation, "Check-Ins", and Sentry's documentation, "Crons, HTTP".
"""

from typing import Any

import pytest

from errata.errors import UnavailableError
from errata.models.monitor import MonitorConfig
from errata.models.organization import DEFAULT_ORGANIZATION
from errata.store import check_ins as store
from errata.usecases import organizations, projects
from tests.support import function_url, sdk
from tests.support.account import Clock, Project
from tests.support.calls import fault
from tests.support.clients import ingest
from tests.support.fresh import clear_cache
from tests.support.gateway import Response, call
from tests.support.monitors import HOURLY, item, received


def sent() -> list[Any]:
    """Return the check-ins that were queued."""
    return [each for record in received() for each in store.parse(record["body"])[1]]


def cron(project: Project, query: str = "", method: str = "GET", **more: Any) -> Response:
    """Send a check-in of the monitor nightly to the API, with the key in the path."""
    return call(method, f"/api/{project.id}/cron/nightly/{project.public}/{query}", **more)


def test_a_request_is_accepted_and_queued(busy: Project) -> None:
    response = cron(busy, "?status=ok&environment=test&duration=1.5")
    assert response.status == 202
    (check_in,) = sent()
    assert response.json == {"id": check_in.id}
    assert (check_in.slug, check_in.status, check_in.environment) == ("nightly", "ok", "test")
    assert (check_in.run_id, check_in.duration_ms) == ("", 1500)


@pytest.mark.parametrize("at_url", [False, True], ids=["api", "url"])
def test_a_body_may_have_the_schedule_and_the_id_of_the_run(busy: Project, at_url: bool) -> None:
    body = {"status": "in_progress", "check_in_id": "A" * 32, "monitor_config": HOURLY}
    if at_url:
        path = f"/api/{busy.id}/cron/nightly/{busy.public}/"
        response = function_url.call("POST", path, body)
    else:
        response = cron(busy, method="POST", body=body)
    assert (response.status, response.json) == (202, {"id": "a" * 32})
    (check_in,) = sent()
    assert check_in.run_id == "a" * 32
    assert check_in.config == MonitorConfig(
        crontab="0 * * * *", timezone="Europe/Berlin", margin=5, max_runtime=10
    )


def test_bad_requests_are_refused_with_the_matching_status(busy: Project) -> None:
    refused = cron(busy, "?status=fine")
    assert refused.status == 400
    assert "in_progress, ok, error" in refused.json["detail"]
    assert cron(busy, "?status=ok", "POST", body=b"{").status == 400
    assert cron(busy, "?status=ok", "POST", body=b"{" + b" " * 20_000 + b"}").status == 413
    assert call("GET", f"/api/{busy.id}/cron/nightly/{'0' * 32}/?status=ok").status == 401
    assert call("GET", f"/api/{busy.id}/cron/nightly/{busy.key}/?status=ok").status == 401
    other = function_url.call("PUT", f"/api/{busy.id}/cron/nightly/{busy.public}/?status=ok")
    assert other.status == 404
    assert sent() == []


def test_an_envelope_may_have_check_ins_beside_an_event(busy: Project) -> None:
    happened = sdk.event()
    body = sdk.envelope(
        sdk.item("event", happened),
        sdk.item("check_in", item("ok", "b" * 32, slug="A job!")),
        event_id=happened["event_id"],
    )
    response = sdk.post(busy, body)
    assert (response.status, response.json) == (200, {"id": happened["event_id"]})
    assert "X-Sentry-Rate-Limits" not in response.headers
    assert [(each.slug, each.run_id) for each in sent()] == [("a-job", "b" * 32)]


def test_bad_check_ins_of_an_envelope_are_dropped_and_only_ten_are_read(busy: Project) -> None:
    some = [item("ok"), item("what"), {"status": "ok"}, *(item("ok") for _ in range(12))]
    response = sdk.post(busy, sdk.envelope(*(sdk.item("check_in", each) for each in some)))
    assert response.status == 400
    assert len(sent()) == 8


def test_a_check_in_counts_against_the_rate_limit(project: Project) -> None:
    projects.change(project.id, 3, None)
    statuses = [cron(project, "?status=ok").status for _ in range(5)]
    assert statuses == [202, 202, 202, 429, 429]


def test_a_check_in_uses_no_quota_and_is_accepted_after_the_quota_is_reached(
    busy: Project, clock: Clock
) -> None:
    clock.to_mid_month()
    organizations.change(DEFAULT_ORGANIZATION, monthly_quota=1)
    clear_cache()
    in_envelope = sdk.envelope(sdk.item("check_in", item("ok")))

    def check_in_both_ways() -> list[int]:
        return [cron(busy, "?status=ok").status, sdk.post(busy, in_envelope).status]

    assert check_in_both_ways() == [202, 200]
    assert [ingest(busy).status for _ in range(2)] == [202, 402]
    assert check_in_both_ways() == [202, 200]
    assert len(sent()) == 4


def test_if_the_queue_fails_the_response_is_503_with_retry_after(busy: Project) -> None:
    cron(busy, "?status=ok")
    sent()
    with fault(1, lambda call: UnavailableError()):
        response = cron(busy, "?status=ok")
    assert response.status == 503
    assert response.headers["Retry-After"]


def test_an_invalid_config_is_dropped_and_numbers_are_clamped(busy: Project) -> None:
    wrong: list[Any] = [5, {}, {"schedule": "0 * * * *"}, {"schedule": {"type": "crontab"}}]
    wrong += [{"schedule": {"type": "interval", "value": 5, "unit": "second"}}]
    for config in wrong:
        cron(busy, method="POST", body={"status": "ok", "monitor_config": config})
    bounded = {
        "schedule": {"type": "interval", "value": "2", "unit": "day"},
        "checkin_margin": -5,
        "max_runtime": 10**12,
        "failure_issue_threshold": 10**6,
        "recovery_threshold": None,
    }
    cron(busy, method="POST", body={"status": "ok", "monitor_config": bounded})
    found = [each.config for each in sent()]
    assert found[:-1] == [None] * len(wrong)
    assert found[-1] == MonitorConfig(
        every=2, unit="day", margin=0, max_runtime=40_320, failure_threshold=100
    )
