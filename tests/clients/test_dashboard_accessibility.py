"""Every page and every hostile event can be read by everybody: axe and screenshots in a browser."""

import json

import pytest
from playwright.sync_api import Browser, expect

from errata.usecases import members, projects
from tests.support.chromium import window
from tests.support.hostile_events import HOSTILE_EVENTS
from tests.support.monitor_rows import watched
from tests.support.team import Team, busy_settings, has_log_groups, has_maps, look, sign_in
from tests.support.template import ROOT

HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)>\"'><svg/onload=alert(3)>"
    " javascript:alert(4) {{7*7}} \x1b[31m\u202eevil\u2066 \u200b"
)


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
