"""An issue is assigned on its page, and the list shows to whom."""

import re
from urllib.parse import urljoin

import pytest

from errata.models.ids import issue_id
from errata.usecases import assignees, members
from tests.support.account import Project
from tests.support.browser import HOST, Browser, signed_in
from tests.support.calls import recorded
from tests.support.pages import HOSTILE, MAX_CALLS, MAX_LIST_BYTES, OWNER, only_our_markup, send

BEN = "ben@example.com"


@pytest.fixture
def path(busy: Project) -> str:
    """Return the path of an issue."""
    send(busy, {"message": "boom", "fingerprint": "f"})
    return f"projects/{busy.id}/issues/{issue_id(busy.id, 'f')}"


def assigned(browser: Browser, path: str) -> str:
    found = re.search(r"Assigned to ([^<]*)<", browser.get(path).html)
    assert found
    return found[1].strip()


def test_an_issue_is_assigned_on_its_page_and_every_member_sees_and_finds_it(
    browser: Browser, busy: Project, path: str
) -> None:
    team = members.create_team("default", "web").id
    members.add("default", BEN, "admin")
    ben = signed_in(BEN)
    assert assigned(ben, path) == assigned(browser, path) == "nobody"
    shown = browser.post(path, assign="me", was="")
    assert f"{OWNER} self-assigned" in shown.text
    assert assigned(ben, path) == assigned(browser, path) == OWNER
    others = browser.get(f"{path}/assign")
    assert f'value="{BEN}"' in others.html
    assert browser.post(f"{path}/assign", assign=f"#{team}", was=f"member:{OWNER}").status == 200
    assert assigned(ben, path) == assigned(browser, path) == "web, a team"
    with recorded() as calls:
        shown = browser.get(f"projects/{busy.id}/issues")
    assert 'title="assigned to #web">we<' in shown.html
    assert len(calls) <= MAX_CALLS
    mine = f"projects/{busy.id}/issues?query=is%3Aopen+assigned%3Ame"
    assert "No issues match" in browser.get(mine).text
    assert "boom" in browser.get(mine.replace("Ame", "A%23web")).text
    browser.get(f"{path}/assign")
    browser.post(f"{path}/assign", assign_typed="1", assign_to=OWNER, was=f"team:{team}")
    assert "boom" in browser.get(mine).text
    assert "No issues match" in ben.get(mine).text
    assert "boom" in ben.get(mine.replace("Ame", f"A{OWNER}")).text
    members.remove("default", BEN)
    assignees.clear_cache()
    browser.get(path)
    browser.post(path, assign="", was=f"member:{OWNER}")
    assert assigned(browser, path) == "nobody"


def test_a_refused_assignment_shows_an_error_on_the_page(browser: Browser, path: str) -> None:
    form = f"{path}/assign"
    browser.get(form)
    shown = browser.post(form, assign_typed="1", assign_to="zoe@example.com", was="")
    assert shown.status == 422
    assert "zoe@example.com is not a member of the organization." in shown.text
    assert shown.value("assign_to") == "zoe@example.com"
    browser.post(form, assign="me", was="")
    browser.get(form)
    shown = browser.post(form, assign="me", was="")  # a form that was sent twice
    assert shown.status == 200
    browser.get(form)
    shown = browser.post(form, assign="nobody", was="team:01234567")
    assert shown.status == 409
    assert f"{OWNER} has assigned this issue to {OWNER} meanwhile" in shown.text


def test_the_menu_request_returns_only_the_buttons(browser: Browser, path: str) -> None:
    shown = browser.get(f"{path}/assign", headers={"HX-Request": "true"})
    assert shown.html.lstrip().startswith("<button")
    assert "<form" not in shown.html
    # The link is relative to the page of the issue, one level higher.
    (link,) = re.findall(r'href="([^"]+)"', shown.html)
    page = f"{HOST}/v1/dashboard/{path}"
    assert urljoin(page, link) == f"{page}/assign"


def test_a_hostile_team_name_is_shown_as_text(browser: Browser, busy: Project, path: str) -> None:
    name = HOSTILE.replace("\x00", "").replace("\x1b", "").replace("\n", "")[:150]
    name = "".join(each for each in name if each.isprintable())
    team = members.create_team("default", name).id
    browser.get(path)
    browser.post(path, assign=f"#{team}", was="")
    for each in (path, f"{path}/assign", f"projects/{busy.id}/issues"):
        shown = browser.get(each)
        assert shown.status == 200
        only_our_markup(shown.html)
        assert shown.size <= MAX_LIST_BYTES


def test_many_issues_are_assigned_from_the_list(browser: Browser, busy: Project) -> None:
    send(busy, *({"message": f"boom {n}", "fingerprint": f"{n}"} for n in range(3)))
    form = browser.get(f"projects/{busy.id}/issues")
    fields = {"nonce": form.value("nonce"), "seen_at": form.value("seen_at")}
    ids = [issue_id(busy.id, f"{n}") for n in (0, 1)]
    shown = browser.post(
        f"projects/{busy.id}/issues/changes", action="assign-me", issue=ids, **fields
    )
    assert "2 issues assigned." in shown.text
    assert shown.html.count("<abbr") == 2
    assert f"assigned to {OWNER}" in shown.html


def test_a_viewer_sees_the_assignee_and_cannot_assign(
    busy: Project, browser: Browser, path: str
) -> None:
    team = members.create_team("default", "web").id
    members.set_project_teams(busy.id, [team])
    members.add("default", "eve@example.com", "viewer", [team])
    browser.get(path)
    browser.post(path, assign="me", was="")
    viewer = signed_in("eve@example.com")
    assert assigned(viewer, path).startswith(OWNER)
    assert viewer.get(f"{path}/assign").status == 403
