"""Changes of issues through the web API: what the dashboard can do, with the same rights."""

import re
from typing import Any

import pytest

from errata.usecases import change_issues, members
from functions.dashboard import pages
from functions.dashboard.routing import _ROUTES
from functions.web_api import issue_updates
from functions.web_api.routes import ROUTES
from tests.support import web_api
from tests.support.account import Clock, new_project
from tests.support.calls import Killed, fault, killed
from tests.support.shop import OWNER, TIMEOUT, Shop
from tests.support.template import ROOT

EVE = "eve@example.com"


def numbered(*numbers: int) -> list[dict[str, Any]]:
    return [{"message": "m", "fingerprint": str(n)} for n in numbers]


def issue_id(shop: Shop, number: int = 1) -> str:
    return str((int(shop.id) << 32) + number)


def path(shop: Shop, number: int = 1) -> str:
    return f"/api/0/issues/{issue_id(shop, number)}/"


# ------------------------------------------------------------------ one

# (what is sent, the status, statusDetails)
STATUSES: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
    ({"status": "resolved"}, "resolved", {}),
    ({"status": "unresolved"}, "unresolved", {}),
    (
        {"status": "resolved", "statusDetails": {"inRelease": "shop@1.1"}},
        "resolved",
        {"inRelease": "shop@1.1"},
    ),
    (
        {"status": "resolved", "statusDetails": {"inNextRelease": True}},
        "resolved",
        {"inNextRelease": True, "afterRelease": "shop@1.0"},
    ),
    (
        {"status": "resolvedInNextRelease"},
        "resolved",
        {"inNextRelease": True, "afterRelease": "shop@1.0"},
    ),
    ({"status": "ignored"}, "ignored", {}),
    (
        {"status": "ignored", "statusDetails": {"ignoreCount": 5}},
        "ignored",
        {"ignoreCount": 5},
    ),
    (
        {"status": "ignored", "statusDetails": {"ignoreUserCount": 3}},
        "ignored",
        {"ignoreUserCount": 3},
    ),
    (
        {"status": "ignored", "substatus": "archived_until_escalating"},
        "ignored",
        {"ignoreUntilEscalating": True},
    ),
    ({"status": "muted"}, "ignored", {}),
    (
        {"status": "ignored", "statusDetails": {"ignoreUntil": "2099-01-01T00:00:00Z"}},
        "ignored",
        {"ignoreUntil": "2099-01-01T00:00:00.000Z"},
    ),
]


def test_an_issue_is_settled_in_every_way(shop: Shop, clock: Clock) -> None:
    shop.send(TIMEOUT)
    for sent, status, details in STATUSES:
        clock.advance(1)
        changed = shop.put(path(shop), sent)
        assert (changed["status"], changed["statusDetails"]) == (status, details), sent
    activity = shop.get(f"{path(shop)}activities/")["activity"]
    assert activity[0]["type"] == "set_ignored"
    assert {each["user"]["email"] for each in activity} == {OWNER}


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"status": "odd"}, "status"),
    ({"status": "resolved", "statusDetails": {"inCommit": {"commit": "a"}}}, "no commits"),
    ({"status": "ignored", "statusDetails": {"ignoreCount": 1, "ignoreWindow": 5}}, "within"),
    ({"status": "ignored", "statusDetails": {"ignoreDuration": -1}}, "ignoreDuration"),
    ({"status": "ignored", "statusDetails": {"ignoreUntil": "2001-01-01"}}, "over already"),
    ({"statusDetails": {"ignoreCount": 1}}, "needs a status"),
    ({"assignedTo": "nobody@example.com"}, "not a member"),
    ({"assignedTo": "team:nothing"}, "no team"),
    ({"ticketUrl": "javascript:alert(1)"}, "http"),
    # A variable of a build that is not set.
    ({"status": "resolved", "statusDetails": {"inRelease": ""}}, "Name a release"),
]


def test_an_invalid_change_is_400(shop: Shop) -> None:
    shop.send(TIMEOUT)
    for sent, says in REFUSED:
        refused = shop.call("PUT", path(shop), sent)
        assert (refused.status, says in refused.text) == (400, True), refused.text


def test_an_issue_is_assigned_by_every_form_of_a_name(shop: Shop) -> None:
    shop.send(TIMEOUT)
    team = members.create_team("default", "web")
    listed = shop.get("/api/0/organizations/default/members/")
    (owner_id,) = (each["user"]["id"] for each in listed)
    for name in (OWNER, f"user:{owner_id}", owner_id, "me"):
        of = shop.put(path(shop), {"assignedTo": name})["assignedTo"]
        assert of == {"type": "user", "id": owner_id, "name": OWNER, "email": OWNER}, name
    assert shop.put(path(shop), {"assignedTo": ""})["assignedTo"] is None
    for name in (f"team:{team.id}", "#web"):
        of = shop.put(path(shop), {"assignedTo": name})["assignedTo"]
        assert of == {"type": "team", "id": team.id, "name": "web"}
    assert [each["shortId"] for each in shop.get("issues/?query=assigned:%23web")]
    assert shop.put(path(shop), {"assignedTo": None})["assignedTo"] is None


def test_an_issue_is_linked_to_its_ticket(shop: Shop) -> None:
    shop.send(TIMEOUT)
    url = "https://github.com/acme/shop/issues/7"
    linked = shop.put(path(shop), {"ticketUrl": url})
    assert linked["annotations"] == [{"displayName": "github.com/acme/shop/issues/7", "url": url}]
    (ticket,) = shop.get(f"{path(shop)}external-issues/")
    assert (ticket["webUrl"], ticket["serviceType"]) == (url, "github.com")
    assert shop.put(path(shop), {"ticketUrl": ""})["annotations"] == []


def test_only_an_owner_s_token_deletes_an_issue(shop: Shop) -> None:
    shop.send(TIMEOUT)
    organization = web_api.token("write")
    assert shop.call("DELETE", path(shop), token=organization).status == 403
    assert shop.call("DELETE", path(shop)).status == 202
    assert shop.call("GET", path(shop)).status == 404


def test_viewers_and_tokens_without_the_scope_write_cannot_change_issues(shop: Shop) -> None:
    shop.send(TIMEOUT)
    team = members.create_team("default", "web")
    members.set_project_teams(shop.id, [team.id])
    viewer = web_api.token("write", member=web_api.member(EVE, "viewer", (team.id,)))
    read = web_api.token("read", member=OWNER)
    ci = web_api.token("ci")
    for held, status in ((viewer, 403), (read, 403), (ci, 403)):
        for method, to, body in (
            ("PUT", path(shop), {"status": "resolved"}),
            ("PUT", f"{shop.path}/issues/", {"status": "resolved"}),
            ("POST", f"{path(shop)}comments/", {"text": "hello"}),
            ("DELETE", path(shop), None),
        ):
            assert shop.call(method, to, body, token=held).status == status, (method, to)
    assert shop.get(path(shop))["status"] == "unresolved"


# ------------------------------------------------------------------ many


def test_many_issues_are_changed_by_their_ids(shop: Shop) -> None:
    shop.send(*numbered(1, 2, 3))
    query = f"id={issue_id(shop, 1)}&id={issue_id(shop, 3)}&id=7"
    done = shop.put(f"issues/?{query}", {"status": "resolved", "assignedTo": "me"})
    assert (done["status"], done["statusDetails"], done["assignedTo"]) == ("resolved", {}, "me")
    assert [each["counts"] for each in done["changes"]] == [{"changed": 2}, {"changed": 2}]
    assert [each["status"] for each in shop.get("issues/?query=&sort=new")] == [
        *("resolved", "unresolved", "resolved"),
    ]
    below = "/api/0/organizations/default/issues/"
    shop.put(f"{below}?{query}", {"status": "unresolved"})
    assert len(shop.get("issues/")) == 3
    assert shop.put(f"{below}?id=7", {"status": "resolved"}, status=204) is None
    assert shop.put(f"{below}?id={issue_id(shop, 99)}", {"status": "resolved"}, 204) is None


def test_many_issues_are_changed_by_a_search(shop: Shop) -> None:
    shop.send(TIMEOUT, *numbered(1, 2))
    shop.put("issues/?query=bank", {"status": "ignored"})
    assert len(shop.get("issues/")) == 2
    shop.put("issues/?status=ignored", {"status": "unresolved"})
    shop.put("/api/0/organizations/default/issues/?status=unresolved", {"status": "muted"})
    assert shop.get("issues/") == []
    assert shop.call("DELETE", "issues/?query=bank").status == 204
    assert len(shop.get("issues/?query=")) == 2


def test_a_bulk_change_is_undone(shop: Shop) -> None:
    shop.send(*numbered(1, 2))
    (change,) = shop.put("issues/?query=", {"status": "resolved"})["changes"]
    assert change["message"] == "2 issues resolved."
    below = f"changes/{change['id']}/"
    assert shop.get(below)["canBeUndone"] is True
    for _ in range(2):
        undone = shop.call("POST", f"{below}undo/")
        assert (undone.status, undone.json["message"]) == (200, "2 issues restored.")
    assert len(shop.get("issues/")) == 2
    assert shop.call("POST", f"changes/{'0' * 32}/undo/").status == 404


def test_a_large_change_is_continued_by_the_same_request(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.send(*numbered(*range(5)))
    monkeypatch.setattr(issue_updates, "WORK_S", 0)
    monkeypatch.setattr(change_issues, "SLICE", 2)
    seen = []
    for _ in range(3):
        response = shop.call("PUT", "issues/?query=", {"status": "resolved"})
        seen.append((response.status, "send the same request again" in response.text))
        left = len(shop.get("issues/"))
    assert (seen, left) == ([(503, True), (503, True), (200, False)], 0)
    assert response.json["changes"][0]["counts"] == {"changed": 5}
    # The same request as a new one: nothing is left to change.
    monkeypatch.setattr(change_issues, "SLICE", 50)
    again = shop.put("issues/?query=", {"status": "resolved"})
    assert again["changes"][0]["counts"] == {"already": 5}


@pytest.mark.parametrize("call", [6, 10])
def test_a_killed_change_is_completed_by_the_same_request(shop: Shop, call: int) -> None:
    shop.send(*numbered(1, 2))
    with fault(call, killed, after=True) as outcome, pytest.raises(Killed):
        shop.call("PUT", "issues/?query=", {"status": "resolved"})
    assert outcome.struck
    done = shop.put("issues/?query=", {"status": "resolved"})
    counts = done["changes"][0]["counts"]
    assert sum(counts.values()) == 2
    assert [each["status"] for each in shop.get("issues/?query=")] == ["resolved", "resolved"]
    for number in (1, 2):
        activity = shop.get(f"{path(shop, number)}activities/")["activity"]
        assert [each["type"] for each in activity] == ["set_resolved"]


def test_a_query_for_another_project_changes_no_issue_of_this_one(shop: Shop) -> None:
    shop.send(TIMEOUT)
    other = Shop(new_project(metered=True), shop.token)
    other.send(TIMEOUT)
    below = "/api/0/organizations/default/issues/"
    asked = (
        (f"issues/?query=project:{other.slug}", 204),
        (f"{below}?project={shop.id}&query=project:{other.slug}", 204),
        (f"{below}?query=!project:{other.slug}", 400),
        (f"{below}?{'&'.join(f'project={n}' for n in range(100, 121))}", 400),
    )
    for path_, status in asked:
        assert shop.call("PUT", path_, {"status": "resolved"}).status == status, path_
        assert shop.call("DELETE", path_).status == status, path_
    assert [shop.get("issues/")[0]["status"], other.get("issues/")[0]["status"]] == [
        "unresolved",
        "unresolved",
    ]
    assert shop.call("DELETE", f"{below}?query=project:{other.slug}").status == 204
    assert (len(shop.get("issues/")), other.get("issues/")) == (1, [])


def test_issues_are_merged_and_separated(shop: Shop) -> None:
    shop.send(*numbered(1, 2, 2, 3))
    query = "&".join(f"id={issue_id(shop, number)}" for number in (1, 2, 3))
    merged = shop.put(f"/api/0/organizations/default/issues/?{query}", {"merge": 1})["merge"]
    parent = issue_id(shop, 2)
    assert (merged["parent"], sorted(merged["children"])) == (
        parent,
        [issue_id(shop, 1), issue_id(shop, 3)],
    )
    # The ids of all members lead to the head.
    whole = shop.get(path(shop, 1))
    assert (whole["id"], whole["count"], whole["merged"]) == (parent, "4", merged["children"])
    hashes = shop.get(f"{path(shop, 2)}hashes/")
    assert [each["latestEvent"]["groupID"] for each in hashes] == [parent] * 3
    assert shop.call("DELETE", f"{path(shop, 2)}hashes/?id={'0' * 32}").status == 400
    of = hashes[1]["id"]
    assert shop.call("DELETE", f"{path(shop, 2)}hashes/?id={of}").status == 202
    assert len(shop.get(f"{path(shop, 2)}hashes/")) == 2
    one = f"issues/?id={parent}"
    assert shop.call("PUT", one, {"merge": 1}).status == 400
    other = Shop(new_project(metered=True), shop.token)
    other.send(TIMEOUT)
    both = f"/api/0/organizations/default/issues/?id={parent}&id={issue_id(other)}"
    assert "different projects" in shop.call("PUT", both, {"merge": 1}).text


# ------------------------------------------------------------------ the dashboard's forms

_ROW = re.compile(
    r"^\| `(POST [^`]+)`[^|]* \| (?:`([A-Z]+) ([^`]+)`|(no: [^|]+)) \|$", re.MULTILINE
)


def test_every_form_of_the_dashboard_for_issues_has_a_documented_route() -> None:
    """docs/web-api.md names the route for each form of the dashboard."""
    pages.load_all()
    document = (ROOT / "docs" / "web-api.md").read_text()
    rows = _ROW.findall(document)
    forms = {
        f"POST {rule.rule.lstrip('/')}"
        for rule in _ROUTES.iter_rules()
        if "POST" in (rule.methods or ()) and "/issues" in rule.rule
    }
    assert {form for form, *_ in rows} == forms
    there = {(route.method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route.path)) for route in ROUTES}
    for _, method, to, no in rows:
        assert no or (method, to.rstrip("/")) in there, (method, to)
