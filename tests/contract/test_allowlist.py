"""spec/ingest-api, 403: the organization has an IP allowlist and the caller's address is not in it.

Ingest, read and the legacy API alike, IPv4 and IPv6, by the address that the gateway saw.
"""

from collections.abc import Callable

import pytest

from errata.config import settings
from errata.models.organization import DEFAULT_ORGANIZATION, parse_allowlist
from errata.store import clients
from errata.usecases import organizations, projects
from tests.support import account
from tests.support.account import Clock, Project, new_project
from tests.support.clients import BOOM, capture
from tests.support.fresh import clear_cache
from tests.support.gateway import Response, call, handler

WORDS = "API access is not allowed from this IP address."
OFFICE = "192.0.2.0/24, 203.0.113.7, 2001:db8:1::/48"
INSIDE = ["192.0.2.1", "203.0.113.7", "2001:db8:1::9", "::ffff:192.0.2.1"]
OUTSIDE = ["192.0.3.1", "203.0.113.8", "2001:db8:2::9", "::ffff:192.0.3.1", "::192.0.2.1", "?"]


@pytest.fixture
def guarded() -> Project:
    """A project of an organization with an allowlist."""
    organization = organizations.create("acme")
    organizations.change(organization.id, allowlist=parse_allowlist(OFFICE))
    created = projects.create("shop", organization=organization.id)
    assert created
    return Project(created.project.id, created.key)


def by_header(project: Project, ip: str, **headers: str) -> Response:
    return call("POST", "/api/ingest", BOOM, {"X-Api-Key": project.key, **headers}, ip)


def by_body(project: Project, ip: str) -> Response:
    return call("POST", "/api/v1/ingest", {**BOOM, "api_key": project.key}, ip=ip)


def reading(project: Project, ip: str) -> Response:
    path = f"/api/projects/{project.id}/events"
    return call("GET", path, None, {"Authorization": f"Bearer {project.key}"}, ip)


def reading_by_query(project: Project, ip: str) -> Response:
    return call("GET", f"/api/v1/projects/{project.id}/events?api_key={project.key}", ip=ip)


def submitting(project: Project, ip: str) -> Response:
    error = {"hash": project.key, "level": "Warning", "message": "careful"}
    return call("POST", "/api.php", error, ip=ip)


def polling(project: Project, ip: str) -> Response:
    return call("GET", f"/api.php?action=errors&hash={project.key}", ip=ip)


def clearing(project: Project, ip: str) -> Response:
    return call("GET", f"/api.php?action=clear&hash={project.key}", ip=ip)


type Endpoint = Callable[[Project, str], Response]

PULSE: list[Endpoint] = [by_header, by_body, reading, reading_by_query]
LEGACY: list[Endpoint] = [submitting, polling, clearing]


def assert_refused(response: Response, endpoint: Endpoint) -> None:
    assert response.status == 403
    words = {"ok": False, "error": WORDS} if endpoint in LEGACY else {"message": WORDS}
    assert response.json == words


@pytest.mark.parametrize("endpoint", PULSE + LEGACY)
@pytest.mark.parametrize("ip", INSIDE)
def test_an_address_on_the_allowlist_is_accepted(
    guarded: Project, endpoint: Endpoint, ip: str
) -> None:
    assert endpoint(guarded, ip).status in (200, 202)


@pytest.mark.parametrize("endpoint", PULSE + LEGACY)
@pytest.mark.parametrize("ip", OUTSIDE)
def test_any_other_address_is_refused_and_nothing_is_stored(
    guarded: Project, endpoint: Endpoint, ip: str
) -> None:
    before = account.rows()
    assert_refused(endpoint(guarded, ip), endpoint)
    assert account.rows() == before


@pytest.mark.parametrize("ip", ["192.0.2.1", "2001:db8::1"])
def test_without_an_allowlist_every_address_is_accepted(project: Project, ip: str) -> None:
    for endpoint in PULSE + LEGACY:
        assert endpoint(project, ip).status in (200, 202)


def test_headers_in_which_a_client_names_its_address_are_ignored(guarded: Project) -> None:
    for header in ("X-Forwarded-For", "X-Real-Ip", "Forwarded", "True-Client-Ip"):
        response = by_header(guarded, "198.51.100.1", **{header: "192.0.2.1"})
        assert_refused(response, by_header)
        assert by_header(guarded, "192.0.2.1", **{header: "198.51.100.1"}).status == 202


def test_401_comes_before_403(guarded: Project, project: Project) -> None:
    outside = "198.51.100.1"
    for endpoint in (by_header, by_body, reading):
        assert endpoint(Project(guarded.id, "wrong"), outside).status == 401
    other = Project(project.id, guarded.key)
    assert reading(other, outside).json == {"message": "Invalid API key."}


def test_403_comes_before_the_rate_limit_of_the_key_and_uses_no_token(
    guarded: Project, clock: Clock
) -> None:
    for endpoint in (by_header, by_body, reading, submitting, polling):
        assert {endpoint(guarded, "198.51.100.1").status for _ in range(61)} == {403}
    assert [by_header(guarded, "192.0.2.1").status for _ in range(61)] == [202] * 60 + [429]
    assert by_header(guarded, "198.51.100.1").status == 403


def test_a_refused_address_does_not_count_against_the_usage_plan_of_the_key(clock: Clock) -> None:
    organizations.change(DEFAULT_ORGANIZATION, allowlist=parse_allowlist("192.0.2.1"))
    project = new_project(metered=True)

    def counted_against(ip: str) -> str:
        request = {
            "resource": "/api/ingest",
            "httpMethod": "POST",
            "headers": {"X-Api-Key": project.key},
            "requestContext": {"identity": {"sourceIp": ip}},
            "methodArn": "arn:aws:execute-api:us-east-1:000000000000:api/v1/POST/api/ingest",
        }
        key: str = handler("authorizer")(request, None)["usageIdentifierKey"]
        return key

    assert counted_against("198.51.100.1") == settings().unmetered_key
    assert counted_against("192.0.2.1") == "gateway-key"
    assert {by_header(project, "198.51.100.1").status for _ in range(61)} == {403}


def test_403_comes_before_422(guarded: Project) -> None:
    response = call("POST", "/api/ingest", b"[", {"X-Api-Key": guarded.key}, "198.51.100.1")
    assert_refused(response, by_header)


def test_a_change_acts_within_30_seconds(guarded: Project, clock: Clock) -> None:
    organization = projects.find(guarded.id).organization
    outside = "198.51.100.1"
    for endpoint in PULSE + LEGACY:
        assert endpoint(guarded, outside).status == 403
    organizations.change(organization, allowlist=parse_allowlist(outside))
    clock.advance(30)
    for endpoint in PULSE + LEGACY:
        assert endpoint(guarded, outside).status in (200, 202)
    organizations.change(organization, allowlist=parse_allowlist("192.0.2.1"))
    clock.advance(30)
    for endpoint in PULSE + LEGACY:
        assert_refused(endpoint(guarded, outside), endpoint)
    organizations.change(organization, allowlist=())
    clock.advance(30)
    for endpoint in PULSE + LEGACY:
        assert endpoint(guarded, outside).status in (200, 202)


def test_an_allowlist_applies_only_to_the_projects_of_its_organization(
    guarded: Project, project: Project
) -> None:
    assert by_header(project, "198.51.100.1").status == 202
    organizations.change(DEFAULT_ORGANIZATION, allowlist=parse_allowlist("192.0.2.1"))
    clear_cache()
    assert by_header(project, "198.51.100.1").status == 403
    assert by_header(guarded, "203.0.113.7").status == 202


def test_a_project_stored_without_an_organization_is_in_the_default_one(
    project: Project,
) -> None:
    clients.dynamodb().update_item(
        TableName=settings().projects_table,
        Key={"pk": {"S": f"project#{project.id}"}, "sk": {"S": "project"}},
        UpdateExpression="REMOVE organization",
    )
    assert projects.find(project.id).organization == DEFAULT_ORGANIZATION
    organizations.change(DEFAULT_ORGANIZATION, allowlist=parse_allowlist("192.0.2.1"))
    assert by_header(project, "198.51.100.1").status == 403


def test_an_address_outside_the_default_allowlist_cannot_create_a_project(clock: Clock) -> None:
    organizations.change(DEFAULT_ORGANIZATION, allowlist=parse_allowlist("192.0.2.1"))
    before = account.rows()
    assert_refused(submitting(Project("", "brought by a script"), "198.51.100.1"), submitting)
    response = call("GET", "/api.php?action=generate", ip="198.51.100.1")
    assert (response.status, response.json) == (403, {"ok": False, "error": WORDS})
    assert account.rows() == before
    assert submitting(Project("", "brought by a script"), "192.0.2.1").status == 200
    assert call("GET", "/api.php?action=generate", ip="192.0.2.1").status == 200
    # Reading with an unknown key creates no project, so the allowlist does not apply.
    assert polling(Project("", "unknown"), "198.51.100.1").json == {"errors": []}
    assert capture(Project("", "brought by a script")).status == 403
