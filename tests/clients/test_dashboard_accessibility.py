"""Every page is accessible, also that of a hostile event: axe in a browser."""

import json
import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from errata.usecases import members, projects
from tests.support.chromium import window
from tests.support.hostile_events import HOSTILE_EVENTS
from tests.support.monitor_rows import watched
from tests.support.team import WIDTHS, Team, busy_settings, has_log_groups, has_maps, look, sign_in
from tests.support.template import ROOT

HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)>\"'><svg/onload=alert(3)>"
    " javascript:alert(4) {{7*7}} \x1b[31m\u202eevil\u2066 \u200b"
)
HOSTILE_EVENT = {
    **dict.fromkeys(
        ("message", "exception_class", "file", "release", "environment", "server_name"), HOSTILE
    ),
    "stack_trace": f"{HOSTILE}\n  at {HOSTILE} (/app/x.js:1:2)",
    "url": "javascript:alert(5)",
    "context": {HOSTILE: HOSTILE, "user": {"id": HOSTILE}, "request": {"url": HOSTILE}},
    "breadcrumbs": [{"message": HOSTILE, "category": HOSTILE, "data": {HOSTILE: HOSTILE}}],
}


def report(team: Team) -> list[str]:
    """Report seven errors of the project, the last one hostile. Return the ids of their events."""
    corpus = (ROOT / "bench" / "corpus" / "4kb.jsonl").read_text().splitlines()
    return [team.send(**event) for event in (*map(json.loads, corpus[:6]), HOSTILE_EVENT)]


def assert_accessible(page: Page, team: Team, pages: dict[str, str]) -> None:
    """Open each page once, and look at it on a desk and on a phone."""
    problems: list[str] = []
    for name, path in pages.items():
        page.goto(f"{team.url}/{path}")
        problems += [each for width in WIDTHS for each in look(page, name, width)]
    assert not problems, "\n".join(problems)


def test_light_and_dark_differ_in_colors_only() -> None:
    """So `look` asks axe in dark for problems of colors alone."""
    folder = ROOT / "functions" / "dashboard"
    for file in (*folder.glob("static/*"), *folder.rglob("templates/*.html")):
        assert "prefers-color-scheme" not in file.read_text(), file
    rules = re.findall(
        r"\[data-theme[^{]*\{([^}]*)\}", (folder / "static" / "dashboard.css").read_text()
    )
    assert [each.strip() for each in rules] == ["color-scheme: light;", "color-scheme: dark;"]


def test_pages_of_hostile_events_are_accessible(browser: Browser, team: Team) -> None:
    below = f"projects/{team.project_id}"
    events = {name: team.send_as_sdk(each) for name, each in HOSTILE_EVENTS.items()}
    with window(browser) as page:
        sign_in(page, team, f"{below}/issues")
        expect(page.locator("tbody tr")).to_have_count(len(events))
        problems: list[str] = []
        for name, event in events.items():
            page.goto(f"{team.url}/{below}/events/{event}")
            expect(page.get_by_role("heading", name="Users")).to_be_visible()
            named = f"hostile-{name.replace(' ', '-')}"
            problems += [each for width in WIDTHS for each in look(page, named, width)]
    assert not problems, "\n".join(problems)


def go(page: Page, link: Locator) -> None:
    """Follow a link, or send a form. A click does not wait for the next page."""
    with page.expect_navigation(wait_until="load"):
        link.click()


@pytest.mark.parametrize("width", WIDTHS)
def test_pages_without_a_session_are_accessible(browser: Browser, team: Team, width: int) -> None:
    problems: list[str] = []
    with window(browser, width=width) as page:
        page.goto(f"{team.url}/sign-in")
        problems += look(page, "sign-in", width)
        go(page, page.get_by_role("link", name="Forgot your password?"))
        problems += look(page, "forgot", width)
        page.get_by_label("E-mail").fill("nobody@example.com")
        go(page, page.get_by_role("button", name="E-mail me a code"))
        problems += look(page, "reset", width)
    assert not problems, "\n".join(problems)


def test_pages_of_members_and_settings_are_accessible(browser: Browser, team: Team) -> None:
    report(team)
    busy_settings(team)
    there = members.create_team("default", f"frontend team of many people {team.email}").id
    below = f"projects/{team.project_id}"
    pages = {
        "member": f"orgs/default/member?email={team.email}",
        "team": f"orgs/default/teams/{there}",
        "account": "account",
        "password": "account/password",
        "second-factor": "account/second-factor",
        "projects": "projects",
        "issues-of-all-projects": "orgs/default/issues",
        "organization": "orgs/default",
        "audit": "orgs/default/audit",
        "alerts": f"{below}/alerts",
        "settings": f"{below}/settings",
        "tracker": f"{below}/tracker",
        "opentelemetry": f"{below}/opentelemetry",
        "rules": f"{below}/rules",
        "scrubbing": f"{below}/scrubbing",
        "not-found": f"{below}/nothing",
    }
    with window(browser) as page:
        sign_in(page, team, f"{below}/issues")
        expect(page.locator("tbody tr")).to_have_count(7)
        assert_accessible(page, team, pages)


def test_pages_of_a_project_are_accessible(browser: Browser, team: Team) -> None:
    ids = report(team)
    has_maps(team)
    watched(team.project_id, failing=True, issue_id="a" * 32)
    has_log_groups(team)
    created = projects.create("A shop that has just opened")
    assert created
    below, empty = f"projects/{team.project_id}", f"projects/{created.project.id}"
    pages = {
        "no-errors": f"{empty}/issues",
        "issues": f"{below}/issues",
        "views": f"{below}/issues/views",
        "events": f"{below}/events",
        "event": f"{below}/events/{ids[0]}",
        "event-chained": f"{below}/events/{ids[-2]}",
        "event-hostile": f"{below}/events/{ids[-1]}",
        "event-frames": f"{below}/events/{ids[0]}?frames=all",
        "releases": f"{below}/releases",
        "stats": f"{below}/stats",
        "feedback": f"{below}/feedback",
        "attachments": f"{below}/attachments",
        "source-maps": f"{below}/sourcemaps",
        "no-source-maps": f"{empty}/sourcemaps",
        "capture": f"{below}/capture",
        "no-capture": f"{empty}/capture",
        "monitors": f"{below}/monitors",
        "monitor": f"{below}/monitors/nightly-backup",
        "no-monitors": f"{empty}/monitors",
    }
    with window(browser) as page:
        sign_in(page, team, f"{below}/issues")
        expect(page.locator("tbody tr")).to_have_count(7)
        assert_accessible(page, team, pages)


@pytest.mark.parametrize("width", WIDTHS)
def test_pages_of_an_issue_are_accessible(browser: Browser, team: Team, width: int) -> None:
    report(team)
    below = f"projects/{team.project_id}"
    problems: list[str] = []
    with window(browser, width=width) as page:
        sign_in(page, team, f"{below}/issues")
        expect(page.locator("tbody tr")).to_have_count(7)
        go(page, page.locator("a.issue-title").first)
        expect(page.get_by_role("heading", name="Users")).to_be_visible()
        page.locator(".place summary").click()
        expect(page.locator(".place li").nth(2)).to_be_visible()
        problems += look(page, "menu", width)
        page.get_by_label("More actions").click()
        problems += look(page, "issue", width)
        issue = page.url
        for name in ("events", "tags", "merge", "activity", "assign"):
            page.goto(f"{issue}/{name}")
            problems += look(page, f"issue-{name}", width)
        page.goto(f"{team.url}/{below}/releases")
        go(page, page.locator("tbody a").first)
        problems += look(page, "release", width)
    assert not problems, "\n".join(problems)
