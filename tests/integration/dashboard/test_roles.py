"""What each role may do: every action on issues, and every form of the dashboard."""

import re

import pytest

from errata.config import settings
from errata.errors import ForbiddenError
from errata.models.ids import issue_id
from errata.models.member import ROLES, Role
from errata.store import clients
from errata.usecases import issues, members, organizations
from functions.dashboard import pages
from functions.dashboard.routing import _ROUTES
from tests.support.account import Project
from tests.support.browser import Browser, Shown, signed_in
from tests.support.pages import OWNER, send
from tests.support.visible import visible_in

SETTLES: dict[str, dict[str, str]] = {
    "resolve": {"action": "resolve"},
    "ignore": {"action": "ignore"},
    "reopen": {"action": "reopen"},
    "assign": {"assign": "me", "was": ""},
    "assign to nobody": {"assign": ""},
}
DELETES: dict[str, dict[str, str]] = {"delete": {"action": "delete"}}
VIEWER = "You are a viewer here. You can only read."
# Forms for the own account, which every role has.
OWN = re.compile(
    r"account|account/(password|second-factor|tokens)|sign-out|(projects|orgs)/[a-z0-9]+/issues/(scope|views)"
)
IDS = {"project_id": "1", "organization_id": "default", "issue_id": "a" * 32, "team_id": "a" * 8}


@pytest.fixture
def team(busy: Project) -> str:
    """Return the id of a team that sees the project."""
    members.add("default", OWNER, "owner")
    made = members.create_team("default", "web").id
    members.set_project_teams(busy.id, [made])
    return made


def of_role(role: Role, team: str) -> Browser:
    email = f"{role}@example.com"
    members.add("default", email, role, [team])
    return signed_in(email)


@pytest.mark.parametrize("role", ROLES)
def test_each_role_can_do_only_its_own_actions_on_issues(
    role: Role, busy: Project, team: str
) -> None:
    browser = of_role(role, team)
    send(busy, {"message": "boom", "fingerprint": "f"})
    path = f"projects/{busy.id}/issues/{issue_id(busy.id, 'f')}"
    csrf = browser.get("account").value("csrf")
    before = browser.get(path)
    assert before.status == 200
    for action, fields in (SETTLES | DELETES).items():
        shown = browser.post(path, csrf=csrf, **fields)
        may = role != "viewer" and (action in SETTLES or role != "member")
        assert (shown.status == 200) == may, action
        assert shown.status in (200, 403)
        if not may:
            expected = VIEWER if action in SETTLES else "Only owners and admins can delete"
            assert expected in shown.text
    shown = browser.post(f"{path}/merge", csrf=csrf, member="b" * 32)
    assert shown.status == (404 if role in ("owner", "admin") else 403)
    # There is no button for an action that the role may not do.
    assert ('value="resolve"' in before.html) == (role != "viewer")
    assert ('value="delete"' in before.html) == (role in ("owner", "admin"))


def test_the_use_cases_refuse_a_viewer(busy: Project) -> None:
    send(busy, {"message": "boom", "fingerprint": "f"})
    of_viewer = visible_in(busy.id).for_member("eve@example.com", "viewer")
    for change in (issues.resolve, issues.ignore, issues.reopen, issues.delete):
        with pytest.raises(ForbiddenError):
            change(of_viewer, issue_id(busy.id, "f"), "eve@example.com")


@pytest.mark.parametrize("who", ["outsider", "of another team", "removed"])
def test_pages_and_forms_of_a_hidden_project_show_and_change_nothing(
    who: str, busy: Project, team: str
) -> None:
    send(busy, {"message": "boom", "fingerprint": "f"})
    other = organizations.create("other").id if who == "outsider" else "default"
    teams = [] if who == "outsider" else [members.create_team("default", "else").id]
    role: Role = "owner" if who == "outsider" else "member"
    members.add(other, "eve@example.com", role, teams)
    eve = signed_in("eve@example.com")
    csrf = eve.get("account").value("csrf")
    if who == "removed":
        members.remove("default", "eve@example.com")
    issue = issue_id(busy.id, "f")
    ids = {**IDS, "project_id": busy.id, "issue_id": issue, "team_id": team, "change_id": issue}
    ids |= {"event_id": issue, "name": "1", "release_id": "a" * 24, "slug": "nightly"}
    before, tried = stored(), 0
    pages.load_all()
    for rule in _ROUTES.iter_rules():
        path = re.sub(r"<[^:>]+:([^>]+)>", lambda found: ids[found[1]], rule.rule).strip("/")
        hidden = path.startswith("orgs/") if who != "of another team" else False
        if not (path.startswith(f"projects/{busy.id}") or hidden):
            continue
        fields = {"action": "resolve", "save": "own", "issue": issue, "query": "", "assign": "me"}
        shown = (
            eve.post(path, csrf=csrf, **fields) if "POST" in (rule.methods or ()) else eve.get(path)
        )
        assert shown.status == 404 or (who == "removed" and "boom" not in shown.html), path
        tried += 1
    assert tried > 30
    assert stored() == before


def stored() -> dict[str, list[str]]:
    """Return the rows of all tables, except those of members' own choices."""
    tables = (settings().issues_table, settings().projects_table, settings().events_table)
    found = {name: clients.dynamodb().scan(TableName=name)["Items"] for name in tables}
    return {
        name: sorted(str(each) for each in items if not each["pk"]["S"].startswith("user#"))
        for name, items in found.items()
    }


def test_every_form_refuses_a_viewer(busy: Project, team: str) -> None:
    send(busy, {"message": "boom", "fingerprint": "f"})
    viewer = of_role("viewer", team)
    ids = {**IDS, "project_id": busy.id, "issue_id": issue_id(busy.id, "f"), "team_id": team}
    ids["change_id"] = ids["issue_id"]
    csrf = viewer.get("account").value("csrf")
    posted = 0
    pages.load_all()
    for rule in _ROUTES.iter_rules():
        if "POST" not in (rule.methods or ()):
            continue
        path = re.sub(r"<[^:>]+:([^>]+)>", lambda found: ids[found[1]], rule.rule).strip("/")
        if not OWN.fullmatch(path) and path.startswith(("projects", "orgs", "account")):
            shown: Shown = viewer.post(path, csrf=csrf, action="resolve", save="1")
            assert shown.status == 403, path
            assert "Only owners and admins can do this" in shown.text or VIEWER in shown.text
            posted += 1
    assert posted >= 7
