"""The refresh of an issue's page: what it costs, what it changes, and who gets a response."""

import html
import re
from urllib.parse import urljoin

import pytest

from errata.models.ids import issue_id
from errata.usecases import clear_project, issues
from functions.dashboard.routing import SESSION_COOKIE
from tests.support.account import Clock, Project
from tests.support.browser import Browser, Shown, signed_in
from tests.support.calls import Call, recorded
from tests.support.pages import OWNER, only_our_markup, send
from tests.support.visible import visible_in

HTMX = {"HX-Request": "true"}
EVENT = {"message": "boom", "fingerprint": "f"}
# Calls of a refresh that finds a change, after the call that finds it.
MAX_CALLS = 6


def refresh_of(page: Shown, where: str = "") -> str:
    """Return the URL with which a page refreshes itself. `where`: the page it is for."""
    found = re.search(r'id="refresh" hx-get="([^"]+)"', page.html)
    assert found
    return urljoin(where or page.url, html.unescape(found[1]))


def opened(browser: Browser, project: Project) -> Shown:
    return browser.get(f"projects/{project.id}/issues/{issue_id(project.id, 'f')}")


def units(calls: list[Call]) -> float:
    """Return the read units of these calls, if no row has more than 4 KB."""
    read = 0.0
    for call in calls:
        assert call.operation == "BatchGetItem"
        for keys in call.parameters["RequestItems"].values():
            read += len(keys["Keys"]) * (1 if keys["ConsistentRead"] else 0.5)
    return read


def test_a_page_that_has_not_changed_costs_one_read_unit(
    browser: Browser, busy: Project, clock: Clock
) -> None:
    (event,) = send(busy, EVENT)
    for page in (opened(browser, busy), browser.get(f"projects/{busy.id}/events/{event}")):
        clock.advance(1)
        with recorded() as calls:
            shown = browser.get(refresh_of(page), HTMX)
        assert (shown.status, shown.html) == (204, "")
        assert units(calls) == 1


def test_a_changed_page_is_sent_without_its_event_and_the_next_refresh_costs_one_read_unit(
    browser: Browser, busy: Project, clock: Clock
) -> None:
    (first,) = send(busy, EVENT | {"stack_trace": "Error: x\n  at charge (/app/pay.js:1:2)"})
    page = opened(browser, busy)
    assert "Event 1 of 1" in page.text
    clock.advance(90)
    (second,) = send(busy, EVENT)
    issues.ignore(visible_in(busy.id), issue_id(busy.id, "f"), "bob@example.com")
    with recorded() as calls:
        shown = browser.get(refresh_of(page), HTMX)
    assert len(calls) <= 1 + MAX_CALLS
    # The reader's event stays, and the page leads to the new one.
    assert "Event 1 of 2" in shown.text
    assert f'rel="next" href="../../../projects/{busy.id}/events/{second}"' in shown.html
    assert "bob@example.com ignored it" in shown.text
    assert "charge" not in shown.html
    assert f"{first}.md" in shown.html
    only_our_markup(shown.html)
    # Everything that htmx takes by its id is there, and was there before.
    taken = re.search(r'hx-select-oob="([^"]+)"', shown.html)
    assert taken
    for each in taken[1].split(","):
        name = each.removeprefix("#").removesuffix(":outerMorph")
        assert (shown.html.count(f'id="{name}"'), page.html.count(f'id="{name}"')) == (1, 1)
    with recorded() as calls:
        shown = browser.get(refresh_of(shown, page.url), HTMX)
    assert (shown.status, shown.html) == (204, "")
    assert units(calls) == 1


def test_a_refresh_updates_the_relative_times(
    browser: Browser, busy: Project, clock: Clock
) -> None:
    send(busy, EVENT)
    page = opened(browser, busy)
    clock.advance(120)
    assert "first seen 2 min ago" in browser.get(refresh_of(page), HTMX).text.lower()


def test_only_the_session_that_opened_the_page_gets_a_204(
    browser: Browser, busy: Project, clock: Clock
) -> None:
    send(busy, EVENT)
    to = refresh_of(opened(browser, busy))
    assert browser.get(to, HTMX).status == 204
    stranger = signed_in("eve@example.com", "another refresh token")
    assert stranger.get(to, HTMX).status == 404
    assert Browser({SESSION_COOKIE: "x.y"}).get(to, HTMX).status == 401
    for wrong in ("version=%C3%A9", "generation=99999999999999999999", "version="):
        name = wrong.partition("=")[0]
        assert browser.get(re.sub(f"{name}=[^&]*", wrong, to), HTMX).status == 200
    clear_project.clear(busy.id)
    assert browser.get(to, HTMX).status in (204, 404)
    clock.advance(120)
    assert browser.get(to, HTMX).status == 404


def test_the_refresh_address_redirects_to_the_issue_outside_htmx(
    browser: Browser, busy: Project
) -> None:
    send(busy, EVENT)
    page = opened(browser, busy)
    assert browser.get(refresh_of(page)).url == page.url


@pytest.mark.parametrize("status", ["resolve", "delete"])
def test_a_refresh_shows_the_action_of_another_member(
    browser: Browser, busy: Project, status: str
) -> None:
    send(busy, EVENT)
    page = opened(browser, busy)
    act = issues.resolve if status == "resolve" else issues.delete
    act(visible_in(busy.id), issue_id(busy.id, "f"), OWNER)
    shown = browser.get(refresh_of(page), HTMX)
    assert shown.status == (200 if status == "resolve" else 404)
