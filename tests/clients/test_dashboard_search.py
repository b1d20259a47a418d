"""The search box in a real browser: suggestions by keyboard, and the scope."""

from playwright.sync_api import Browser, Page, expect

from tests.support.chromium import barriers, window
from tests.support.deployed import eventually
from tests.support.team import Team, sign_in

EVIL = '"><img src=x onerror=alert(1)>'


def wait_for_issues(page: Page, number: int) -> None:
    """Wait until the list has so many issues."""
    eventually(lambda: page.reload() and page.locator("tbody a").count(), lambda n: n == number)


def test_a_search_is_written_with_suggestions(browser: Browser, team: Team) -> None:
    team.send(message="boom", release="shop 1.0", environment=EVIL)
    team.send(message="careful", release="shop 2.0", environment="staging")
    for scheme, width in (("light", 1280), ("dark", 390)):
        with window(browser, scheme=scheme, width=width) as page:
            sign_in(page, team, f"projects/{team.project_id}/issues")
            wait_for_issues(page, 2)
            box = page.get_by_role("combobox", name="Search issues")
            options = page.get_by_role("option")
            box.fill("")
            box.press_sequentially("is:open rel")
            expect(options.first).to_contain_text("release:")
            expect(options.nth(1)).to_contain_text("first-release:")
            expect(box).to_have_attribute("aria-expanded", "true")
            box.press("ArrowDown")
            box.press("Tab")
            expect(box).to_have_value("is:open release:")
            expect(options).to_have_count(2)
            box.press("ArrowUp")
            expect(box).to_have_attribute("aria-activedescendant", "suggestion-1")
            expect(options.nth(1)).to_have_attribute("aria-selected", "true")
            assert barriers(page) == []
            box.press("Escape")
            expect(options).to_have_count(0)
            box.press("ArrowDown")
            expect(options).to_have_count(2)
            options.filter(has_text="shop 1.0").click()
            expect(box).to_have_value('is:open release:"shop 1.0" ')
            expect(box).to_be_focused()
            # A hostile value is a text, also where it is completed in the middle of a query.
            box.fill("environment: boom")
            box.evaluate("box => box.setSelectionRange(12, 12)")
            box.press("ArrowDown")
            options.filter(has_text="onerror").click()
            expect(box).to_have_value(f'environment:"\\{EVIL}" boom')
            box.press("Enter")
            expect(page.get_by_role("link", name="boom")).to_be_visible()
            expect(page.get_by_role("link", name="careful")).to_have_count(0)
            page.get_by_text("Syntax").click()
            expect(page.get_by_text("An issue must match all terms.")).to_be_visible()
            assert barriers(page) == []


def test_the_scope_is_switched(browser: Browser, team: Team) -> None:
    team.send(message="boom", environment="production")
    team.send(message="careful", environment="staging")
    for script in (True, False):
        with window(browser, script=script, width=390) as page:
            sign_in(page, team, f"projects/{team.project_id}/issues")
            wait_for_issues(page, 2)
            page.locator(".switchers summary").click()
            page.get_by_role("button", name="staging").click()
            expect(page.get_by_role("link", name="boom")).to_have_count(0)
            page.get_by_role("button", name="24 h").click()
            box = page.locator(".search [name=query]")
            expect(box).to_have_value("is:open environment:staging last-seen:-24h")
            page.goto(f"{team.url}/projects/{team.project_id}/issues")
            expect(box).to_have_value("is:open environment:staging last-seen:-24h")
            page.get_by_role("link", name="Ignored").click()
            page.get_by_role("link", name="Search all environments").click()
            expect(box).to_have_value("is:ignored")
            page.goto(f"{team.url}/projects/{team.project_id}/issues")
            page.get_by_role("button", name="All", exact=True).click()
            page.locator(".switchers summary").click()
            page.get_by_role("button", name="All environments").click()
            expect(box).to_have_value("is:open")
