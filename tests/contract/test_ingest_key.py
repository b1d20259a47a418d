"""spec/ingest-api, "Project API key": where to send it, and the response to a wrong one."""

from typing import Any

import pytest

from errata.usecases import projects
from tests.support.account import Clock, Project, new_project, rows
from tests.support.gateway import Response, call

MISSING = {"message": "Missing or invalid API key."}
UNKNOWN = {"message": "Invalid API key."}
BOOM = {"message": "boom"}


def post(headers: dict[str, str], body: Any = BOOM, query: str = "") -> Response:
    return call("POST", f"/api/ingest{query}", body, headers)


def read(project_id: str, headers: dict[str, str], query: str = "") -> Response:
    return call("GET", f"/api/projects/{project_id}/events{query}", None, headers)


@pytest.mark.parametrize("name", ["X-Api-Key", "x-api-key", "X-API-KEY"])
def test_the_header_opens_both_routes(project: Project, name: str) -> None:
    assert post({name: project.key}).status == 202
    assert read(project.id, {name: project.key}).status == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_bearer_token_opens_both_routes(project: Project, scheme: str) -> None:
    authorization = {"Authorization": f"{scheme} {project.key}"}
    assert post(authorization).status == 202
    assert read(project.id, authorization).status == 200


def test_the_query_opens_the_read_route(project: Project) -> None:
    assert read(project.id, {}, f"?api_key={project.key}").status == 200


def test_a_key_in_the_query_of_a_post_is_ignored(project: Project) -> None:
    refused = post({}, BOOM, f"?api_key={project.key}")
    assert (refused.status, refused.json) == (401, MISSING)


def test_the_body_opens_the_ingest_route(project: Project) -> None:
    assert post({}, {**BOOM, "api_key": project.key}).status == 202


def test_the_key_in_a_body_is_not_stored(project: Project) -> None:
    post({}, {**BOOM, "api_key": project.key})
    assert project.key not in read(project.id, {"X-Api-Key": project.key}).text
    assert project.key not in str(rows())


def test_the_header_wins_over_the_bearer_token_and_that_over_body_and_query(
    project: Project,
) -> None:
    other = new_project()
    body = {**BOOM, "api_key": other.key}
    header = {"X-Api-Key": project.key, "Authorization": f"Bearer {other.key}"}
    assert post(header, body).status == 202
    assert post({"Authorization": f"Bearer {project.key}"}, body).status == 202
    assert read(project.id, header, f"?api_key={other.key}").json["data"][1:]
    bearer = {"Authorization": f"Bearer {project.key}"}
    assert read(project.id, bearer, f"?api_key={other.key}").status == 200
    assert read(other.id, {"X-Api-Key": other.key}).json["data"] == []


@pytest.mark.parametrize(
    ("headers", "response"),
    [
        ({"X-Api-Key": "wrong"}, UNKNOWN),
        ({"X-Api-Key": ""}, MISSING),
        ({"X-Api-Key": "   "}, MISSING),
        ({"Authorization": "Bearer wrong"}, UNKNOWN),
        ({"Authorization": "Bearer "}, MISSING),
        ({"Authorization": "Bearer"}, MISSING),
    ],
)
def test_a_wrong_key_does_not_fall_through_to_a_right_one(
    project: Project, headers: dict[str, str], response: dict[str, str]
) -> None:
    right = {"Authorization": f"Bearer {project.key}"}
    posted = post({**right, **headers}, {**BOOM, "api_key": project.key})
    assert (posted.status, posted.json) == (401, response)
    got = read(project.id, {**right, **headers}, f"?api_key={project.key}")
    assert (got.status, got.json) == (401, response)
    assert read(project.id, {"X-Api-Key": project.key}).json["data"] == []


@pytest.mark.parametrize("query", ["?api_key=wrong", "?api_key="])
def test_a_wrong_key_in_the_query_is_refused(project: Project, query: str) -> None:
    response = UNKNOWN if query.endswith("wrong") else MISSING
    refused = read(project.id, {}, query)
    assert (refused.status, refused.json) == (401, response)


def test_another_authorization_scheme_is_ignored(project: Project) -> None:
    basic = {"Authorization": "Basic dXNlcjpwYXNz"}
    assert post(basic, {**BOOM, "api_key": project.key}).status == 202
    assert read(project.id, basic, f"?api_key={project.key}").status == 200
    assert read(project.id, basic).json == MISSING


@pytest.mark.parametrize("value", [None, "", 5, 0, True, ["k"], {"k": 1}, 1.5])
def test_a_key_in_the_body_that_is_not_a_string_counts_as_missing(
    project: Project, value: object
) -> None:
    refused = post({}, {**BOOM, "api_key": value})
    assert (refused.status, refused.json) == (401, MISSING)


@pytest.mark.parametrize("value", ["wrong", "x" * 10_000, "\x00", "ключ", "\ud800"])
def test_an_unknown_key_in_the_body_is_refused(project: Project, value: str) -> None:
    refused = post({}, {**BOOM, "api_key": value})
    assert (refused.status, refused.json) == (401, UNKNOWN)


def test_a_request_without_any_key_is_401(project: Project) -> None:
    assert (post({}).status, post({}).json) == (401, MISSING)
    assert (read(project.id, {}).status, read(project.id, {}).json) == (401, MISSING)
    assert post({}, b"not even JSON").json == MISSING
    assert post({}, b"").json == MISSING


def test_a_project_may_have_several_keys(project: Project) -> None:
    _, second = projects.create_key(project.id, "another")
    assert post({"X-Api-Key": second}).status == 202
    assert len(read(project.id, {"X-Api-Key": project.key}).json["data"]) == 1


@pytest.mark.parametrize("known_before", [True, False])
def test_a_revoked_key_is_refused_like_an_unknown_one(
    project: Project, clock: Clock, known_before: bool
) -> None:
    record, second = projects.create_key(project.id, "another")
    if known_before:
        assert post({"X-Api-Key": second}).status == 202
    projects.revoke_key(project.id, record.id)
    clock.advance(30)
    assert (post({"X-Api-Key": second}).status, post({"X-Api-Key": second}).json) == (401, UNKNOWN)
    assert post({}, {**BOOM, "api_key": second}).json == UNKNOWN
    assert post({"X-Api-Key": project.key}).status == 202


def test_the_key_of_another_project_reads_nothing(project: Project) -> None:
    other = new_project()
    post({"X-Api-Key": project.key})
    refused = read(project.id, {"X-Api-Key": other.key})
    assert (refused.status, refused.json) == (401, UNKNOWN)


def test_a_new_key_works_at_once_if_it_was_not_tried_before(project: Project) -> None:
    _, second = projects.create_key(project.id, "another")
    assert post({"X-Api-Key": second}).status == 202


def test_a_key_that_was_tried_before_its_creation_works_within_30_seconds(
    project: Project, clock: Clock
) -> None:
    key = projects.new_key()
    assert post({"X-Api-Key": key}).status == 401
    projects.create("late", key)
    clock.advance(30)
    assert post({"X-Api-Key": key}).status == 202
