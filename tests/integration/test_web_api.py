"""The web API lists organizations, projects and DSNs, at API Gateway and the function's URL."""

import base64
import re

import pytest

from errata.config import settings
from errata.usecases import members, organizations, projects
from tests.support.account import Project
from tests.support.calls import failing, fault, recorded
from tests.support.web_api import GATEWAY, URL, Way, call, member, token

ADA = "ada@example.com"


@pytest.fixture
def shop() -> str:
    """Create a project `shop` of the default organization. Return its id."""
    created = projects.create("Shop")
    assert created
    return created.project.id


@pytest.mark.parametrize("way", ["gateway", "url"])
def test_an_organization_is_returned_in_sentry_s_form(way: Way) -> None:
    acme = organizations.create("Acme")
    text = token("ci", acme.id)
    (listed,) = call("GET", "/api/0/organizations/", text, way=way).json
    base = URL if way == "url" else GATEWAY
    assert listed == {
        "id": acme.id,
        "slug": acme.id,
        "name": "Acme",
        "dateCreated": listed["dateCreated"],
        "status": {"id": "active", "name": "active"},
        "isEarlyAdopter": False,
        "require2FA": False,
        "requireEmailVerification": False,
        "features": [],
        "links": {"organizationUrl": base, "regionUrl": base},
    }
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", listed["dateCreated"])
    assert call("GET", f"/api/0/organizations/{acme.id}", text, way=way).json == listed


def test_a_project_is_found_by_its_id_its_slug_and_an_old_slug(shop: str) -> None:
    projects.change_slug(shop, "store")
    text = token("ci")
    found = [
        call("GET", f"/api/0/projects/default/{name}/", text).json
        for name in (shop, "store", "shop")
    ]
    assert found[0] == found[1] == found[2]
    assert (found[0]["id"], found[0]["slug"], found[0]["name"]) == (shop, "store", "Shop")
    assert found[0]["organization"] == {"id": "default", "slug": "default", "name": "default"}


@pytest.mark.parametrize("name", ["nothing", "99", "-", "%2e%2e", "Shop", "x" * 500])
def test_a_project_that_does_not_exist_is_404(shop: str, name: str) -> None:
    missing = call("GET", f"/api/0/projects/default/{name}/", token())
    assert missing.status == 404
    assert missing.json == {"detail": "This project does not exist, or the token does not see it."}


def test_pages_of_projects_are_linked(shop: str) -> None:
    for name in ("b", "c", "d"):
        projects.create(name)
    text, seen = token(), []
    target = "/api/0/organizations/default/projects/?per_page=3&x=1%0d%0a2"
    first = call("GET", target, text)
    seen += [each["slug"] for each in first.json]
    links = re.findall(
        r'<([^>]+)>; rel="(\w+)"; results="(\w+)"; cursor="([^"]*)"', first.headers["Link"]
    )
    assert [(rel, results) for _, rel, results, _ in links] == [
        ("previous", "false"),
        ("next", "true"),
    ]
    assert "\n" not in first.headers["Link"]
    second = call("GET", links[1][0].removeprefix(URL), text)
    seen += [each["slug"] for each in second.json]
    assert seen == ["shop", "b", "c", "d"]
    assert 'rel="next"; results="false"' in second.headers["Link"]


@pytest.mark.parametrize("query", ["cursor=%ff", "per_page=0", "per_page=x", "limit=101"])
def test_an_invalid_cursor_or_page_size_is_400(query: str) -> None:
    assert call("GET", f"/api/0/projects/?{query}", token()).status == 400


def test_a_forged_cursor_leads_to_the_first_page(shop: str) -> None:
    made = base64.urlsafe_b64encode(b"#../x").decode()
    (found,) = call("GET", f"/api/0/projects/?cursor={made}", token()).json
    assert found["id"] == shop


def test_the_keys_of_a_project_contain_its_dsn_and_no_api_key(project: Project) -> None:
    ways: tuple[Way, ...] = ("gateway", "url")
    for way in ways:
        found = call("GET", f"/api/0/projects/default/{project.id}/keys/", token("ci"), way=way)
        (key,) = found.json
        dsn = f"https://{project.public}@{GATEWAY.removeprefix('https://')}/{project.id}"
        assert key["dsn"] == {"public": dsn}
        assert (key["public"], key["isActive"]) == (project.public, True)
        assert project.key not in found.text


def test_dsns_name_the_sdk_endpoint(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDK_URL", "https://sdk.example.com/")
    settings.cache_clear()
    (key,) = call("GET", f"/api/0/projects/default/{project.id}/keys/", token()).json
    assert key["dsn"]["public"] == f"https://{project.public}@sdk.example.com/{project.id}"


def test_a_member_sees_the_projects_and_names_of_their_teams(shop: str) -> None:
    mobile = members.create_team("default", "Mobile")
    web = members.create_team("default", "Web")
    other = projects.create("Secret")
    assert other
    members.set_project_teams(shop, [mobile.id, web.id])
    text = token(member=member(ADA, teams=(mobile.id,)))
    (found,) = call("GET", "/api/0/projects/", text).json
    assert found["id"] == shop
    assert found["teams"] == [{"id": mobile.id, "slug": mobile.id, "name": "Mobile"}]
    (team,) = call("GET", "/api/0/organizations/default/teams/", text).json
    assert team["name"] == "Mobile"
    assert call("GET", f"/api/0/projects/default/{other.project.id}/", text).status == 404
    assert call("GET", "/api/0/organizations/default/members/", text).status == 403


def test_an_organization_s_token_and_an_owner_s_token_list_its_members() -> None:
    member("boss@example.com", "owner")
    member(ADA, "viewer")
    for text in (token(), token(member="boss@example.com")):
        found = call("GET", "/api/0/organizations/default/members/", text).json
        assert [(each["email"], each["orgRole"]) for each in found] == [
            (ADA, "viewer"),
            ("boss@example.com", "owner"),
        ]


def test_no_token_sees_an_unclaimed_project() -> None:
    created = projects.create("x", organization="unclaimed")
    assert created
    assert call("GET", f"/api/0/projects/default/{created.project.id}/", token()).status == 404
    assert call("GET", "/api/0/projects/", token()).json == []


def test_a_wrong_method_is_405_and_an_unknown_path_is_404() -> None:
    wrong = call("DELETE", "/api/0/organizations/default/", token("write"))
    assert (wrong.status, wrong.headers["Allow"]) == (405, "GET")
    for path in ("/", "/api", "/api/1/", "/api/0//organizations/", "/api/0/organizations/a/b/c"):
        assert call("GET", path, token()).status == 404


def test_a_missing_scope_is_403_and_the_response_names_the_scopes_needed() -> None:
    refused = call("GET", "/api/0/organizations/default/teams/", token("ci"))
    assert refused.status == 403
    assert refused.json == {"detail": "The token has the scope ci. This call needs read or write."}


def test_a_store_error_is_503() -> None:
    text = token()
    with fault(1, failing):
        failed = call("GET", "/api/0/", text)
    assert (failed.status, failed.headers["Retry-After"]) == (503, "1")
    assert failed.json == {"detail": "The service is busy; try again."}


def test_a_list_of_projects_costs_three_calls_and_a_project_four(shop: str) -> None:
    text = token()
    call("GET", "/api/0/", text)
    with recorded() as calls:
        call("GET", "/api/0/organizations/default/projects/", text)
    assert [each.operation for each in calls] == ["UpdateItem", "GetItem", "Query"]
    with recorded() as calls:
        call("GET", "/api/0/projects/default/shop/", text)
    assert [each.operation for each in calls] == [
        "UpdateItem",
        "BatchGetItem",
        "GetItem",
        "GetItem",
    ]
