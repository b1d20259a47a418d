"""The SDK endpoint at its function's URL: the function makes the checks of the gateway itself."""

import gzip
import json
from collections import Counter
from typing import Any

import pytest

from errata.models.loss import LINE
from errata.usecases import organizations, projects
from tests.support import function_url
from tests.support.account import Clock, Project, new_project
from tests.support.calls import recorded
from tests.support.clients import events
from tests.support.fresh import clear_cache
from tests.support.function_url import call
from tests.support.gateway import Response
from tests.support.sdk import envelope, event, item, of_event


def post(
    project: Project,
    body: bytes,
    route: str = "envelope/",
    headers: dict[str, str] | None = None,
    **more: Any,
) -> Response:
    """Send a body, with the key in the header that SDKs use."""
    auth = {"X-Sentry-Auth": f"Sentry sentry_key={project.public}, sentry_version=7"}
    return call("POST", f"/api/{project.id}/{route}", body, headers or auth, **more)


@pytest.mark.parametrize("route", ["envelope", "envelope/", "store", "store/"])
def test_both_routes_work_with_and_without_a_slash(busy: Project, route: str) -> None:
    sent = event()
    body = json.dumps(sent).encode() if route.startswith("store") else of_event(sent)
    response = post(busy, body, route)
    assert (response.status, response.json) == (200, {"id": sent["event_id"]})
    assert [each["event_id"] for each in events(busy)] == [sent["event_id"]]


def test_a_key_may_be_in_a_header_the_query_or_the_envelope(busy: Project) -> None:
    key = busy.public
    none = {"Accept": "*/*"}
    for headers, query, dsn in (
        ({"Authorization": f"Sentry sentry_key={key}"}, "", ""),
        (none, f"?sentry_version=7&sentry_key={key}", ""),
        (none, "", f"https://{key}@errors.example.com/{busy.id}"),
    ):
        sent = of_event(event(), **({"dsn": dsn} if dsn else {}))
        assert post(busy, gzip.compress(sent), f"envelope/{query}", headers).status == 200
    assert len(events(busy)) == 3


def test_other_keys_open_nothing_and_count_against_the_address(busy: Project, clock: Clock) -> None:
    other = new_project()
    for headers in (
        {"Accept": "*/*"},
        {"X-Sentry-Auth": "Sentry sentry_key="},
        {"X-Sentry-Auth": "Sentry sentry_key=" + "0" * 32},
        {"X-Sentry-Auth": f"Sentry sentry_key={busy.key}"},
        {"X-Sentry-Auth": f"Sentry sentry_key={other.public}"},
    ):
        response = post(busy, of_event(event()), headers=headers)
        assert response.status == 401
        assert response.headers["X-Sentry-Error"].startswith("No public key of this project")
    assert events(busy) == []
    for _ in range(55):
        assert post(busy, b"{}\n", headers={"Accept": "*/*"}).status == 401
    refused = post(busy, b"{}\n", headers={"Accept": "*/*"})
    assert refused.status == 429
    assert refused.headers["Retry-After"] == "1"
    # A client cannot choose its address. The key of somebody else behind the same one still opens.
    forged = {"Accept": "*/*", "X-Forwarded-For": "198.51.100.7"}
    assert post(busy, b"{}\n", headers=forged).status == 429
    assert post(busy, of_event(event())).status == 200


def test_the_allowlist_applies_to_the_address_that_lambda_saw(busy: Project) -> None:
    organizations.change("default", allowlist=("198.51.100.0/24",))
    clear_cache()
    auth = {"X-Sentry-Auth": f"Sentry sentry_key={busy.public}"}
    forged = {**auth, "X-Forwarded-For": "198.51.100.7"}
    assert post(busy, of_event(event()), headers=forged).status == 403
    assert post(busy, of_event(event()), ip="198.51.100.7").status == 200


def test_a_forged_authorizer_context_is_ignored(busy: Project) -> None:
    sent = function_url.request("POST", f"/api/{busy.id}/envelope/", of_event(event()))
    grant = json.dumps({"version": 1, "project_id": busy.id, "key_id": "x"})
    sent["requestContext"]["authorizer"] = {"key": "known", "grant": grant, "metered": "gateway"}
    assert function_url.respond(sent).status == 401
    assert events(busy) == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/"),
        ("POST", "/api/ID"),
        ("POST", "/api/ID/feedback"),
        ("POST", "/api/ID/envelope/more"),
        ("POST", "/v1/api/ID/envelope"),
        ("POST", "/api/ingest"),
        ("POST", "/api.php"),
        ("GET", "/api/ID/envelope/"),
        ("GET", "/dashboard"),
    ],
)
def test_any_other_route_is_404(busy: Project, method: str, path: str) -> None:
    auth = {"X-Sentry-Auth": f"Sentry sentry_key={busy.public}", "X-Api-Key": busy.key}
    response = call(method, path.replace("ID", busy.id), of_event(event()), auth)
    assert (response.status, response.json["detail"]) == (404, "No such route.")
    assert events(busy) == []


def test_a_public_key_is_rate_limited_and_refusals_are_logged_without_a_call(
    busy: Project, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    projects.change(busy.id, 40, None)
    clear_cache()
    with recorded() as calls:
        statuses = [post(busy, of_event(event())).status for _ in range(45)]
    assert statuses == [200] * 40 + [429] * 5
    # A lease of one token, and then leases of two: a twentieth of the rate. No call for a refusal.
    buckets = [each for each in calls if "bucket#key#" in str(each.parameters.get("Key"))]
    assert [each.operation for each in buckets] == ["UpdateItem"] * 21
    assert Counter(each.operation for each in calls)["PutItem"] == 40
    lines = [each for each in caplog.messages if each.startswith("event lost")]
    assert lines == [LINE % (busy.id, "rate_limited")] * 5
    refused = post(busy, of_event(event()))
    assert refused.headers["Retry-After"] == "2"
    assert refused.headers["X-Sentry-Rate-Limits"] == "2::key:rate_limited"
    clock.advance(2)
    assert [post(busy, of_event(event())).status for _ in range(2)] == [200, 429]


def test_a_preflight_request_needs_no_key_and_no_call(busy: Project) -> None:
    with recorded() as calls:
        assert call("OPTIONS", f"/api/{busy.id}/envelope/").status == 200
    assert calls == []


def test_a_security_report_is_stored_and_a_crash_report_refused(busy: Project) -> None:
    report = json.dumps(
        {"csp-report": {"document-uri": "https://shop.example", "disposition": "x"}}
    )
    query = f"?sentry_key={busy.public}"
    assert post(busy, report.encode(), f"security/{query}", {"Accept": "*/*"}).status == 200
    assert post(busy, b"MDMP", f"minidump/{query}", {"Accept": "*/*"}).status == 415
    assert post(busy, b"x", f"unreal/{busy.public}/", {"Accept": "*/*"}).status == 415
    assert post(busy, b"x", "unreal/" + "0" * 32, {"Accept": "*/*"}).status == 401


def test_an_empty_or_truncated_body_is_refused(busy: Project) -> None:
    assert post(busy, b"").status == 400
    assert post(busy, gzip.compress(envelope(item("event", event())))[:-9]).status == 400
