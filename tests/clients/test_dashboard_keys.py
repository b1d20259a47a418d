"""The list of issues: keyboard shortcuts, and bulk changes, with scripts and without."""

import re

from playwright.sync_api import Browser, Page, expect

from tests.support.chromium import barriers, window
from tests.support.deployed import eventually
from tests.support.team import WIDTHS, Team, look, sign_in


def open_list(page: Page, team: Team, number: int) -> None:
    """Send errors, and open the list when it has them all."""
    for n in range(number):
        team.send(message=f"boom {n}", fingerprint=f"{n}")
    sign_in(page, team, f"projects/{team.project_id}/issues")
    eventually(lambda: page.reload() and page.locator("a.issue-title").count(), number.__eq__)


def test_keys_move_select_and_change_issues(browser: Browser, team: Team) -> None:
    with window(browser) as page:
        open_list(page, team, 3)
        at = page.locator("tr.at")
        press = page.keyboard.press
        press("e")  # no issue is selected
        for key, row in (("j", 0), ("j", 1), ("j", 2), ("j", 2), ("k", 1)):
            press(key)
            expect(page.locator("tbody tr").nth(row)).to_have_class("at")
            expect(at.get_by_role("link")).to_be_focused()
        press("Control+x")
        expect(at.get_by_role("checkbox")).not_to_be_checked()
        press("x")
        expect(at.get_by_role("checkbox")).to_be_checked()
        # Enter on a box would send the form with its first button.
        at.get_by_role("checkbox").press("Enter")
        expect(at.get_by_role("checkbox")).to_be_checked()
        expect(page.get_by_role("group", name="Change the selected issues")).to_be_visible()
        press("x")
        expect(page.get_by_role("group", name="Change the selected issues")).to_be_hidden()
        press("?")
        expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
        assert barriers(page) == []
        press("j")
        expect(page.locator("tbody tr").nth(1)).to_have_class("at")
        press("Escape")
        expect(page.get_by_role("dialog")).to_be_hidden()
        press("/")
        search = page.get_by_role("searchbox").or_(page.get_by_role("combobox"))
        expect(search).to_be_focused()
        press("End")
        page.keyboard.type(" jxe?")
        expect(search).to_have_value(re.compile(r" jxe\?$"))
        expect(page.locator("tbody tr")).to_have_count(3)
        page.locator("h1").click()

        press("e")
        expect(page.locator("#changed")).to_contain_text("1 issue resolved.")
        expect(page.locator("tbody tr")).to_have_count(2)
        # The position in the list stays the same.
        expect(page.locator("tbody tr").nth(1)).to_have_class("at")
        page.get_by_role("button", name="Undo").click()
        expect(page.locator("#changed")).to_contain_text("1 issue restored.")
        expect(page.locator("tbody tr")).to_have_count(3)

        press("j")
        press("a")
        expect(page.get_by_role("button", name="To me")).to_be_focused()
        press("Enter")
        expect(page.locator("#changed")).to_contain_text("1 issue assigned.")
        press("o")
        expect(page.get_by_role("heading", name="Event 1 of 1")).to_be_visible()
        press("?")
        expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
        press("Escape")
        press("a")
        expect(page.get_by_role("button", name="Assign to me")).to_be_focused()
        page.get_by_role("button", name="Nobody").press("Enter")
        expect(page.locator("#feed")).to_contain_text("assigned it to nobody")
        press("i")
        expect(page.locator("#status")).to_have_text("ignored")


def test_a_selection_stops_refreshes_and_a_page_is_selected_at_once(
    browser: Browser, team: Team
) -> None:
    with window(browser) as page:
        page.clock.install()
        open_list(page, team, 2)
        page.get_by_role("radiogroup", name="Chart").get_by_text("14 d").click()
        expect(page.locator(".spark .days").first).to_be_visible()
        page.get_by_label("Select all issues on this page").check()
        expect(page.locator("[name=issue]:checked")).to_have_count(2)
        asked: list[str] = []
        page.on("request", lambda each: asked.append(each.url))
        page.mouse.move(5, 5)
        page.locator("h1").click()
        page.clock.run_for(200_000)
        assert asked == []
        page.get_by_role("button", name="Clear").click()
        expect(page.locator("[name=issue]:checked")).to_have_count(0)


def test_many_issues_are_changed_without_scripts_on_a_phone(browser: Browser, team: Team) -> None:
    with window(browser) as page:
        open_list(page, team, 3)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            page.locator("[name=issue]").first.check()
            assert look(page, "list-selected", width) == []
            assert page.locator(".bulk b").evaluate("e => getComputedStyle(e, '::before').content")
        cookies = page.context.cookies()
    with window(browser, script=False, width=390) as page:
        page.context.add_cookies(cookies)  # type: ignore[arg-type]
        page.goto(f"{team.url}/projects/{team.project_id}/issues?query=is:open+boom")
        bar = page.get_by_role("group", name="Change the selected issues")
        expect(bar).to_be_hidden()
        page.locator("[name=issue]").nth(0).check()
        page.locator("[name=issue]").nth(1).check()
        # The response has no content, so the browser keeps the page.
        with page.expect_event("response", lambda each: each.status == 204):
            page.locator("[name=issue]").nth(1).press("Enter")
        expect(page.locator("[name=issue]:checked")).to_have_count(2)
        page.get_by_role("radiogroup", name="Chart").get_by_text("14 d").click()
        expect(page.locator(".spark .days").first).to_be_visible()
        bar.get_by_text("Ignore", exact=True).click()
        bar.get_by_role("button", name="Forever").click()
        expect(page.get_by_text("2 issues ignored.")).to_be_visible()
        expect(page.locator("tbody tr")).to_have_count(1)
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_text("2 issues restored.")).to_be_visible()

        page.locator("[name=issue]").first.check()
        page.get_by_label("All 3 that match").check()
        bar.get_by_role("button", name="Delete").click()
        expect(page.get_by_role("heading", name="Delete all issues that match?")).to_be_visible()
        page.get_by_role("link", name="Cancel").click()
        expect(page.locator("tbody tr")).to_have_count(3)
        page.locator("[name=issue]").first.check()
        page.get_by_label("All 3 that match").check()
        bar.get_by_role("button", name="Delete").click()
        page.get_by_role("button", name="Delete").click()
        expect(page.get_by_text("3 issues deleted.")).to_be_visible()
        expect(page.get_by_text("No issues match your search.")).to_be_visible()
        expect(page.get_by_role("button", name="Undo")).to_have_count(0)
