"""Pages that refresh themselves: what a reader sees meanwhile, and when a refresh fails."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.support.chromium import POLL_MS, barriers, poll_until, polled, window
from tests.support.deployed import eventually
from tests.support.team import Team, sign_in

ZURICH = ZoneInfo("Europe/Zurich")


def open_list(page: Page, team: Team, message: str = "boom") -> None:
    """Open the list, with one issue and a clock that the test moves."""
    team.send(message=message)
    page.clock.install()
    sign_in(page, team, f"projects/{team.project_id}/issues")
    expect(page.get_by_role("heading", name="Issues")).to_be_visible()

    def listed() -> int:
        page.reload()
        return page.get_by_role("link", name=message).count()

    eventually(listed, bool)
    page.mouse.move(5, 5)


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        (503, "text/html", "<!doctype html><header class='bar'></header><main><h1>No</h1></main>"),
        (429, "application/json", '{"message": "Too many requests."}'),
        (404, "text/html", "<main><h1>Not found</h1></main>"),
    ],
)
def test_a_failed_refresh_keeps_the_list_and_the_next_one_updates_it(
    browser: Browser, team: Team, status: int, kind: str, body: str
) -> None:
    def fail(route: Route) -> None:
        if "hx-request" in route.request.headers:
            route.fulfill(status=status, content_type=kind, body=body)
        else:
            route.fallback()

    with window(browser, expected=(status,)) as page:
        open_list(page, team)
        page.route("**/issues*", fail)
        polled(page)
        expect(page.get_by_role("link", name="boom")).to_be_visible()
        expect(page.locator("header.bar")).to_have_count(1)
        page.unroute("**/issues*")
        team.send(message="and another", fingerprint="other")
        poll_until(page, page.get_by_role("link", name="and another"))


def test_an_ended_session_leads_to_the_sign_in_and_back(browser: Browser, team: Team) -> None:
    with window(browser, expected=(401,)) as page:
        open_list(page, team)
        page.context.clear_cookies()
        page.clock.run_for(POLL_MS)
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        expect(page.locator("header.bar")).to_have_count(1)
        page.get_by_label("E-mail").fill(team.email)
        page.get_by_label("Password").fill(team.password)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("link", name="boom")).to_be_visible()


def test_an_open_fold_stays_open_after_a_refresh(browser: Browser, team: Team) -> None:
    with window(browser) as page:
        page.clock.install()
        sign_in(page, team, f"projects/{team.project_id}/issues")
        page.get_by_text("Python", exact=True).click()
        snippet = page.locator("details", has=page.get_by_text("Python", exact=True))
        program = snippet.locator("pre").last
        expect(program).to_be_visible()
        polled(page)
        expect(program).to_be_visible()


def test_the_list_does_not_refresh_while_a_row_has_the_pointer_or_the_focus(
    browser: Browser, team: Team
) -> None:
    with window(browser) as page:
        open_list(page, team)
        asked: list[str] = []
        page.on(
            "request",
            lambda each: asked.append(each.url) if "hx-request" in each.headers else None,
        )
        page.locator("tbody tr").hover()
        page.clock.run_for(2 * POLL_MS)
        page.mouse.move(5, 5)
        page.get_by_role("link", name="boom").focus()
        page.clock.run_for(2 * POLL_MS)
        page.wait_for_timeout(200)
        assert asked == []
        page.get_by_role("combobox", name="Search issues").focus()
        page.get_by_role("combobox", name="Search issues").fill("half a w")
        page.evaluate("document.body.style.minHeight = '3000px'; scrollTo(0, 400)")
        polled(page)
        # A refresh keeps the text that is being typed and the scroll position.
        assert page.get_by_role("combobox", name="Search issues").input_value() == "half a w"
        assert page.evaluate("scrollY") == 400


def total(page: Page) -> str:
    return page.locator("#event-total").inner_text()


def kept(page: Page) -> str:
    return page.locator("#tags header p").first.inner_text()


def test_an_issue_refreshes_without_changing_the_event_that_is_shown(
    browser: Browser, team: Team
) -> None:
    trace = "Error: boom\n" + "\n".join(f"  at f{n} (/app/x{n}.js:{n}:2)" for n in range(1, 60))
    started = datetime.now(ZURICH)
    first = team.send(message="boom", fingerprint="f", stack_trace=trace, context={"a": "b"})
    with window(browser) as page:
        page.clock.install()
        sign_in(page, team, f"projects/{team.project_id}/events/{first}")
        eventually(lambda: page.reload() and page.locator("#refresh").count(), bool)
        expect(page.get_by_role("heading", name="Event 1 of 1")).to_be_visible()
        expect(page.get_by_role("heading", name="Users")).to_be_visible()
        page.get_by_text("30 d", exact=True).click()
        page.locator("#context").scroll_into_view_if_needed()
        page.mouse.move(5, 5)
        before = page.evaluate("[scrollY, document.querySelector('#trace').outerHTML]")
        assert before[0] > 0

        def refreshed() -> int:
            page.mouse.move(5, 5)
            with page.expect_response(lambda response: "/refresh?" in response.url) as response:
                page.clock.run_for(30_000)
            page.wait_for_timeout(200)
            return response.value.status

        assert refreshed() in (200, 204)
        # A new issue is "1 min" old, then "2 min". Within a minute, nothing changes.
        assert {refreshed(), refreshed()} <= {200, 204}
        second = team.send(message="boom", fingerprint="f", stack_trace="Error: boom")
        eventually(lambda: refreshed() and page.get_by_text("Event 1 of 2").count(), bool)
        assert page.evaluate("[scrollY, document.querySelector('#trace').outerHTML]") == before
        assert total(page) == "All 2 events"
        # Hours are those of the reader, who is in Zurich, after a refresh too.
        last_bar = page.locator("#by-hour-chart g > title").last.text_content() or ""
        assert last_bar[:7] in (f"{started:%H}:00: ", f"{datetime.now(ZURICH):%H}:00: ")
        expect(page.locator("#by-hour-chart .zone")).to_have_text(f"{datetime.now(ZURICH):%Z}")
        expect(page.get_by_role("radio", name="30 d")).to_be_checked()
        # What has come later by itself is still there.
        expect(page.get_by_role("heading", name="Users")).to_be_visible()
        # The values are counted again, and folds stay as they are.
        expect(page.locator("#tags")).to_contain_text("of 1 event")
        page.locator("#tags summary").first.click()
        folds = "[...document.querySelectorAll('#tags details')].map((each) => each.open)"
        were = page.evaluate(folds)
        for number in (2, 3):
            eventually(lambda: refreshed() and kept(page), f"of all {number} events kept".__eq__)
            assert page.evaluate(folds) == were
            team.send(message="boom", fingerprint="f", stack_trace="Error: boom")
            eventually(lambda: refreshed() and total(page), f"All {number + 1} events".__eq__)
        page.keyboard.press("]")
        expect(page).to_have_url(re.compile(second))
        assert barriers(page) == []


def test_a_hidden_page_sends_no_requests(browser: Browser, team: Team) -> None:
    event = team.send(message="boom")
    with window(browser) as page:
        sign_in(page, team, f"projects/{team.project_id}/events/{event}")
        eventually(lambda: page.reload() and page.locator("#refresh").count(), bool)
        page.clock.install()
        page.reload()
        # A request that is under way would time out when the clock jumps.
        eventually(lambda: page.locator(".htmx-request").count() == 0, bool)
        asked: list[str] = []
        page.on("request", lambda each: asked.append(each.url))
        page.evaluate("Object.defineProperty(document, 'hidden', {value: true, writable: true})")
        page.clock.run_for(120_000)
        assert asked == []
        with page.expect_response(lambda response: "/refresh?" in response.url):
            page.evaluate(
                "document.hidden = false, document.dispatchEvent(new Event('visibilitychange'))"
            )


def test_times_have_the_reader_s_time_zone_on_hover_also_after_a_refresh(
    browser: Browser, team: Team
) -> None:
    with window(browser) as page:
        open_list(page, team)
        seen = page.locator("tbody time").last
        zone = page.evaluate(
            "new Date().toLocaleString(undefined, {timeStyle: 'long'}).split(' ').pop()"
        )
        assert zone in ("CET", "CEST", "GMT+1", "GMT+2")
        assert (seen.get_attribute("title") or "").endswith(zone)
        polled(page)
        assert (seen.get_attribute("title") or "").endswith(zone)
