"""The dashboard in a real browser, on the deployed stack."""

import base64
import dataclasses
import hmac
import json
import re
import secrets
import time
from urllib.parse import urljoin

import pytest
import requests
from playwright.sync_api import Browser, expect

from dev.stack import LocalStack
from errata.errors import UnauthorizedError
from errata.store import sessions
from errata.store import sign_in as cognito
from errata.usecases import members, projects
from functions.dashboard.routing import SESSION_COOKIE
from tests.support.chromium import barriers, window
from tests.support.deployed import eventually
from tests.support.hostile_events import HOSTILE_EVENTS
from tests.support.monitor_rows import watched
from tests.support.team import Team, busy_settings, has_log_groups, has_maps, look, sign_in
from tests.support.template import ROOT

HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)>\"'><svg/onload=alert(3)>"
    " javascript:alert(4) {{7*7}} \x1b[31m\u202eevil\u2066 \u200b"
)


def test_a_team_sees_finds_and_settles_its_errors(browser: Browser, team: Team) -> None:
    with window(browser) as page:
        sign_in(page, team, f"projects/{team.project_id}/issues")
        # An empty project tells how to send the first error, and sees it arrive by itself.
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
        expect(page.get_by_role("link", name="careful")).to_be_visible()
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
        for keys, told in (
            (["Enter", "Tab", "Tab", "Enter"], "resolved in the next release after shop@1.10"),
            (["Enter", *["Tab"] * 4, *"2.0", "Enter"], "resolved in 2.0"),
        ):
            page.get_by_label("More ways to resolve").focus()
            for key in keys:
                page.keyboard.press(key)
            expect(page.get_by_text(told.partition(" ")[2]).first).to_be_visible()
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
        woken = "Open again: 2 more events since it was ignored"
        expect(page.get_by_text(woken, exact=True)).to_be_visible()
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


def test_an_issue_is_ignored_until_something_and_assigned_to_others(
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
        for who, told in ((f"{name}@example.com", name), (crew.name, f"to #{crew.name}")):
            page.locator(".actions summary:has(#assignee)").press("Enter")
            page.get_by_role("button", name=who).press("Enter")
            expect(page.locator("#feed")).to_contain_text(told)
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
        expect(page.get_by_text("None. A merged issue leaves the lists")).to_be_visible()
        assert barriers(page) == []


def test_signing_out_ends_the_tokens_that_the_session_had(browser: Browser, team: Team) -> None:
    with window(browser) as page:
        sign_in(page, team, "projects")
        expect(page.get_by_role("heading", name="Projects")).to_be_visible()
        (held,) = [
            each["value"] for each in page.context.cookies() if each["name"] == SESSION_COOKIE
        ]
        user, _, secret = held.partition(".")
        session = sessions.open_page(secret, user).session
        assert session
        assert cognito.refresh(session.refresh_token, session.client).id
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_text("You are signed out.")).to_be_visible()
    with pytest.raises(UnauthorizedError):
        cognito.refresh(session.refresh_token, session.client)


def test_a_key_is_made_in_the_settings_and_shown_once(browser: Browser, team: Team) -> None:
    with window(browser) as page:
        sign_in(page, team, f"projects/{team.project_id}/settings")
        page.get_by_label("Label").fill("web")
        page.get_by_role("button", name="Create key").click()
        key = page.locator(".key").first.inner_text()
        assert re.fullmatch("[0-9a-f]{32}", key)
        page.goto(f"{team.url}/projects/{team.project_id}/settings")
        expect(page.get_by_text("web", exact=True)).to_be_visible()
        assert key not in page.content()
    answer = requests.post(
        f"{team.api_url}/api/ingest", json={"api_key": key, "message": "hello"}, timeout=60
    )
    assert answer.status_code == 202


def test_a_project_of_another_team_is_not_there(browser: Browser, team: Team) -> None:
    email, password = f"{secrets.token_hex(4)}@example.com", secrets.token_urlsafe(12)
    members.add("default", email, "member", password=password)
    event = team.send(message="secret of a team")
    with window(browser) as page:
        page.goto(f"{team.url}/projects/{team.project_id}/events/{event}")
        page.get_by_label("E-mail").fill(email)
        page.get_by_label("Password").fill(password)
        with page.expect_response(lambda r: r.url.endswith(event)) as response:
            page.get_by_role("button", name="Sign in").click()
        assert response.value.status == 404
        expect(page.get_by_role("heading", name="Not found")).to_be_visible()
        assert "secret of a team" not in page.content()


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


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390], ids=["desk", "phone"])
def test_hostile_events_can_be_read_by_everybody(
    browser: Browser, team: Team, scheme: str, width: int
) -> None:
    events = {name: team.send_as_sdk(each) for name, each in HOSTILE_EVENTS.items()}
    problems: dict[str, list[str]] = {}
    with window(browser, scheme=scheme, width=width) as page:
        sign_in(page, team, f"projects/{team.project_id}/issues")
        expect(page.locator("tbody tr")).to_have_count(len(events))
        for name, event in events.items():
            page.goto(f"{team.url}/projects/{team.project_id}/events/{event}")
            expect(page.get_by_role("heading", name="Users")).to_be_visible()
            problems[name] = look(page, f"hostile-{name.replace(' ', '-')}", scheme, width)
    assert {name: found for name, found in problems.items() if found} == {}


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


def test_it_works_without_scripts(browser: Browser, team: Team) -> None:
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


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390], ids=["desk", "phone"])
def test_every_page_can_be_read_by_everybody(
    browser: Browser, team: Team, scheme: str, width: int
) -> None:
    corpus = (ROOT / "bench" / "corpus" / "4kb.jsonl").read_text().splitlines()
    ids = [team.send(**json.loads(line)) for line in corpus[:6]]
    hostile = team.send(
        message=HOSTILE,
        exception_class=HOSTILE,
        file=HOSTILE,
        release=HOSTILE,
        environment=HOSTILE,
        server_name=HOSTILE,
        stack_trace=f"{HOSTILE}\n  at {HOSTILE} (/app/x.js:1:2)",
        url="javascript:alert(5)",
        context={HOSTILE: HOSTILE, "user": {"id": HOSTILE}, "request": {"url": HOSTILE}},
        breadcrumbs=[{"message": HOSTILE, "category": HOSTILE, "data": {HOSTILE: HOSTILE}}],
    )
    below = f"projects/{team.project_id}"
    busy_settings(team)
    has_maps(team)
    watched(team.project_id, failing=True, issue_id="a" * 32)
    has_log_groups(team)
    empty = projects.create("A shop that has just opened")
    assert empty
    there = members.create_team("default", f"frontend team of many people {team.email}").id
    pages = {
        "no-errors": f"projects/{empty[0].id}/issues",
        "member": f"orgs/default/member?email={team.email}",
        "team": f"orgs/default/teams/{there}",
        "account": "account",
        "password": "account/password",
        "second-factor": "account/second-factor",
        "projects": "projects",
        "issues": f"{below}/issues",
        "issues-of-all-projects": "orgs/default/issues",
        "views": f"{below}/issues/views",
        "events": f"{below}/events",
        "event": f"{below}/events/{ids[0]}",
        "event-chained": f"{below}/events/{ids[-1]}",
        "event-hostile": f"{below}/events/{hostile}",
        "event-frames": f"{below}/events/{ids[0]}?frames=all",
        "releases": f"{below}/releases",
        "stats": f"{below}/stats",
        "alerts": f"{below}/alerts",
        "settings": f"{below}/settings",
        "tracker": f"{below}/tracker",
        "opentelemetry": f"{below}/opentelemetry",
        "feedback": f"{below}/feedback",
        "attachments": f"{below}/attachments",
        "rules": f"{below}/rules",
        "scrubbing": f"{below}/scrubbing",
        "source-maps": f"{below}/sourcemaps",
        "no-source-maps": f"projects/{empty[0].id}/sourcemaps",
        "capture": f"{below}/capture",
        "no-capture": f"projects/{empty[0].id}/capture",
        "monitors": f"{below}/monitors",
        "monitor": f"{below}/monitors/nightly-backup",
        "no-monitors": f"projects/{empty[0].id}/monitors",
        "organization": "orgs/default",
        "audit": "orgs/default/audit",
        "not-found": f"{below}/nothing",
    }
    problems: dict[str, list[str]] = {}
    with window(browser, scheme=scheme, width=width) as page:
        page.goto(f"{team.url}/sign-in")
        problems["sign-in"] = look(page, "sign-in", scheme, width)
        page.get_by_role("link", name="Forgot your password?").click()
        problems["forgot"] = look(page, "forgot", scheme, width)
        page.get_by_label("E-mail").fill("nobody@example.com")
        page.get_by_role("button", name="E-mail me a code").click()
        problems["reset"] = look(page, "reset", scheme, width)
        sign_in(page, team, f"{below}/issues")
        expect(page.locator("tbody tr")).to_have_count(7)
        for name, path in pages.items():
            page.goto(f"{team.url}/{path}")
            problems[name] = look(page, name, scheme, width)
        page.goto(f"{team.url}/{below}/issues")
        page.locator("a.issue-title").first.click()
        expect(page.get_by_role("heading", name="Users")).to_be_visible()
        page.locator(".place summary").click()
        expect(page.locator(".place li").nth(2)).to_be_visible()
        problems["menu"] = look(page, "menu", scheme, width)
        page.get_by_label("More actions").click()
        problems["issue"] = look(page, "issue", scheme, width)
        issue = page.url
        for name in ("events", "tags", "merge", "activity", "assign"):
            page.goto(f"{issue}/{name}")
            problems[f"issue-{name}"] = look(page, f"issue-{name}", scheme, width)
        page.goto(f"{team.url}/{below}/releases")
        page.locator("tbody a").first.click()
        problems["release"] = look(page, "release", scheme, width)
    assert {name: found for name, found in problems.items() if found} == {}


def test_an_owner_manages_the_project_with_no_more_than_the_function_may(
    browser: Browser, team: Team, stack: LocalStack
) -> None:
    settings = f"{team.url}/projects/{team.project_id}/settings"
    with window(browser) as page:
        sign_in(page, team, f"projects/{team.project_id}/settings")
        page.get_by_label("Label of the new key").fill("web")
        page.get_by_role("button", name="Create key").click()
        key = page.locator("code.key").inner_text()
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.get_by_role("button", name="Copy").click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == key
        expect(page.get_by_text("API Gateway could not be set up")).not_to_be_visible()
        assert dataclasses.replace(team, key=key).send(message="boom")
        assert barriers(page) == []

        page.goto(settings)
        page.get_by_label("Requests per minute").fill("600")
        page.get_by_role("button", name="Save rate limit").click()
        expect(
            page.get_by_text("Saved. The change takes effect within 30 seconds.")
        ).to_be_visible()
        gateway = stack.client("apigateway")
        plans = {plan["name"]: plan["id"] for plan in gateway.get_usage_plans()["items"]}
        assert gateway.get_usage_plan_keys(usagePlanId=plans[f"{stack.stack_name}-600"])["items"]

        page.get_by_label("URL of the new webhook").fill("https://example.com/hook")
        page.get_by_role("button", name="Add webhook").click()
        expect(page.locator("code.key")).to_have_text(re.compile("^whsec_"))
        page.goto(settings)
        page.get_by_role("button", name="Send a test").click()
        expect(page.get_by_text("Sent.")).to_be_visible()
        page.get_by_text("More …").click()
        page.get_by_role("button", name="Remove").click()
        expect(page.get_by_text("No webhooks yet.")).to_be_visible()
        assert barriers(page) == []

        page.get_by_label("To delete all events and issues").fill("Shop")
        page.get_by_role("button", name="Delete all events").click()
        expect(page.get_by_text("Cleared.")).to_be_visible()
        page.get_by_label("To delete the project").fill("Shop")
        page.get_by_role("button", name="Delete the project").click()
        expect(page).not_to_have_url(re.compile("settings"))
        page.goto(settings)
        expect(page.get_by_role("heading", name="Not found")).to_be_visible()


def test_an_owner_manages_the_organization(browser: Browser, team: Team) -> None:
    name, guest = secrets.token_hex(4), f"{secrets.token_hex(4)}@example.com"
    with window(browser) as page:
        sign_in(page, team, "orgs/default")
        page.get_by_label("Team name").fill(name)
        page.get_by_role("button", name="Create team").click()
        page.get_by_label("E-mail").fill(guest)
        page.get_by_label("Role").select_option("member")
        page.get_by_role("group", name="Teams").get_by_label(name).check()
        page.get_by_role("button", name="Invite").click()
        expect(page.get_by_role("row", name=guest)).to_contain_text(name)
        assert barriers(page) == []
        page.get_by_role("link", name=guest).click()
        page.get_by_label("Role").select_option("admin")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("row", name=guest)).to_contain_text("admin")
        page.get_by_label("Name", exact=True).fill("Blog")
        page.get_by_label("Team with access").select_option(name)
        page.get_by_role("button", name="Create project").click()
        assert dataclasses.replace(team, key=page.locator("code.key").inner_text()).send(
            message="x"
        )


def totp(secret: str, step: int) -> str:
    """Return the code of an authenticator app (RFC 6238). Cognito takes each only once.

    `step`: 0 or 1. A code of 1 is of the next half minute, which Cognito takes, too.
    """
    count = int(time.time()) // 30 + step
    digest = hmac.digest(base64.b32decode(secret), count.to_bytes(8, "big"), "sha1")
    at = digest[-1] & 15
    return f"{(int.from_bytes(digest[at : at + 4], 'big') & 0x7FFFFFFF) % 10**6:06d}"


def test_a_second_factor_is_set_up_and_asked_for(browser: Browser, team: Team) -> None:
    with window(browser) as page:
        sign_in(page, team, "account/second-factor")
        page.get_by_label("Password").fill(team.password)
        page.get_by_role("button", name="Set it up").click()
        secret = page.locator("code.key").inner_text()
        expect(page.get_by_role("img", name="QR code of the secret")).to_be_visible()
        assert barriers(page) == []
        page.get_by_label("Password").fill(team.password)
        page.get_by_label("Code, six digits").fill(totp(secret, 0))
        page.get_by_role("button", name="Turn it on").click()
        expect(page.get_by_text("Your second factor is on.")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        sign_in(page, team, f"projects/{team.project_id}/stats")
        expect(page.get_by_role("heading", name="Enter your code")).to_be_visible()
        assert barriers(page) == []
        page.get_by_label("Code, six digits").fill(totp(secret, 1))
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Accepted")).to_be_visible()


def test_what_was_typed_survives_the_end_of_the_session(browser: Browser, team: Team) -> None:
    with window(browser, script=False) as page:
        sign_in(page, team, f"projects/{team.project_id}/settings")
        page.get_by_label("Name", exact=True).fill("Typed with care")
        page.context.clear_cookies(name=SESSION_COOKIE)
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_text("Nothing was changed.")).to_be_visible()
        page.get_by_label("E-mail").fill(team.email)
        page.get_by_label("Password").fill(team.password)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_text("You were signed out before this arrived.")).to_be_visible()
        expect(page).to_have_url(f"{team.url}/projects/{team.project_id}/settings")
        expect(page.get_by_label("Name", exact=True)).to_have_value("Typed with care")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_text("Saved.")).to_be_visible()
