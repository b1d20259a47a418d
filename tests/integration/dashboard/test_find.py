"""The search box of pages that belong to no project."""

import re
from urllib.parse import quote, urljoin

import pytest

from errata.models.ids import issue_id
from errata.usecases import members, organizations, projects, slugs
from tests.support.account import Project, new_project
from tests.support.browser import Browser, signed_in
from tests.support.pages import HOSTILE, MAX_BYTES, OWNER, only_our_markup, send


@pytest.fixture
def sent(busy: Project) -> str:
    """Return the short id of an issue. Also create a second project for the list."""
    new_project()
    send(busy, {"message": "'boom'", "exception_class": "KeyError", "fingerprint": "f"})
    return f"{slugs.shown(projects.find(busy.id)).slug.upper()}-1"


def test_every_page_has_a_search_box_that_finds_an_issue(
    browser: Browser, busy: Project, sent: str
) -> None:
    own = f"/projects/{busy.id}/issues/{issue_id(busy.id, 'f')}"
    for path in ("projects", "account", "orgs/default", f"projects/{busy.id}/settings"):
        shown = browser.get(path)
        form = re.search(
            r'role="search"[^>]* action="([^"]+)">\s*<div><input type="search" name="text"',
            shown.html,
        )
        assert form, path
        to = urljoin(shown.url, form[1])
        assert browser.get(f"{to}?text={sent}").url.endswith(own), path
        assert "boom" in browser.get(f"{to}?text=boom").text
        assert "No issues match" in browser.get(f"{to}?text=nothing").text
        # In the form that a log shows, not in the syntax of a query.
        assert "boom" in browser.get(f"{to}?text={quote("KeyError: 'boom'")}").text


def test_a_member_of_several_organizations_chooses_one_unless_an_id_names_an_issue(
    browser: Browser, busy: Project, sent: str
) -> None:
    other = organizations.create("<Acme>").id
    members.add(other, OWNER, "member")
    reader = signed_in(OWNER)
    assert reader.get(f"find?text={sent}").url.endswith(issue_id(busy.id, "f"))
    shown = reader.get("find?text=boom")
    links = re.findall(r'<li><a href="([^"]+)">([^<]+)</a>', shown.html)
    assert [name for _, name in links] == ["default", "&lt;Acme&gt;"]
    assert "boom" in reader.get(urljoin(shown.url, links[0][0])).text
    assert "Where do you want to search?" in reader.get("find").text
    hostile = reader.get(f"find?text={quote(HOSTILE * 20)}")
    assert hostile.size <= MAX_BYTES
    only_our_markup(hostile.html)


@pytest.mark.usefixtures("sent")
def test_the_search_box_finds_nothing_in_projects_of_other_teams(busy: Project, sent: str) -> None:
    members.add("default", "eve@example.com", "member")
    eve = signed_in("eve@example.com")
    shown = eve.get(f"find?text={sent}")
    assert "boom" not in shown.text
    assert issue_id(busy.id, "f") not in shown.url
