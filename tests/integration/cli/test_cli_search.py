"""What queries find: each by the use case and by the command."""

from typing import Any

import pytest

from errata.models.assignee import of_member, of_team
from errata.models.ids import issue_id
from errata.models.issue_change import ASSIGN, IGNORE, RESOLVE, Change
from errata.protocol.issues import read_query
from errata.usecases import across, issues, members
from tests.support import stream
from tests.support.account import Clock, Project
from tests.support.cli import done, run
from tests.support.visible import visible_in

pytestmark = pytest.mark.usefixtures("deployed")

HOUR_MS = 3_600_000
NOW_MS = 1_796_000_000_000  # 2026-11-30T00:53:20Z
LONG = "x" * 300

# Issues by name: how many hours ago their events were, and what these have in common.
EVENTS: dict[str, tuple[list[float], dict[str, Any]]] = {
    "price": (
        [240, 30],
        {
            "message": "bad price 17",
            "exception_class": "ValueError",
            "release": "shop 1.0",
            "environment": "production",
            "context": {"user": {"id": "7", "email": "ada@example.com"}},
            "server_name": "web-1",
            "transaction": "/cart",
            "logger": "shop.mail",
            "tags": {"browser": "Firefox", "a b": "c=d#e"},
            "url": "https://shop.example/cart?id=1",
            "exceptions": [
                {
                    "type": "ValueError",
                    "value": "bad price 17",
                    "frames": [{"function": "total", "filename": "shop/cart.py", "in_app": True}],
                }
            ],
        },
    ),
    "reset": (
        [5],
        {
            "message": "Connection RESET by peer",
            "exception_class": "OSError",
            "release": "shop 2.0",
            "environment": "production",
            "context": {"user": {"id": 7}},
            "server_name": "web-2",
            "transaction": "/checkout",
            "tags": {"browser": "Firefox Mobile"},
            "file": "app/views.py",
            "line": 42,
        },
    ),
    "careful": (
        [50],
        {"message": "careful 4711", "level": "warning", "environment": "staging", "release": "2"},
    ),
    "fixed": (
        [100],
        {
            "message": "fixed long ago",
            "context": {"user": {"email": "ada@example.com"}},
            "release": "2#1",
        },
    ),
    "noise": ([3], {"message": 'noise "100 %" a*b', "level": "info", "url": "https://x.io"}),
    "back": ([60, 1], {"message": "back again", "tags": {"long": LONG}}),
    "shipped": ([90], {"message": "shipped", "release": "shop 3.0", "level": "debug"}),
    "returned": ([80, 70], {"message": "returned", "release": "shop 4.0", "level": "debug"}),
    "rising": ([0.1] * 12, {"message": "std::vector überall", "context": {"user": {"id": "8"}}}),
}
ADA = "ada@example.com"
# What happened to them after their first events.
CHANGES = {
    "fixed": Change(RESOLVE),
    "noise": Change(IGNORE),
    "back": Change(RESOLVE),
    "shipped": Change(RESOLVE, release="9.0"),
    "returned": Change(RESOLVE),
}
NAMES = set(EVENTS)
OPEN = NAMES - {"fixed", "noise", "shipped"}

QUERIES: list[tuple[str, set[str]]] = [
    ("", NAMES),
    ("is:open", OPEN),
    ("is:unresolved", OPEN),
    ("!is:open", {"fixed", "noise", "shipped"}),
    ("is:resolved", {"fixed", "shipped"}),
    ("is:ignored", {"noise"}),
    ("is:regressed", {"back", "returned"}),
    ("is:open !is:regressed", OPEN - {"back", "returned"}),
    ("is:open is:resolved", set()),
    ("!is:open !is:ignored", {"fixed", "shipped"}),
    ("is:new", {"reset", "noise", "rising"}),
    ("is:new is:open", {"reset", "rising"}),
    ("!is:new is:open", {"price", "careful", "back", "returned"}),
    ("is:rising", {"rising"}),
    ("!is:rising is:open", OPEN - {"rising"}),
    ("is:quiet", {"price", "careful", "fixed", "shipped", "returned"}),
    ("level:warning", {"careful"}),
    ("level:info", {"noise"}),
    ("!level:error", {"careful", "noise", "shipped", "returned"}),
    ('release:"shop 1.0"', {"price"}),
    ("release:shop*", {"price", "reset", "shipped", "returned"}),
    ("release:*0", {"price", "reset", "shipped", "returned"}),
    ("release:2", {"careful"}),
    ("release:2*", {"careful", "fixed"}),
    ("release:2#1", {"fixed"}),
    ("release:*", NAMES - {"noise", "back", "rising"}),
    ("!release:* is:open", {"back", "rising"}),
    ("release:3", set()),
    ("environment:production", {"price", "reset"}),
    ("environment:Production", set()),
    ("!environment:production is:open", {"careful", "back", "rising", "returned"}),
    ("environment:production environment:staging", set()),
    ("user.email:ada@example.com", {"price", "fixed"}),
    ("is:open user.email:ada@example.com", {"price"}),
    ("user.email:*@example.com is:resolved", {"fixed"}),
    ("user.id:7", {"price", "reset"}),
    ("user.id:7 !user.email:ada@example.com", {"reset"}),
    ("!user.id:*", NAMES - {"price", "reset", "rising"}),
    ("server:web-*", {"price", "reset"}),
    ("server:web-2", {"reset"}),
    ("transaction:/cart", {"price"}),
    ("transaction:/c*", {"price", "reset"}),
    ("url:https://shop.example/*", {"price"}),
    ("url:https://x.io", {"noise"}),
    ("logger:shop.mail", {"price"}),
    ("tags[browser]:Firefox", {"price"}),
    ("browser:Firefox", {"price"}),
    ("tags[browser]:Firefox*", {"price", "reset"}),
    ('tags[browser]:"Firefox Mobile"', {"reset"}),
    ("tags[a b]:c=d#e", {"price"}),
    ("tags[a]:c", set()),
    ("is:assigned", {"price", "reset", "careful"}),
    ("is:unassigned is:resolved", {"fixed", "shipped"}),
    ("!is:assigned is:ignored", {"noise"}),
    ("assigned:*", {"price", "reset", "careful"}),
    ("!assigned:* is:regressed", {"back", "returned"}),
    ("assigned:ada@example.com", {"price"}),
    ("assigned:Ada@Example.com", {"price"}),
    ("assigned:a*@example.com", {"price"}),
    ("assigned:eve@example.com", set()),
    ("assigned:#web", {"reset", "careful"}),
    ('assigned:"#w*" level:warning', {"careful"}),
    ("!assigned:#web is:open", {"price", "back", "rising", "returned"}),
    ('first-release:"shop 1.0"', {"price"}),
    ("first-release:shop*", {"price", "reset", "shipped", "returned"}),
    ("!first-release:* is:open", {"back", "rising"}),
    ('regressed-in:"shop 4.0"', {"returned"}),
    ("regressed-in:*", {"returned"}),
    ('!regressed-in:"shop 4.0" is:regressed', {"back"}),
    ("resolved-in:9.0", {"shipped"}),
    ("resolved-in:9*", {"shipped"}),
    ("!resolved-in:9.0 is:resolved", {"fixed"}),
    ("resolved-in:9.0 is:open", set()),
    (f"tags[long]:{LONG}", {"back"}),
    (f"tags[long]:{LONG}x", set()),
    ("first-seen:-24h", {"reset", "noise", "rising"}),
    ("first-seen:<-7d", {"price"}),
    ("first-seen:2026-11-27", {"careful", "back"}),
    ("first-seen:>2026-11-27", NAMES - {"price", "fixed", "shipped", "returned"}),
    ("!first-seen:-7d", {"price"}),
    ("last-seen:-30m", {"rising"}),
    ("last-seen:>-2h", {"rising", "back"}),
    ("last-seen:<-2d", {"careful", "fixed", "shipped", "returned"}),
    ("last-seen:<2026-11-27T00:00", {"fixed", "shipped"}),
    ("last-seen:-2d last-seen:<-24h", {"price"}),
    ("!last-seen:-24h is:open", {"price", "careful", "returned"}),
    ("reset", {"reset"}),
    ("RESET connection", {"reset"}),
    ('"connection reset"', {"reset"}),
    ('"reset connection"', set()),
    ("connection*peer", {"reset"}),
    ("ValueError: bad", {"price"}),
    ('"price 17"', {"price"}),
    ('"price 18"', set()),
    ("total", {"price"}),
    ("shop/cart.py", {"price"}),
    ("views.py:42", {"reset"}),
    ("/checkout", {"reset"}),
    ("std::vector ÜBERALL", {"rising"}),
    (r'"\"100 %\""', {"noise"}),
    (r"a\*b", {"noise"}),
    (r"again\*", set()),
    ("!reset is:open", OPEN - {"reset"}),
    ("!bad !reset is:open", OPEN - {"price", "reset"}),
    ("a !a", set()),
    ("back is:regressed", {"back"}),
    ("environment:production price", {"price"}),
    ("level:warning environment:staging first-seen:-3d careful", {"careful"}),
]


@pytest.fixture
def named(busy: Project, clock: Clock) -> dict[str, str]:
    """The names of the issues by id. They were counted when their events happened."""
    at = sorted(
        (hours, name, n) for name, (ago, _) in EVENTS.items() for n, hours in enumerate(ago)
    )
    for hours, name, n in reversed(at):
        ms = NOW_MS - int(hours * HOUR_MS)
        clock.ns = (ms + n) * 10**6
        stream.put([stream.event(busy.id, ms + n, fingerprint=name, **EVENTS[name][1])])
        if hours != 0.1 or n == 0:
            assert stream.deliver(stream.records()) == []
        if name in CHANGES and hours == EVENTS[name][0][0]:
            visible = visible_in(busy.id, ms + n)
            issues.change(visible, issue_id(busy.id, name), CHANGES[name], "")
    team = of_team(members.create_team("default", "web").id)
    for name, to in (("price", of_member(ADA)), ("reset", team), ("careful", team)):
        issues.change(visible_in(busy.id), issue_id(busy.id, name), Change(ASSIGN, to=to), "")
    clock.ns = NOW_MS * 10**6
    return {issue_id(busy.id, name): name for name in EVENTS}


def test_each_query_finds_its_issues(busy: Project, named: dict[str, str]) -> None:
    wrong: list[tuple[str, str, set[str]]] = []
    for text, expected in QUERIES:
        for sort in ("last_seen", "count"):
            query = read_query(text, sort, limit=3)
            found: list[str] = []
            while True:
                page = issues.search(visible_in(busy.id, NOW_MS), query)
                found += [named[each.id] for each in page.issues]
                if not page.next_cursor:
                    break
                query = read_query(text, sort, page.next_cursor, 3)
            if set(found) != expected or len(found) != len(expected):
                wrong.append((text, sort, set(found)))
    assert not wrong, "\n".join(map(str, wrong))


def test_the_command_finds_the_same_issues(busy: Project, named: dict[str, str]) -> None:
    wrong: list[tuple[str, set[str]]] = []
    for text, expected in QUERIES:
        listed = done("issues", "list", busy.id, "--query", text, "--json").json
        found = [named[each["id"]] for each in listed]
        if set(found) != expected or len(found) != len(expected):
            wrong.append((text, set(found)))
    assert not wrong, "\n".join(map(str, wrong))


def test_a_search_across_projects_finds_the_same_issues(
    busy: Project, named: dict[str, str]
) -> None:
    wrong: list[tuple[str, set[str]]] = []
    for text, expected in QUERIES:
        query = read_query(text, "users", limit=3)
        found: list[str] = []
        while True:
            page = across.search("default", lambda _: True, query, NOW_MS)
            found += [named[each.id] for _, each in page.found]
            if not page.next_cursor:
                break
            query = read_query(text, "users", page.next_cursor, 3)
        listed = done("issues", "list", "--org", "default", "--query", text, "--json").json
        by_command = {named[each["id"]] for each in listed}
        if not set(found) == by_command == expected or len(found) != len(expected):
            wrong.append((text, set(found) ^ by_command))
    assert not wrong, "\n".join(map(str, wrong))


def test_issues_of_an_organization_are_listed_with_their_project(
    busy: Project, named: dict[str, str]
) -> None:
    asked = ("issues", "list", "--org", "default", "--query", "is:rising")
    (issue,) = done(*asked, "--json").json
    assert (issue["project_id"], issue["project"]) == (busy.id, "shop")
    assert f"{busy.id} shop" in done(*asked).out
    event_id = issue["first_event"]
    for name in (issue["short_id"].lower(), issue["id"], event_id, event_id.replace("-", "")):
        (found,) = done(*asked[:-1], name, "--json").json
        assert named[found["id"]] == "rising"
    assert done(*asked[:-1], "0" * 32).out == "No issues.\n"
    for wrong in (("1", "--org", "default"), ()):
        ran = run("issues", "list", *wrong)
        assert (ran.code, ran.err) == (1, "error: project: Give a project or --org, not both.\n")
    assert "no organization 99" in run("issues", "list", "--org", "99").err


def test_a_query_that_is_only_an_id_finds_its_issue(busy: Project, named: dict[str, str]) -> None:
    (issue,) = done("issues", "list", busy.id, "--query", "is:rising", "--json").json
    for name in (issue["short_id"].lower(), issue["id"], issue["first_event"]):
        (found,) = done("issues", "list", busy.id, "--query", name, "--json").json
        assert named[found["id"]] == "rising"
    assert done("issues", "list", busy.id, "--query", "SHOP-99").out == "No issues.\n"


def test_other_options_add_to_the_query(busy: Project, named: dict[str, str]) -> None:
    asked = ("issues", "list", busy.id, "--json", "--query", "user.id:7")
    (found,) = done(*asked, "--status", "open", "--release", "shop 1.0", "--search", "price").json
    assert named[found["id"]] == "price"
    assert done(*asked, "--status", "resolved").json == []
