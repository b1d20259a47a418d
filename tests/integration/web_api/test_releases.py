"""Releases and deploys through the web API, as build tools create them."""

import json
import re
from typing import Any

import pytest

from errata.models.buckets import HOUR_MS
from errata.usecases import issues, members
from functions.web_api import releases
from functions.web_api.release_schemas import ReleaseSchema
from tests.support import web_api
from tests.support.account import Clock, new_project
from tests.support.calls import Killed, fault, killed
from tests.support.shop import TIMEOUT, Shop
from tests.support.visible import visible_in

BELOW = "/api/0/organizations/default/releases"


@pytest.fixture
def ci() -> str:
    """Return a token for a build."""
    return web_api.token("ci")


def test_a_build_announces_finalizes_and_deploys_a_release(
    shop: Shop, ci: str, clock: Clock
) -> None:
    new = {"version": "shop@1.0", "projects": [shop.slug], "url": "https://ci.example.com/7"}
    first = shop.call("POST", f"{BELOW}/", new, token=ci)
    assert first.status == 201, first.text
    ReleaseSchema.model_validate_json(first.text)
    assert (first.json["shortVersion"], first.json["dateReleased"]) == ("1.0", None)
    assert [each["slug"] for each in first.json["projects"]] == [shop.slug]
    assert shop.call("POST", f"{BELOW}/", new, token=ci).status == 208
    for version in ("shop@1.0", "shop%401.0"):
        at = "2026-11-30T09:00:00Z"
        done = shop.put(f"{BELOW}/{version}/", {"dateReleased": at}, token=ci)
        assert done["dateReleased"] == "2026-11-30T09:00:00.000Z"
    deploy = {"environment": "production", "name": "blue", "dateFinished": "2026-11-30T09:05:00Z"}
    for _ in range(2):
        made = shop.call("POST", f"{BELOW}/shop@1.0/deploys/", deploy, token=ci)
        assert (made.status, made.json["environment"], made.json["id"]) == (201, "production", "1")
    (listed,) = shop.get(f"{BELOW}/shop@1.0/deploys/", token=ci)
    assert listed == made.json
    shop.send(TIMEOUT)
    (release,) = shop.get(f"{BELOW}/")
    assert (release["newGroups"], release["events"], release["deployCount"]) == (1, 1, 1)
    assert release["lastDeploy"] == listed
    assert release == shop.get(f"{BELOW}/shop@1.0/", token=ci)
    assert release == shop.get("releases/")[0] == shop.get("releases/shop@1.0/")
    (seen,) = issues.list_releases(visible_in(shop.id, clock.ms))
    assert seen.since == 1_796_029_200_000


def test_a_release_may_come_with_many_commits(shop: Shop, ci: str) -> None:
    """`sentry-cli releases set-commits`, which plugins for bundlers do automatically."""
    commit = {"id": "a" * 40, "patch_set": [{"path": "src/" + "x" * 80, "type": "M"}] * 10_000}
    shop.call("POST", "releases/", {"version": "1.0", "commits": [commit]}, token=ci)
    assert shop.put(f"{BELOW}/1.0/", {"commits": [commit]}, token=ci)["commitCount"] == 0
    too_many = {"commits": [commit] * 5}
    assert shop.call("PUT", f"{BELOW}/1.0/", too_many, token=ci).status == 413


def test_releases_of_events_are_listed_with_announced_ones(shop: Shop, clock: Clock) -> None:
    other = Shop(new_project(metered=True), shop.token)
    shop.send({**TIMEOUT, "release": "1.0"})
    clock.advance(HOUR_MS // 1000)
    for project in (shop, other):
        made = project.call("POST", "releases/", {"version": "1.1"})
        assert made.status == 201
    clock.advance(HOUR_MS // 1000)
    other.send({**TIMEOUT, "release": "1.2"})
    versions = [each["version"] for each in shop.get(f"{BELOW}/")]
    assert versions == ["1.2", "1.1", "1.0"]
    both = shop.get(f"{BELOW}/1.1/")
    assert {each["slug"] for each in both["projects"]} == {shop.slug, other.slug}
    assert [e["version"] for e in shop.get(f"{BELOW}/?project={shop.slug}")] == ["1.1", "1.0"]
    assert [e["version"] for e in shop.get(f"{BELOW}/?query=.2")] == ["1.2"]


def test_releases_come_in_pages(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(releases, "_PROJECTS_A_PAGE", 1)
    other = Shop(new_project(metered=True), shop.token)
    for project in (shop, other):
        project.send(*({**TIMEOUT, "release": f"{project.id}.{n}"} for n in range(3)))
    seen: list[str] = []
    to = f"{BELOW}/?per_page=2"
    for _ in range(6):
        page = shop.call("GET", to)
        seen += [each["version"] for each in page.json]
        following = re.search(
            r'<[^>]*(/api[^>]+)>; rel="next"; results="true"', page.headers["Link"]
        )
        if not following:
            break
        to = following[1]
    assert sorted(seen) == sorted(f"{each.id}.{n}" for each in (shop, other) for n in range(3))
    for cursor in ("b2Rk", "W10=", "WzEsIngiLFtdXQ=="):
        assert shop.call("GET", f"{BELOW}/?cursor={cursor}").status == 400


def test_an_unknown_release_and_one_of_a_hidden_project_are_404(shop: Shop, ci: str) -> None:
    other = Shop(new_project(metered=True), shop.token)
    team = members.create_team("default", "web")
    members.set_project_teams(other.id, [team.id])
    eve = web_api.token("ci", member=web_api.member("eve@example.com", teams=(team.id,)))
    shop.call("POST", "releases/", {"version": "1.0"}, token=ci)
    for method, below, body in (
        ("GET", "", None),
        ("PUT", "", {"url": "https://ci.example.com"}),
        ("GET", "deploys/", None),
        ("POST", "deploys/", {"environment": "production"}),
        ("GET", "commits/", None),
    ):
        assert shop.call(method, f"{BELOW}/1.0/{below}", body, token=eve).status == 404, method
        assert shop.call(method, f"{BELOW}/9.9/{below}", body, token=ci).status == 404, method
    new = {"version": "1.0", "projects": [shop.slug]}
    assert shop.call("POST", f"{BELOW}/", new, token=eve).status == 400
    assert shop.get(f"{BELOW}/", token=eve) == []


def test_viewers_and_read_tokens_cannot_create_releases(shop: Shop) -> None:
    viewer = web_api.token("ci", member=web_api.member("eve@example.com", "viewer"))
    read = web_api.token("read")
    body = {"version": "1.0", "projects": [shop.slug]}
    for held in (viewer, read):
        assert shop.call("POST", f"{BELOW}/", body, token=held).status in (400, 403)
    assert shop.get(f"{BELOW}/") == []


REFUSED: list[dict[str, Any]] = [
    {},
    {"version": "1.0"},
    {"version": "1.0", "projects": []},
    {"version": "1.0", "projects": ["nothing"]},
    {"version": "a\nb", "projects": ["shop"]},
    {"version": "1.0", "projects": ["shop"], "dateReleased": "odd"},
]


def test_an_invalid_release_or_deploy_is_400(shop: Shop, ci: str) -> None:
    for body in REFUSED:
        sent = json.loads(json.dumps(body).replace("shop", shop.slug))
        assert shop.call("POST", f"{BELOW}/", sent, token=ci).status == 400, body
    assert shop.call("POST", f"{BELOW}/1/deploys/", {}, token=ci).status == 400


def test_commits_are_not_kept(shop: Shop, ci: str) -> None:
    shop.call("POST", "releases/", {"version": "1.0"}, token=ci)
    commits = {"commits": [{"id": "a" * 40, "repository": "acme/shop"}]}
    assert shop.put(f"{BELOW}/1.0/", commits, token=ci)["commitCount"] == 0
    assert shop.get(f"{BELOW}/1.0/commits/", token=ci) == []
    assert shop.get(f"{BELOW}/1.0/previous-with-commits/", token=ci) == {}
    assert shop.get("/api/0/organizations/default/repos/", token=ci) == []


def test_a_release_killed_between_projects_is_completed_by_the_same_request(
    shop: Shop, ci: str
) -> None:
    other = Shop(new_project(metered=True), shop.token)
    body = {"version": "1.0", "projects": [shop.slug, other.slug]}
    struck = 0
    for call in range(6, 14, 2):
        with fault(call, killed, after=True) as outcome:
            try:
                shop.call("POST", f"{BELOW}/", body, token=ci)
            except Killed:
                struck += outcome.struck
    made = shop.call("POST", f"{BELOW}/", body, token=ci)
    assert (struck > 1, made.status) == (True, 208)
    assert len(shop.get(f"{BELOW}/1.0/")["projects"]) == 2
