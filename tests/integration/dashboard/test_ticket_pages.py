"""Tickets on the settings and on the page of an issue, and other ways to settle an issue."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from errata.models.ids import issue_id
from errata.usecases import members, projects
from tests.support.account import Project
from tests.support.browser import Browser, signed_in, words
from tests.support.cli import deployed, done, failed
from tests.support.pages import HOSTILE, OWNER, only_our_markup, send

__all__ = ["deployed"]

TICKET = "https://github.com/acme/shop/issues/7"


@pytest.fixture
def path(busy: Project) -> str:
    send(busy, {"message": HOSTILE, "fingerprint": "f", "release": "1.0"})
    return f"projects/{busy.id}/issues/{issue_id(busy.id, 'f')}"


def test_a_tracker_is_set_and_opens_a_new_ticket(
    browser: Browser, busy: Project, path: str
) -> None:
    assert "Create a ticket" not in browser.get(path).text
    settings = f"projects/{busy.id}/tracker"
    assert 'href="tracker"' in browser.get(f"projects/{busy.id}/settings").html
    browser.get(settings)
    wrong = browser.post(settings, save="1", template="https://t.example.com/?t={sum}")
    assert wrong.status == 422
    assert "{sum} is no placeholder. Use {title}, {markdown}, {url}, {short_id}." in wrong.text
    assert wrong.value("template") == "https://t.example.com/?t={sum}"
    saved = browser.post(settings, save="1", template="github:acme/shop")
    assert "Saved. The menu of more actions" in saved.text
    assert saved.value("template").startswith("https://github.com/acme/shop/issues/new?")
    shown = browser.get(path)
    only_our_markup(shown.html)
    (to,) = re.findall(
        r'href="\.\./\.\./\.\./(\S+/ticket)" target="_blank" rel="noopener', shown.html
    )
    redirected = browser.get(to)
    assert (redirected.status, redirected.html) == (303, "")
    url = urlsplit(redirected.headers["Location"])
    assert (url.netloc, url.path) == ("github.com", "/acme/shop/issues/new")
    asked = parse_qs(url.query)
    assert list(asked) == ["title", "body"]
    assert f"/dashboard/projects/{busy.id}/events/" in asked["body"][0]


def test_an_issue_is_linked_and_unlinked(browser: Browser, busy: Project, path: str) -> None:
    browser.get(path)
    shown = browser.post(path, action="link", url=TICKET)
    link = f'<a href="{TICKET}" target="_blank" rel="noopener noreferrer">'
    assert f"Ticket: {link}{TICKET.removeprefix('https://')}</a>" in shown.html
    assert f"{OWNER} linked it to {TICKET}" in shown.text
    refused = browser.post(path, action="link", url="javascript:alert(1)")
    assert refused.status == 422
    assert "This is no URL that begins with https:// or http://" in refused.text
    team = members.create_team("default", "web").id
    members.set_project_teams(busy.id, [team])
    members.add("default", "eve@example.com", "viewer", [team])
    viewer = signed_in("eve@example.com")
    seen = viewer.get(path)
    assert link in seen.html
    assert 'value="link"' not in seen.html
    browser.get(path)
    assert "Ticket:" not in browser.post(path, action="link", url="").text


@pytest.mark.parametrize(
    ("first", "then", "status"),
    [
        ("resolve", "resolve-next", "resolved in the next release after 1.0"),
        ("resolve-next", "resolve", "resolved"),
        ("ignore", "ignore-rising", "ignored until it is rising"),
        ("ignore-7d", "resolve", "resolved"),
    ],
)
def test_a_settled_issue_can_be_settled_in_another_way(
    browser: Browser, path: str, first: str, then: str, status: str
) -> None:
    browser.get(path)
    shown = browser.post(path, action=first)
    act = shown.html.partition('id="act"')[2].partition('id="assignee"')[0]
    for each in ("reopen", "resolve", "resolve-next", "ignore-7d", "ignore-rising", "ignore"):
        assert f'name="action" value="{each}"' in act
    shown = browser.post(path, action=then)
    assert words(shown.html.partition('id="status">')[2]).startswith(status)


@pytest.mark.usefixtures("deployed")
def test_the_command_sets_the_tracker_and_links_tickets(busy: Project, path: str) -> None:
    name = path.rpartition("/")[2]
    complaint = failed("issues", "ticket", busy.id, "SHOP-1")
    assert "errata projects set 1 --tracker-template github:OWNER/REPO" in complaint
    wrong = failed("projects", "set", busy.id, "--tracker-template", "github:acme", "--name", "no")
    assert wrong.startswith("error: tracker_template: Write github:OWNER/REPO")
    assert projects.find(busy.id).name != "no"
    set_ = ("projects", "set", busy.id, "--tracker-template")
    assert "tracker     https://github.com/a/b/issues/new?title=" in done(*set_, "github:a/b").out
    url = done("issues", "ticket", busy.id, "SHOP-1").out.strip()
    assert url.startswith("https://github.com/a/b/issues/new?title=")
    assert done("issues", "link", busy.id, "SHOP-1", TICKET).out == (
        f"Issue {name} is linked to {TICKET}.\n"
    )
    assert done("issues", "show", busy.id, "SHOP-1", "--json").json["ticket"] == TICKET
    assert f"ticket         {TICKET}\n" in done("issues", "show", busy.id, "SHOP-1").out
    assert f"linked  to {TICKET}  by errata CLI" in done("issues", "activity", busy.id, "1").out
    assert "is linked to no ticket." in done("issues", "link", busy.id, "SHOP-1", "none").out
    assert done(*set_, "none", "--json").json["tracker_template"] is None
