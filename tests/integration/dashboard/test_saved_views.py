"""Views that members save: on the list, and on their own page."""

import html
import re

from errata.usecases import members, projects, views
from tests.support.account import Project, new_project
from tests.support.browser import Browser, signed_in
from tests.support.calls import recorded
from tests.support.pages import (
    MAX_BYTES,
    MAX_CALLS,
    MAX_LIST_BYTES,
    OWNER,
    only_our_markup,
    send,
)
from tests.support.visible import visible_in

WORST = "\U0001f4a5&" * 30


def shared(project: Project) -> views.Owner:
    return views.of_project(projects.find(project.id), visible_in(project.id))


def links(browser: Browser, path: str) -> dict[str, str]:
    """Return the links of the views by their names."""
    nav = re.search(r'<nav class="views".*?</nav>', browser.get(path).html)
    assert nav
    found = re.findall(r'<a href="([^"]+)"[^>]*>([^<]+)</a>', nav[0])
    return {name: html.unescape(link) for link, name in found}


def test_a_view_is_saved_opened_and_changed(browser: Browser, busy: Project) -> None:
    send(busy, {"message": "boom one"}, {"message": "careful"})
    path = f"projects/{busy.id}/issues"
    browser.get(f"{path}?query=boom&sort=count")
    shown = browser.post(f"{path}/views", query="boom", sort="count", name="Booms", save="own")
    assert shown.url.endswith("?query=boom&sort=count")
    assert 'aria-current="true">Booms</a>' in shown.html
    browser.post(f"{path}/views", query="is:open careful", sort="", name="Ours", save="shared")
    # A member's own views are in each project. Shared ones are for everybody in their project.
    other = new_project()
    assert "Booms" in links(browser, f"projects/{other.id}/issues")
    members.add("default", "bob@example.com", "admin")
    bob = signed_in("bob@example.com")
    assert list(links(bob, path))[-2:] == ["All", "Ours"]
    with recorded() as calls:
        shown = bob.get(path + links(bob, path)["Ours"])
    assert shown.url.endswith("?query=is%3Aopen+careful")
    assert len([each for each in calls if each.operation == "GetItem"]) == 0
    # The list starts with the view that the member has chosen, or else with the project's.
    page = browser.get(f"{path}/views")
    own, ours = re.findall(r'name="rename" value="([^"]+)"', page.html)
    page = browser.post(f"{path}/views", default=ours)
    assert "The list of issues starts with this view." in page.text
    assert bob.get(path).value("query") == "is:open careful"
    browser.get(f"{path}/views")
    browser.post(f"{path}/views", default=own)
    assert browser.get(path).value("query") == "boom"
    assert bob.get(path).value("query") == "is:open careful"
    browser.get(f"{path}/views")
    assert "There is no" not in browser.post(f"{path}/views", rename=own, name="Bang").text
    assert "Bang" in links(browser, path)
    browser.get(f"{path}/views")
    assert "Deleted." in browser.post(f"{path}/views", delete=own).text
    browser.get(f"{path}/views")
    browser.post(f"{path}/views", default="shared:")
    assert browser.get(path).value("query") == "is:open"
    assert browser.get(f"{path}?view={own.partition(':')[2]}").status == 404


def test_a_refused_view_can_be_corrected(browser: Browser, busy: Project) -> None:
    path = f"projects/{busy.id}/issues"
    browser.get(path)
    shown = browser.post(f"{path}/views", query="is:open", sort="users", name="Open", save="own")
    assert shown.status == 422
    assert "Open is the name of a built-in view." in shown.text
    assert (shown.value("query"), shown.value("sort")) == ("is:open", "users")
    shown = browser.post(f"{path}/views", query="is:open", sort="users", name="Mine", save="own")
    assert "Mine" in shown.text
    assert browser.post(f"{path}/views", x="1").status == 400


def test_a_viewer_can_save_a_view_and_cannot_share_one(browser: Browser, busy: Project) -> None:
    browser.get(f"projects/{busy.id}/issues")
    team = members.create_team("default", "web")
    members.set_project_teams(busy.id, [team.id])
    members.add("default", "eve@example.com", "viewer", [team.id])
    eve = signed_in("eve@example.com")
    path = f"projects/{busy.id}/issues"
    assert "Save for everybody" not in eve.get(path).text
    assert eve.post(f"{path}/views", query="", name="a", save="shared").status == 403
    assert "a" not in links(eve, path)
    assert eve.post(f"{path}/views", query="boom", name="a", save="own").status == 200
    assert eve.get(path + links(eve, path)["a"]).value("query") == "boom"
    assert "a" not in links(browser, path)
    hidden = new_project()
    eve.get(path)
    assert eve.post(f"projects/{hidden.id}/issues/views", name="a", save="shared").status == 404


def test_the_maximum_number_of_long_views_fits_on_the_pages(
    browser: Browser, busy: Project
) -> None:
    send(busy, *[{"message": f"{n}{'&' * 250}", "file": "\U0001f4a5" * 250} for n in range(60)])
    query = f'"{"&" * 900}"'
    for owner in (views.of_member(OWNER), shared(busy)):
        for n in range(20):
            views.save(owner, f"{n:02d}{WORST}"[:60], query, "count")
    for path, most in (("issues", MAX_LIST_BYTES), ("issues/views", MAX_BYTES)):
        with recorded() as calls:
            shown = browser.get(f"projects/{busy.id}/{path}")
        assert (shown.status, len(calls) <= MAX_CALLS) == (200, True)
        assert shown.size <= most
        only_our_markup(shown.html)
    more = re.search(r">(\d+) more</a>", browser.get(f"projects/{busy.id}/issues").html)
    assert more
    assert len(links(browser, f"projects/{busy.id}/issues")) - 8 + int(more[1]) == 40
