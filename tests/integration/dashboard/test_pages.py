"""Rules for every page: its cost, forged forms, hostile texts, permissions and links."""

import json
import re
from typing import Any
from urllib.parse import urljoin

import pytest

from errata.models.ids import issue_id
from errata.store import sessions
from errata.usecases import issues, members
from functions.dashboard.routing import SESSION_COOKIE
from tests.support import stream
from tests.support.account import Project, new_project
from tests.support.browser import Browser, signed_in
from tests.support.calls import Call, recorded, throttled, watched
from tests.support.clients import ingest
from tests.support.pages import CORPUS, HOSTILE, MAX_BYTES, MAX_CALLS, OWNER, only_our_markup, send
from tests.support.visible import visible_in


def test_every_page_of_a_project_makes_few_calls_and_stays_small(
    browser: Browser, busy: Project
) -> None:
    ids = send(busy, *[json.loads(line) for line in CORPUS[:8]] * 4)
    event = next(iter(issues.list_issues(visible_in(busy.id))))
    for path in (
        f"issues/{event.id}",
        f"events/{ids[0]}",
        f"events/{ids[5]}/json",
        f"events/{ids[5]}.md",
        f"issues/{event.id}.md",
        "releases",
        "stats",
        "sourcemaps",
        "capture",
        "monitors",
    ):
        with recorded() as calls:
            shown = browser.get(f"projects/{busy.id}/{path}")
        assert shown.status == 200
        assert len(calls) <= MAX_CALLS + path.startswith("events"), path
        assert shown.size <= MAX_BYTES, path


@pytest.mark.parametrize(
    ("error", "status"),
    [(lambda call: RuntimeError("of the inside"), 500), (throttled, 503)],
    ids=["an error in Errata", "a busy store"],
)
def test_a_failure_shows_a_page_with_an_id_that_is_logged(
    browser: Browser, caplog: pytest.LogCaptureFixture, error: Any, status: int
) -> None:
    def fail(call: Call) -> Any:
        raise error(call)

    with watched(fail):
        shown = browser.get("projects")
    assert (shown.status, "Something went wrong" in shown.text) == (status, True)
    found = re.search(r"look for ([0-9a-f]{8}) in the log", shown.text)
    assert found
    assert [found[1] in record.getMessage() for record in caplog.records] == [True]
    assert "inside" not in shown.html
    assert "Traceback" not in shown.html


def test_a_forged_form_changes_nothing(browser: Browser, busy: Project) -> None:
    send(busy, {"message": "boom", "fingerprint": "f"})
    path = f"projects/{busy.id}/issues/{issue_id(busy.id, 'f')}"
    browser.get(path)
    assert browser.post(path, action="delete", csrf="x").status == 403
    other = signed_in(OWNER)
    other.get("projects")
    token = other.page.value("csrf")  # type: ignore[union-attr]
    assert browser.post(path, action="delete", csrf=token).status == 403
    assert browser.get(path).status == 200


TEXTS = (
    "message",
    "exception_class",
    "file",
    "url",
    "release",
    "environment",
    "server_name",
    "stack_trace",
    "minified_stack",
)
OTHERS = ("fingerprint", "context", "user", "breadcrumbs")


def event_with(value: str, names: tuple[str, ...]) -> dict[str, Any]:
    """Return an event with this value in every field, or only in these fields."""
    fields: dict[str, Any] = {
        **dict.fromkeys(TEXTS, value),
        "fingerprint": value[:300],
        "stack_trace": f"Error: {value}\n" + f"    at {value[:3_000]} (/app/x.js:1:2)\n" * 90,
        "context": {value[:300]: value, "request": {value[:300]: value}},
        "user": {"id": value[:300], "email": value[:900]},
        "breadcrumbs": [{"message": value[:900], "data": {value[:300]: value[:300]}}] * 50,
    }
    return {"message": "boom", **{name: fields[name] for name in names or fields}}


@pytest.mark.parametrize(
    ("value", "names"),
    [
        (HOSTILE, ()),
        ("&" * 3_000, ()),
        ("\U0001f4a5" * 300, ()),
        ("\n" * 9_000, ()),
        # The most that a body may have, in one field: a context has it twice, and JSON writes an
        # astral character in twelve bytes.
        *(
            ("&" * 500_000 if name == "context" else "&" * 700_000, (name,))
            for name in TEXTS + OTHERS
        ),
        ("\U0001f4a5" * 80_000, ("message",)),
    ],
    ids=["hostile", "escaped", "wide", "lines", *TEXTS, *OTHERS, "wide message"],
)
def test_any_contents_of_an_event_are_shown_as_text(
    browser: Browser, busy: Project, value: str, names: tuple[str, ...]
) -> None:
    accepted = ingest(busy, event_with(value, names))
    assert accepted.status == 202, accepted.text
    assert stream.deliver(stream.records()) == []
    event = accepted.json["id"]
    (issue,) = issues.list_issues(visible_in(busy.id))
    below = f"projects/{busy.id}"
    for path in (f"{below}/issues", f"{below}/issues/{issue.id}", f"{below}/events/{event}"):
        for query in ("", "?raw=1"):
            shown = browser.get(path + query)
            assert shown.status == 200
            assert shown.size <= MAX_BYTES
            only_our_markup(shown.html)


@pytest.mark.usefixtures("project")
def test_a_member_sees_only_the_projects_of_their_teams() -> None:
    ours, theirs = new_project(), new_project()
    members.add("default", OWNER, "owner")
    team = members.create_team("default", "web")
    members.set_project_teams(ours.id, [team.id])
    members.add("default", "bob@example.com", "member", [team.id])
    bob = signed_in("bob@example.com")
    (event,) = send(theirs, {"message": "secret", "fingerprint": "f"})
    assert f"projects/{theirs.id}/" not in bob.get("projects").html
    assert bob.get(f"projects/{ours.id}/issues").status == 200
    issue = issue_id(theirs.id, "f")
    forms = (f"issues/{issue}.md", f"events/{event}.md")
    for path in ("issues", f"issues/{issue}", f"events/{event}", "stats", *forms):
        shown = bob.get(f"projects/{theirs.id}/{path}")
        assert shown.status == 404
        assert "secret" not in shown.html
    stranger = signed_in("eve@example.com")
    assert stranger.get(f"projects/{ours.id}/issues").status == 404


def test_links_have_no_stage_with_a_custom_domain(browser: Browser, busy: Project) -> None:
    (event,) = send(busy, {"message": "boom"})
    cookies = browser.cookies
    browser = Browser(stage="")
    asked = browser.get(f"projects/{busy.id}/events/{event}")
    assert asked.url.startswith("https://errors.example.com/dashboard/sign-in?next=projects%2F")
    browser = Browser(cookies, stage="")
    for path in (
        "",
        "projects",
        "orgs/default",
        *(
            f"projects/{busy.id}/{page}"
            for page in ("issues", f"events/{event}", "settings", "stats")
        ),
    ):
        shown = browser.get(path)
        assert shown.status == 200
        for link in re.findall(r'(?:href|src)="([^"#?]+)"', shown.html):
            # Every link stays below the dashboard, and leads somewhere.
            assert browser.get(urljoin(shown.url, link)).status == 200, link
    settings = browser.get(f"projects/{busy.id}/settings")
    assert "export ERRATA_URL='https://errors.example.com'" in settings.text


def test_an_unknown_path_is_404_and_a_wrong_method_is_405(browser: Browser) -> None:
    for path in ("x", "projects/99", "projects/99/issues", "projects/1x/issues", "static/0/x.css"):
        assert browser.get(path).status == 404, path
    refused = browser.post("projects", csrf="")
    assert (refused.status, refused.headers["Allow"]) == (405, "GET")


def test_an_error_page_keeps_the_navigation(browser: Browser, busy: Project) -> None:
    theirs = new_project()
    members.add("default", "bob@example.com", "member")
    issues_of_mine = f'href="[./]*projects/{busy.id}/issues"'
    for path, status in (
        (f"projects/{busy.id}/nothing", 404),
        (f"projects/{busy.id}/issues/{issue_id(busy.id, 'gone')}", 404),
        (f"projects/{busy.id}/releases?cursor=x", 422),
    ):
        with recorded() as calls:
            shown = browser.get(path)
        assert (shown.status, len(calls) <= MAX_CALLS) == (status, True)
        assert "Sign out" in shown.text
        assert len(re.findall(issues_of_mine, shown.html)) == 2, path
    bob = signed_in("bob@example.com")
    for path in (
        f"projects/{theirs.id}/nothing",
        f"projects/{theirs.id}/issues",
        "nothing",
        "orgs",
    ):
        shown = bob.get(path)
        assert (shown.status, "Sign out" in shown.text) == (404, True)
        assert "shop" not in shown.text
    bob.get("projects")
    assert bob.post("projects/1/nothing", x="1").status == 404
    forged = browser.post(f"projects/{busy.id}/settings", csrf="x", save="1")
    assert (forged.status, "Sign out" in forged.text) == (403, True)
    assert re.search(issues_of_mine, forged.html)


def test_somebody_without_a_session_gets_an_error_page_without_navigation(
    browser: Browser, busy: Project
) -> None:
    ended = Browser({**browser.cookies})
    sessions.remove(browser.cookies[SESSION_COOKIE].partition(".")[2])
    for anonymous in (Browser(), ended, Browser({SESSION_COOKIE: "x.y"})):
        shown = anonymous.get(f"projects/{busy.id}/nothing")
        assert (shown.status, "This page does not exist." in shown.text) == (404, True)
        assert "Sign out" not in shown.text
        assert "shop" not in shown.text
