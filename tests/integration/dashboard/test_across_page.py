"""The page with the issues of all projects of an organization."""

import html
import json
import re
from urllib.parse import quote, urljoin

import pytest

from errata.models.ids import issue_id
from errata.usecases import delete_project, members, projects, views
from tests.support.account import Project, new_project
from tests.support.browser import Browser, Shown, signed_in
from tests.support.calls import recorded
from tests.support.pages import HOSTILE, MAX_LIST_BYTES, OWNER, only_our_markup, send

PAGE = "orgs/default/issues"
EVE = "eve@example.com"
# The session, the projects, their watermarks, and the issues. Each project adds a query.
MAX_CALLS = 4


@pytest.fixture
def web(busy: Project) -> Project:
    """Return a second project of the organization. The issues of both arrived alternately."""
    web = new_project()
    projects.change_slug(web.id, "web-site")
    for n in range(4):
        send((busy, web)[n % 2], {"message": f"boom {n}", "fingerprint": f"{n}", "user": {"id": n}})
    return web


def titles(shown: Shown) -> list[str]:
    return re.findall(r"boom \d", shown.text)


def test_the_page_lists_and_links_the_issues_of_all_projects(
    browser: Browser, busy: Project, web: Project
) -> None:
    home = browser.get("projects")
    opened = re.search(r'<a href="([^"]+)">Open issues of all projects</a>', home.html)
    assert opened
    with recorded() as calls:
        shown = browser.get(urljoin(home.url, opened[1]))
    assert len(calls) <= MAX_CALLS + 3
    assert titles(shown) == ["boom 3", "boom 2", "boom 1", "boom 0"]
    assert "WEB-SITE-2" in shown.text
    (path,) = re.findall(r'href="([^"]+)">boom 3</a>', shown.html)
    assert "boom 3" in browser.get(urljoin(shown.url, path)).text
    assert titles(browser.get(f"{PAGE}?query=user.id:2")) == ["boom 2"]
    assert titles(browser.get(f"{PAGE}?query=boom&sort=first_seen")) == titles(shown)
    assert "No issues match your search." in browser.get(f"{PAGE}?query=level:debug").text
    live = browser.get(PAGE, {"HX-Request": "true"}).html
    assert live.strip().startswith('<div id="issues"')


def test_a_search_for_an_id_redirects_and_a_wrong_query_is_422(
    browser: Browser, busy: Project, web: Project
) -> None:
    (event_id,) = send(web, {"message": "named", "fingerprint": "n"})
    for name, path in (
        ("web-site-1", f"projects/{web.id}/issues/{issue_id(web.id, '1')}"),
        (issue_id(busy.id, "2"), f"projects/{busy.id}/issues/{issue_id(busy.id, '2')}"),
        (event_id, f"projects/{web.id}/events/{event_id}"),
    ):
        assert browser.get(f"{PAGE}?query={name}").url.endswith(path)
    assert "No issues match" in browser.get(f"{PAGE}?query=SHOP-99").text
    wrong = browser.get(f"{PAGE}?query=is:open+usre.id:7")
    assert wrong.status == 422
    assert "<mark>usre.id</mark>:7" in wrong.html
    assert browser.get(f"{PAGE}?cursor=x").status == 422
    assert browser.get(f"{PAGE}?sort=x").status == 422


def test_members_see_the_projects_of_their_teams(
    browser: Browser, busy: Project, web: Project
) -> None:
    team = members.create_team("default", "web").id
    members.set_project_teams(web.id, [team])
    members.add("default", EVE, "member", [team])
    eve = signed_in(EVE)
    assert titles(eve.get(PAGE)) == ["boom 3", "boom 1"]
    for query in ("", "boom", "user.id:2", f"{issue_id(busy.id, '2')}", "shop-1"):
        assert "boom 2" not in eve.get(f"{PAGE}?query={query}").text
    members.set_project_teams(web.id, [])
    assert "You see no projects of this organization." in eve.get(PAGE).text
    members.remove("default", EVE)
    assert eve.get(PAGE).status == 404
    members.add("default", "out@example.com", "member")
    assert titles(signed_in("out@example.com").get(PAGE)) == []
    assert browser.get("orgs/99/issues").status == 404


def test_a_project_that_is_being_deleted_shows_nothing(
    browser: Browser, busy: Project, web: Project
) -> None:
    first = browser.get(PAGE)
    assert len(titles(first)) == 4
    delete_project.delete_project(web.id)
    for query in ("", "?query=boom", "?query=user.id:1", "?sort=first_seen", "?query=web-site-1"):
        assert not {"boom 1", "boom 3"} & set(titles(browser.get(PAGE + query)))


def test_the_page_has_a_scope_suggestions_and_the_member_s_views(
    browser: Browser, busy: Project, web: Project
) -> None:
    send(web, {"message": "boom 9", "fingerprint": "9", "environment": "staging"})
    shown = browser.get(PAGE)
    assert 'name="environment" value="staging"' in shown.html
    chosen = browser.post(f"{PAGE}/scope", query="is:open", sort="count", environment="staging")
    assert chosen.url.endswith(
        "/orgs/default/issues?query=is%3Aopen+environment%3Astaging&sort=count"
    )
    assert titles(chosen) == ["boom 9"]
    # It stays with the member, here and in each project. A link with a query is not narrowed.
    assert titles(browser.get(PAGE)) == ["boom 9"]
    assert titles(browser.get(f"projects/{busy.id}/issues")) == []
    assert len(titles(browser.get(f"{PAGE}?query=is:open"))) == 5
    nothing = browser.get(f"{PAGE}?query=is:ignored+environment:staging")
    (everywhere,) = re.findall(r'href="([^"]+)">Search\s+all environments', nothing.html)
    assert urljoin(nothing.url, everywhere).endswith("?query=is%3Aignored")

    members.create_team("default", "web")
    for term, found in (
        ("assi", ["assigned:"]),
        ("assigned:", ["assigned:me", "assigned:#web"]),
        ("!is:re", ["!is:regressed", "!is:resolved"]),
        ("last-seen:<-2", ["last-seen:<-24h"]),
        ("environment:", []),
        ("tags[", []),
    ):
        with recorded() as calls:
            shown = browser.get(f"{PAGE}/suggest?term={quote(term)}")
        assert [each["term"] for each in json.loads(shown.html)] == found
        assert len(calls) <= 2
    assert browser.get("orgs/99/issues/suggest?term=is:").status == 404

    for n in range(20):
        views.save(views.of_member(OWNER), f"{n:02d}{'&' * 50}", f"boom {'x' * 900}", "users")
    views.save(views.of_member(OWNER), "00" + "&" * 50, "boom is:open", "users")
    views.delete(views.of_member(OWNER), views.find(views.of_member(OWNER)).views[-1].id)
    views.save(views.of_member(OWNER), "To do", "boom is:open", "count")
    shown = browser.get(PAGE)
    assert shown.size <= MAX_LIST_BYTES
    (to,) = re.findall(r'href="([^"]+)">To do</a>', shown.html)
    assert (
        'aria-current="true">To do</a>' in browser.get(urljoin(shown.url, html.unescape(to))).html
    )


def test_a_page_stays_small_and_links_to_the_next_one(
    browser: Browser, busy: Project, web: Project
) -> None:
    for n in range(20):
        views.save(views.of_member(OWNER), f"{n:02d}{'&' * 50}", f"boom {'&' * 40}", "users")
    projects.rename(web.id, "&\U0001f4a5" * 60)
    worst = {"file": "\U0001f4a5" * 250, "user": {"id": 1}}
    for n in range(60):
        send((busy, web)[n % 2], {**worst, "message": f"{n}{HOSTILE}{'&' * 250}"})
    seen: list[str] = []
    query = ""
    for sort in ("", "?sort=users"):
        shown = browser.get(PAGE + sort)
        assert shown.size <= MAX_LIST_BYTES
        only_our_markup(shown.html)
    while True:
        shown = browser.get(PAGE + query)
        seen += re.findall(r'<tr id="i(\w+)"', shown.html)
        following = re.search(r'rel="next" href="([^"]+)"', shown.html)
        if not following:
            break
        query = html.unescape(following[1])
    assert len(seen) == len(set(seen)) == 64
