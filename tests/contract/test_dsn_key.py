"""A public key opens only the SDK endpoint, which an API key does not open."""

import json
import logging
from collections.abc import Callable

import pytest

from errata.models.ids import now_ms
from errata.models.project import dsn
from errata.store import projects as store
from errata.usecases import access, projects
from tests.support.account import Clock, Project, new_project, rows
from tests.support.calls import recorded
from tests.support.clients import BOOM, capture, errors, ingest, php
from tests.support.gateway import Response, call, handler

UNKNOWN = {"message": "Invalid API key."}


def events_of(project: Project) -> str:
    return f"/api/projects/{project.id}/events"


API_ENDPOINTS: dict[str, Callable[[Project], Response]] = {
    "ingest, header": lambda p: call("POST", "/api/ingest", BOOM, {"X-Api-Key": p.public}),
    "ingest, bearer": lambda p: call(
        "POST", "/api/v1/ingest", BOOM, {"Authorization": f"Bearer {p.public}"}
    ),
    "ingest, body": lambda p: call("POST", "/api/ingest", {**BOOM, "api_key": p.public}),
    "read, header": lambda p: call("GET", events_of(p), None, {"X-Api-Key": p.public}),
    "read, bearer": lambda p: call(
        "GET", events_of(p), None, {"Authorization": f"Bearer {p.public}"}
    ),
    "read, query": lambda p: call("GET", f"{events_of(p)}?api_key={p.public}"),
}


@pytest.mark.parametrize("endpoint", API_ENDPOINTS)
def test_a_public_key_does_not_open_the_apis(project: Project, endpoint: str) -> None:
    before = rows()
    refused = API_ENDPOINTS[endpoint](project)
    assert (refused.status, refused.json) == (401, UNKNOWN)
    assert rows() == before


def test_api_php_refuses_a_public_key_and_creates_nothing(project: Project) -> None:
    before = rows()
    public = Project("", project.public)
    refused = capture(public)
    assert (refused.status, refused.json["ok"]) == (403, False)
    assert refused.json["error"].startswith("hash: this is the key of a DSN")
    assert errors(public) == []
    assert php(action="clear", hash=project.public).json == {"ok": True, "deleted": 0}
    assert rows() == before


def test_api_php_counts_attempts_with_a_public_key_by_address(
    project: Project, clock: Clock
) -> None:
    public = Project("", project.public)
    assert [capture(public).status for _ in range(61)] == [403] * 60 + [429]


def test_a_revoked_public_key_is_still_recognized_as_one(project: Project) -> None:
    _, record = projects.list_keys(project.id)
    projects.revoke_key(project.id, record.id)
    before = rows()
    assert "a DSN" in capture(Project("", project.public)).json["error"]
    assert not access.find(project.public, now_ms()).revoked
    assert rows() == before


def test_for_a_public_key_the_authorizer_returns_no_project_and_no_gateway_key() -> None:
    metered = new_project(metered=True)
    event = {
        "resource": "/api/ingest",
        "httpMethod": "POST",
        "headers": {"x-api-key": metered.public},
        "requestContext": {"identity": {"sourceIp": "203.0.113.9"}},
        "methodArn": "arn:aws:execute-api:us-east-1:000000000000:api/v1/POST/api/ingest",
    }
    response = handler("authorizer")(event, None)
    assert response["context"] == {"body": json.dumps(UNKNOWN)}
    assert "usageIdentifierKey" not in response


def test_a_dsn_opens_only_its_own_project(project: Project) -> None:
    other = new_project()
    for each in (project, other):
        opened = access.find_dsn(each.public, now_ms()).access
        assert opened
        assert (opened.project_id, opened.rate_limit) == (
            each.id,
            projects.find(each.id).rate_limit,
        )
        assert access.find(each.public, now_ms()).access is None


@pytest.mark.parametrize("key", ["", "wrong", "x" * 10_000, "\x00", "ключ", "\ud800"])
def test_a_text_that_is_not_a_public_key_opens_nothing(project: Project, key: str) -> None:
    assert project
    assert access.find_dsn(key, now_ms()) == access.NOTHING


@pytest.mark.parametrize("revoked", [False, True])
def test_an_api_key_does_not_open_the_sdk_endpoint(project: Project, revoked: bool) -> None:
    record, _ = projects.list_keys(project.id)
    if revoked:
        projects.revoke_key(project.id, record.id)
    assert access.find_dsn(project.key, now_ms()) == access.NOTHING
    assert access.find_dsn(record.hash, now_ms()) == access.NOTHING


def test_the_order_in_which_endpoints_are_tried_does_not_matter(project: Project) -> None:
    with recorded() as calls:
        for _ in range(2):
            assert access.find(project.public, now_ms()).access is None
            assert access.find_dsn(project.public, now_ms()).access
            assert access.find_dsn(project.key, now_ms()).access is None
            assert access.find(project.key, now_ms()).access
    # Key, project and organization, once for each key: either endpoint caches for both.
    assert len(calls) == 6


def test_a_revoked_dsn_opens_nothing_after_thirty_seconds(project: Project, clock: Clock) -> None:
    assert access.find_dsn(project.public, clock.ms).access
    _, record = projects.list_keys(project.id)
    projects.revoke_key(project.id, record.id)
    assert access.find_dsn(project.public, clock.ms + 29_999).access
    assert access.find_dsn(project.public, clock.ms + 30_000).access is None
    assert ingest(project).status == 202


def test_a_project_that_a_script_creates_has_a_dsn() -> None:
    key = projects.new_key()
    assert capture(Project("", key)).status == 200
    generated = php(action="generate").json["hash"]
    for project_id, api_key in (("1", key), ("2", generated)):
        first, second = store.list_keys(project_id)
        assert (first.hash, first.public) == (access.hash_key(api_key), "")
        assert (second.hash, second.label) == (access.hash_key(second.public), "first DSN")


def test_a_refused_request_with_a_public_key_is_not_logged_as_a_loss(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="errata"):
        call("POST", "/api/ingest", {"message": 5, "api_key": project.public})
        call("POST", "/api/ingest", {"message": 5}, {"X-Api-Key": project.public})
        call("POST", "/api.php", {"hash": project.public})
    assert caplog.records == []


@pytest.mark.parametrize(
    ("api_url", "expected"),
    [
        ("https://errors.example.com", "https://k@errors.example.com/12"),
        ("https://errors.example.com/", "https://k@errors.example.com/12"),
        ("https://abc.execute-api.eu-west-1.amazonaws.com/v1", None),
        ("http://127.0.0.1:4566/_aws/execute-api/abc/v1", None),
        ("http://[::1]:4566/v1", None),
    ],
)
def test_a_dsn_is_the_api_s_url_with_key_and_project(api_url: str, expected: str | None) -> None:
    made = dsn(api_url, "k", "12")
    assert made == (expected or api_url.replace("://", "://k@") + "/12")
