"""Every route of the web API with every kind of token: none reads or changes data of others.

These tests take the list of routes. A new route only needs a value for a new id in its path.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

import pytest

from errata.models.ids import issue_id, now_ms
from errata.models.issue_change import Change
from errata.models.monitor import Monitor
from errata.models.token import TOKEN_SCOPES, TokenScope
from errata.store import tokens as store
from errata.store.monitors import add_monitor
from errata.usecases import (
    attachments,
    change_issues,
    comments,
    members,
    organizations,
    projects,
    tickets,
    tokens,
)
from errata.usecases.access import hash_key
from errata.usecases.projects import operator_access
from functions.web_api.routes import ROUTES
from functions.web_api.routing import Route
from tests.support.account import Project, rows
from tests.support.bundles import make_bucket
from tests.support.shop import Shop
from tests.support.visible import visible_in
from tests.support.web_api import URLS, call, member, token

# Is in all data of the project, and in no request.
MARK = "sesame"
SLUG, BULK = "shop", "b" * 32
# The SDK's id of the event with a file, and the file.
FILED, FILE = (
    "e" * 32,
    {"filename": f"{MARK}.txt", "size": 6, "attachment_type": "event.attachment"},
)
INSIDER, OUTSIDER, VIEWER = "in@example.com", "out@example.com", "view@example.com"
# Values for a request's body: those of the fields that its model knows are sent.
FIELDS: dict[str, Any] = {
    "status": "resolved",
    "text": "hello",
    "version": "open@9",
    "environment": "production",
    "ref": "abc",
    "url": "https://example.com",
    "checksum": "0" * 40,
    "chunks": [],
}


@dataclass
class World:
    """A project with an issue, and the ids in the paths of routes."""

    project: Project
    ids: dict[str, str]
    calls: int = 0

    def call(self, route: Route, bearer: str | None) -> Any:
        """Send a request to a route. Each comes from another address: wrong tokens are counted."""
        self.calls += 1
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: self.ids[found[1]], route.path)
        if "/commands/" in path and route.method == "GET":
            return call(route.method, f"{path}/{self.options(route)}", bearer, ip=self.address())
        body = None
        if route.takes:
            known = {each.alias or name for name, each in route.takes.model_fields.items()}
            body = {name: value for name, value in FIELDS.items() if name in known}
            if "<path:version>" in route.path and "status" in body:
                body["status"] = "open"  # a release has no other
            if "projects" in known:
                body["projects"] = [self.ids["project"]]
        return call(route.method, f"{path}/", bearer, body, ip=self.address())

    def address(self) -> str:
        """Return an address for this request alone."""
        return f"198.51.{self.calls >> 8}.{self.calls & 255}"

    def options(self, route: Route) -> str:
        """Return the query of a command that only reads: all that one of them must have."""
        values = {"issue": self.ids["short_id"], "event": self.ids["event"], "query": ""}
        values["release"] = self.ids["version"]
        return "?" + urlencode({k: v for k, v in values.items() if k in (route.parameters or {})})


@pytest.fixture
def world(busy: Project) -> World:
    team = members.create_team("default", "web")
    members.set_project_teams(busy.id, [team.id])
    member(INSIDER, "owner")
    member(OUTSIDER)
    member(VIEWER, "viewer", (team.id,))
    projects.rename(busy.id, f"The {MARK}")
    projects.change_slug(busy.id, SLUG)
    tickets.change_tracker(busy.id, "github:acme/shop")
    event = {"message": f"{MARK} failed", "fingerprint": "f", "tags": {"bank": MARK}}
    event |= {"release": "open@1", "environment": MARK, "user": {"id": MARK}}
    (event_id, _) = Shop(busy, "").send(event | {"event_id": FILED, "attachments": [FILE]}, event)
    add_monitor(Monitor(busy.id, "nightly", MARK, now_ms()))
    make_bucket()
    attachments.keep([MARK.encode()], FILED, operator_access(projects.find(busy.id)), now_ms())
    issue = issue_id(busy.id, "f")
    visible = visible_in(busy.id)
    project = projects.find(busy.id)
    comment = comments.add(project, visible, issue, f"{MARK} again", INSIDER, "0" * 32)
    change_issues.begin(
        visible, BULK, Change("resolve"), INSIDER, visible.now_ms, issue_ids=[issue]
    )
    ids = {
        "organization": "default",
        "project": SLUG,
        "issue": str((int(busy.id) << 32) + 1),
        "short_id": f"{SLUG.upper()}-1",
        "event": event_id,
        "version": "open@1",
        "attachment": "0",
        "monitor": "nightly",
        "key": "bank",
        "comment": str(comment.at),
        "change": BULK,
    }
    return World(busy, ids)


def stored() -> Any:
    """Return all rows except those of tokens: every request may write its token's last use."""
    return {
        table: [each for each in found if not each["pk"]["S"].startswith("token#")]
        for table, found in rows().items()
    }


def bearers(world: World) -> Iterator[tuple[str, str | None]]:
    """Yield the kinds of tokens that are not valid."""
    yield "none", None
    yield "an API key", world.project.key
    yield "a public key", world.project.public
    made, expired = tokens.create("default", "write", "x", URLS, "ops", INSIDER)
    store.remove_token(made.hash)
    store.add_token(replace(made, expires_at=made.created_at))
    yield "expired", expired
    revoked = token("write", member=INSIDER)
    tokens.revoke("default", hash_key(revoked)[:12])
    yield "revoked", revoked


def test_a_request_without_a_valid_token_is_401_on_every_route(world: World) -> None:
    kinds = list(bearers(world))
    before = stored()
    for kind, bearer in kinds:
        opened = [each.path for each in ROUTES if world.call(each, bearer).status != 401]
        assert opened == [], kind
    assert stored() == before


def test_a_scope_opens_only_the_routes_that_name_it(world: World) -> None:
    before = stored()
    for scope in TOKEN_SCOPES:
        bearer = token(scope, member=INSIDER)
        others = [each for each in ROUTES if scope not in each.scopes]
        assert [each.path for each in others if world.call(each, bearer).status != 403] == []
    assert stored() == before


@pytest.mark.parametrize("who", ["another organization", "a member of another", OUTSIDER])
def test_a_token_without_access_to_a_project_neither_reads_nor_changes_it(
    world: World, who: str
) -> None:
    organization, email = "default", who
    if who != OUTSIDER:
        organization = organizations.create("acme").id
        email = member(INSIDER, "owner", (), organization) if "member" in who else ""
    bearer = {each: token(each, organization, email) for each in TOKEN_SCOPES}
    before = stored()
    for route in ROUTES:
        for scope in route.scopes:
            response = world.call(route, bearer[scope])
            assert MARK not in response.text.lower(), route
            if who != OUTSIDER and "<organization>" in route.path:
                assert response.status == 404, route
            assert response.status < 500, route
    assert stored() == before


def test_a_viewer_s_token_changes_nothing(world: World) -> None:
    scopes: tuple[TokenScope, ...] = ("write", "ci")
    bearer = {each: token(each, member=VIEWER) for each in scopes}
    before = stored()
    for route in ROUTES:
        if route.method != "GET":
            for scope in route.scopes & bearer.keys():
                assert world.call(route, bearer[scope]).status in (400, 403, 404), route
    assert stored() == before


def test_a_viewer_s_token_reads_all_but_members_and_new_tickets(world: World) -> None:
    before = stored()
    texts: list[str] = []
    refused: set[tuple[str, int]] = set()
    for scope in TOKEN_SCOPES:
        bearer = token(scope, member=VIEWER)
        for route in ROUTES:
            if route.method == "GET" and scope in route.scopes:
                response = world.call(route, bearer)
                texts.append(response.text)
                if response.status != 200:
                    refused.add((route.path.rpartition("/")[2], response.status))
    assert refused == {("members", 403), ("ticket", 403)}
    assert MARK in "".join(texts)
    assert stored() == before


def test_an_owner_s_token_opens_every_route(world: World) -> None:
    """Otherwise the tests above would show nothing."""
    bearer = token("write", member=INSIDER)
    reads = [each for each in ROUTES if each.method == "GET"]
    refused = [each.path for each in reads if world.call(each, bearer).status != 200]
    assert refused == []
    assert MARK in "".join(world.call(each, bearer).text for each in reads)
    for route in ROUTES:
        if route.method != "GET":
            assert world.call(route, bearer).status not in (401, 403, 405, 500), route
