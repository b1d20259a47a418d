"""Errors in the dashboard: read, searched and settled in a real browser, on the deployed stack."""

import re
import secrets
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Browser, expect

from errata.usecases import members, projects
from tests.support.chromium import barriers, poll_until, window
from tests.support.deployed import eventually
from tests.support.team import Team, sign_in


def test_a_team_sees_finds_and_settles_its_errors(browser: Browser, team: Team) -> None:
    with window(browser) as page:
        page.clock.install()
        sign_in(page, team, f"projects/{team.project_id}/issues")
        # An empty project shows how to send the first error, which then appears by itself.
        expect(page.get_by_role("heading", name="No errors yet")).to_be_visible()
        expect(page.get_by_text(team.api_url).first).to_be_visible()
        first = team.send(message="boom", exception_class="ValueError", release="1.0")
        expect(page.get_by_role("link", name="ValueError: boom")).to_be_visible()

        page.get_by_role("link", name="ValueError: boom").click()
        # The newest event is there at once, and what all events have in common a moment later.
        expect(page.get_by_role("heading", name="Event 1 of 1")).to_be_visible()
        expect(page.get_by_text("of 1 event", exact=True)).to_be_visible()
        expect(page.locator("time.moment").first).not_to_contain_text("UTC")
        page.get_by_role("link", name="1.0", exact=False).first.click()
        expect(page.get_by_text("Looked at all 1 event kept")).to_be_visible()
        page.get_by_role("link", name="ValueError: boom").click()
        expect(page).to_have_url(f"{team.url}/projects/{team.project_id}/events/{first}")

        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.get_by_role("link", name="Copy Markdown").click()
        expect(page.get_by_text("Copied")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()").startswith("## `ValueError: boom`")
        page.get_by_label("More actions").click()
        expect(page.get_by_role("button", name="Copy link")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("button", name="Copy link")).not_to_be_visible()
        page.get_by_role("button", name="Resolve", exact=True).click()
        expect(page.get_by_text(f"{team.email} resolved it")).to_be_visible()
        page.get_by_role("link", name="Issues", exact=True).click()
        expect(page.get_by_text("No open issues.")).to_be_visible()

        team.send(message="boom", exception_class="ValueError", release="1.1")
        expect(page.get_by_text("Regressed", exact=True)).to_be_visible()

        team.send(message="careful", level="warning", environment="staging")
        poll_until(page, page.get_by_role("link", name="careful"))
        page.get_by_role("combobox", name="Search issues").fill("is:open level:warning")
        page.get_by_role("button", name="Search").click()
        expect(page.get_by_role("link", name="careful")).to_be_visible()
        expect(page.get_by_role("link", name="ValueError: boom")).not_to_be_visible()
        page.get_by_role("combobox", name="Search issues").fill("nothing like it")
        page.get_by_role("button", name="Search").click()
        expect(page.get_by_text("No issues match your search.")).to_be_visible()

        page.get_by_role("link", name="Releases").click()
        expect(page.get_by_role("link", name="1.1")).to_be_visible()
        page.get_by_role("link", name="Stats").click()
        expect(page.get_by_role("heading", name="Accepted")).to_be_visible()

        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_text("You are signed out.")).to_be_visible()
        page.goto(f"{team.url}/projects/{team.project_id}/issues")
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


@pytest.mark.parametrize("script", [True, False])
def test_an_issue_is_settled_from_menus_with_the_keyboard(
    browser: Browser, team: Team, script: bool
) -> None:
    event = team.send(message=f"in menus {script}", release="shop@1.10")
    with window(browser, script=script) as page:
        sign_in(page, team, f"projects/{team.project_id}/events/{event}")
        eventually(lambda: page.reload() and page.locator("#status").count(), bool)
        for keys, text in (
            (["Enter", "Tab", "Tab", "Enter"], "resolved in the next release after shop@1.10"),
            (["Enter", *["Tab"] * 4, *"2.0", "Enter"], "resolved in 2.0"),
        ):
            page.get_by_label("More ways to resolve").focus()
            for key in keys:
                page.keyboard.press(key)
            expect(page.get_by_text(text.partition(" ")[2]).first).to_be_visible()
            assert not script or barriers(page) == []  # axe is a script
            page.locator("summary").filter(has_text="Change").press("Enter")
            page.get_by_role("button", name="7 days").press("Enter")
            expect(page.locator("#status")).to_contain_text("ignored until 20")
            page.get_by_role("button", name="Reopen").click()
        page.locator("summary").filter(has_text="Ignore").click()
        page.get_by_label("Number of events").fill("2")
        page.get_by_label("Number of events").press("Enter")
        expect(page.get_by_text("until 2 more events, 2 to go").first).to_be_visible()
        for _ in range(2):
            event = team.send(message=f"in menus {script}", release="shop@1.10")
        page.goto(f"{team.url}/projects/{team.project_id}/events/{event}")
        woken = page.get_by_text("Open again: 2 more events since it was ignored", exact=True)
        # The page may be loaded before the events are counted, and without a script it stays so.
        eventually(lambda: page.reload() and woken.count(), bool)
        page.get_by_label("More actions").press("Enter")
        page.get_by_label("URL of the ticket").fill("https://github.com/acme/shop/issues/7")
        page.get_by_label("URL of the ticket").press("Enter")
        expect(page.get_by_role("link", name="github.com/acme/shop/issues/7")).to_be_visible()
        box = page.get_by_role("textbox", name="Comment")
        box.fill("Guests have **no** address.")
        box.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("#feed strong")).to_have_text("no")
        page.locator("#feed").get_by_role("link", name="Edit").press("Enter")
        box.fill("Guests *pay*.")
        page.get_by_role("button", name="Save").press("Enter")
        expect(page.locator("blockquote.comment em")).to_have_text("pay")


def test_an_issue_is_ignored_until_a_condition_is_met_and_assigned_to_others(
    browser: Browser, team: Team
) -> None:
    crew, name = members.create_team("default", secrets.token_hex(4)), secrets.token_hex(4)
    members.set_project_teams(team.project_id, [crew.id])
    members.add("default", f"{name}@example.com", "member", [crew.id])
    event = team.send(message="ignored until something")
    with window(browser) as page:
        sign_in(page, team, f"projects/{team.project_id}/events/{event}")
        eventually(lambda: page.reload() and page.locator("#status").count(), bool)
        page.locator("summary").filter(has_text="Ignore").press("Enter")
        page.get_by_role("button", name="It rises").press("Enter")
        expect(page.locator("#status")).to_contain_text("until it is rising")
        page.locator("summary").filter(has_text="Change").click()
        page.get_by_label("Number of users").fill("3")
        page.get_by_label("Number of users").press("Enter")
        expect(page.locator("#status")).to_contain_text("3 more users")
        for who, text in ((f"{name}@example.com", name), (crew.name, f"to #{crew.name}")):
            page.locator(".actions summary:has(#assignee)").press("Enter")
            page.get_by_role("button", name=who).press("Enter")
            expect(page.locator("#feed")).to_contain_text(text)
        assert barriers(page) == []


def test_issues_are_merged_and_separated_with_the_keyboard(browser: Browser, team: Team) -> None:
    text = "the total of the cart is negative"
    event = team.send(exception_class="ValueError", message=text)
    team.send(exception_class="TotalError", message=text)
    with window(browser) as page:
        sign_in(page, team, f"projects/{team.project_id}/events/{event}")
        page.get_by_role("link", name="Similar issues, and merge").press("Enter")
        merge = page.get_by_label("Similar issues").get_by_role("button", name="Merge")
        for _ in range(60):
            if merge.count():
                break
            page.wait_for_timeout(500)
            page.reload()
        merge.press("Enter")
        expect(page.get_by_text("1 other issue merged by hand")).to_be_visible()
        assert barriers(page) == []
        page.get_by_role("link", name="1 merged, and similar issues").press("Enter")
        expect(page.get_by_label("Merged issues").get_by_text("TotalError")).to_be_visible()
        page.get_by_role("button", name="Separate").press("Enter")
        expect(page.get_by_text("None yet. If you merge an issue into this one,")).to_be_visible()
        assert barriers(page) == []


def test_the_url_of_a_webhook_opens_the_event_after_the_sign_in(
    browser: Browser, team: Team
) -> None:
    event = team.send(
        message="boom", breadcrumbs=[{"message": "c", "timestamp": "2026-11-21T23:59:59Z"}]
    )
    with window(browser) as page:
        sign_in(page, team, f"projects/{team.project_id}/events/{event}")
        expect(page).to_have_url(f"{team.url}/projects/{team.project_id}/events/{event}")
        expect(page.get_by_role("heading", name="boom", level=1)).to_be_visible()
        # The reader is in Zurich.
        expect(page.locator("time.clock")).to_have_text("00:59:59.000")


def test_a_mailed_link_leads_to_the_failing_line_in_one_page_load(
    browser: Browser, team: Team
) -> None:
    code = [f"    step_{n} = prepare(order, {n})" for n in range(5)]
    frame = {
        "filename": "shop/pay.py",
        "function": "charge",
        "lineno": 42,
        "in_app": True,
        "pre_context": code,
        "context_line": "    return RATES[currency]",
        "post_context": code,
        "vars": {"order": 4711, "currency": "'USD'"},
    }
    text = "no rate for the currency 'USD' in the table of the payment provider, order 4711"
    values = [{"type": "KeyError", "value": text, "stacktrace": {"frames": [frame]}}]
    event = team.send_as_sdk(
        {
            "exception": {"values": values},
            "release": "shop@2026.11.26",
            "environment": "production",
            "user": {"email": "grace@example.com"},
        }
    )
    with window(browser) as page:
        page.set_viewport_size({"width": 1280, "height": 800})
        page.goto(f"{team.url}/projects/{team.project_id}/events/{event}")
        page.get_by_label("E-mail").fill(team.email)
        page.get_by_label("Password").fill(team.password)
        loaded: list[str] = []
        page.on("domcontentloaded", lambda each: loaded.append(each.url))
        page.get_by_role("button", name="Sign in").click()
        line = page.locator(".code .here")
        expect(line).to_contain_text("return RATES[currency]")
        assert len(loaded) == 1
        for what in ("'USD'", "shop@2026.11.26", "grace@example.com"):
            expect(page.locator("#trace").get_by_text(what, exact=True)).to_be_visible()
        eventually(lambda: page.reload() and page.locator(".summary").count(), bool)
        box = line.bounding_box()
        assert box
        assert box["y"] + box["height"] <= 800
        tops = page.locator(".actions .button").evaluate_all(
            "all => all.map(each => each.getBoundingClientRect().top)"
        )
        assert len(set(tops)) == 1
        # The id in the search box leads to the event, too.
        page.get_by_label("Find by id or text").fill(event)
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile("/events/[0-9a-f-]{36}$"))
        expect(line).to_be_visible()
        # As it is without our scripts. axe itself is one.
        page.route("**/*.js", lambda route: route.abort())
        page.reload()
        expect(page.get_by_role("link", name="All tags and users")).to_be_visible()
        assert barriers(page) == []
        below = f"projects/{team.project_id}"
        issue = page.locator(".event-bar .button", has_text="List").get_attribute("href") or ""
        page.goto(urljoin(page.url, issue.removesuffix("/events")))
        assert barriers(page) == []
        for path in (f"{below}/issues", "projects", f"{below}/alerts", f"{below}/settings"):
            page.goto(f"{team.url}/{path}")
            assert barriers(page) == [], path


def test_a_phone_shows_whole_titles_trends_and_users(browser: Browser, team: Team) -> None:
    title = " ".join(f"part {n} of a long message," for n in range(4))
    crumbs = [{"category": each, "message": f"of {each}"} for each in ("query", "ui.click")]
    for user in range(2):
        event = team.send(
            message=title, fingerprint="f", context={"user": {"id": user}}, breadcrumbs=crumbs
        )
    whole = "e => e.scrollWidth <= e.clientWidth && e.scrollHeight <= e.clientHeight + 1"
    with window(browser, script=False, width=390) as page:
        sign_in(page, team, f"projects/{team.project_id}/issues")
        row = page.locator("tbody tr")
        users = row.locator("td:nth-last-child(3)")
        eventually(lambda: page.reload() and users.all_inner_texts(), ["2"].__eq__)
        expect(users).to_be_visible()
        expect(row.get_by_role("link", name=title)).to_be_visible()
        assert row.locator("td", has=page.locator(".issue-title")).evaluate(whole)
        expect(row.get_by_role("img", name="2 events in 24 hours")).to_be_visible()
        assert projects.create("Blog")  # a single project is opened at once
        page.goto(f"{team.url}/projects")
        mine = page.locator("tr", has=page.locator(f'a[href$="projects/{team.project_id}/issues"]'))
        expect(mine.get_by_role("link", name=title)).to_be_visible()
        assert mine.locator(".last").evaluate(whole)
        expect(mine.get_by_role("img", name="2 events in 14 days")).to_be_visible()
        for count in ("2 in 24 h", "2 in 14 d"):
            expect(mine.get_by_text(count)).to_be_visible()
        page.goto(f"{team.url}/projects/{team.project_id}/events/{event}")
        expect(page.locator("#users-all")).to_have_text("2")
        # Breadcrumbs are filtered by kind.
        page.get_by_label("query", exact=False).uncheck()
        expect(page.get_by_text("of query", exact=True)).to_be_hidden()
        expect(page.get_by_text("of ui.click", exact=True)).to_be_visible()
        # The search is an icon until somebody uses it.
        box = page.get_by_label("Find by id or text")
        width = "each => each.getBoundingClientRect().width"
        assert box.evaluate(width) < 40
        box.click()
        box.fill(event)
        assert box.evaluate(width) > 200
        box.press("Enter")
        expect(page).to_have_url(re.compile(f"/events/{event}$"))
        page.get_by_role("link", name="List", exact=True).click()
        expect(page.locator(".events td").get_by_text("1", exact=True)).to_be_visible()


def test_the_dashboard_works_without_scripts(browser: Browser, team: Team) -> None:
    team.send(message="boom", exception_class="ValueError")
    with window(browser, script=False) as page:
        sign_in(page, team, f"projects/{team.project_id}/issues")
        for _ in range(60):
            if page.get_by_role("link", name="ValueError: boom").count():
                break
            page.wait_for_timeout(500)
            page.reload()
        page.get_by_role("textbox", name="Search issues").fill("nothing like it")
        page.get_by_role("button", name="Search").click()
        expect(page.get_by_text("No issues match your search.")).to_be_visible()
        page.get_by_role("link", name="Reset").click()
        page.get_by_role("link", name="ValueError: boom").click()
        # Menus, charts and folds work, and what needs a script is not there.
        page.get_by_label("More actions").click()
        expect(page.get_by_role("link", name="Event as JSON")).to_be_visible()
        expect(page.get_by_role("button", name="Copy link")).not_to_be_visible()
        expect(page.locator(".by-hour")).to_be_visible()
        page.get_by_text("30 d", exact=True).first.click()
        expect(page.locator(".by-hour")).not_to_be_visible()
        page.locator(".place summary").click()
        expect(page.get_by_role("link", name="All projects")).to_be_visible()
        page.locator(".place summary").click()
        page.get_by_role("link", name="All tags and users of the newest events").click()
        expect(page.get_by_role("heading", name="Users")).to_be_visible()
        page.go_back()
        page.locator("#act summary", has_text="Ignore").click()
        page.get_by_role("button", name="24 hours").click()
        expect(page.get_by_text(f"{team.email} ignored it")).to_be_visible()
        page.get_by_role("link", name="Settings").click()
        page.get_by_label("Name", exact=True).fill("Store")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_text("Saved.")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_text("You are signed out.")).to_be_visible()
