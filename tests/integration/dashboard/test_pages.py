"""The pages that show issues and events: what is on them, what they cost, whom they trust."""

import html
import json
import re
from typing import Any
from urllib.parse import urljoin

import pytest

from errata.models.ids import issue_id
from errata.usecases import issues, members, organizations, projects
from tests.support import stream
from tests.support.account import Clock, Project, new_project
from tests.support.browser import Browser, Shown, signed_in
from tests.support.calls import recorded
from tests.support.clients import ingest
from tests.support.template import ROOT

OWNER = "ada@example.com"
MAX_CALLS = 5
MAX_BYTES = 60_000
HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)>\"'><svg/onload=alert(3)>"
    " javascript:alert(4) {{7*7}} {% raw %} \x1b[31m\x00\u202eevil\u2066\u200b\ufeff &amp;"
)
CORPUS = (ROOT / "bench" / "corpus" / "4kb.jsonl").read_text().splitlines()


@pytest.fixture
def browser(project: Project) -> Browser:
    members.add("default", OWNER, "owner")
    return signed_in(OWNER)


def send(project: Project, *events: dict[str, Any]) -> list[str]:
    """Report errors and have them digested; returns their ids."""
    ids = [ingest(project, event).json["id"] for event in events]
    assert stream.deliver(stream.records()) == []
    return ids


def test_the_list_tells_what_there_is(browser: Browser, busy: Project) -> None:
    boom = {"message": "boom", "exception_class": "ValueError", "file": "/app/x.py", "line": 3}
    send(busy, *[{**boom, "user": {"id": n}} for n in range(3)], {"message": "careful"})
    shown = browser.get(f"projects/{busy.id}/issues").text
    assert "ValueError: boom error /app/x.py:3 3 3 just now just now" in shown
    assert "careful" in shown


def test_it_is_filtered_sorted_and_paged(browser: Browser, busy: Project, clock: Clock) -> None:
    for n in range(60):
        clock.advance(1)
        send(busy, {"message": f"issue number {n:02d}", "environment": "ab"[n % 2]})

    def titles(query: str) -> list[str]:
        browser.get(f"projects/{busy.id}/issues{query}")
        return re.findall(r"issue number (\d\d)", browser.page.text)  # type: ignore[union-attr]

    first = titles("")
    assert first == [f"{n:02d}" for n in range(59, 9, -1)]
    following = re.search(r'rel="next" href="([^"]+)"', browser.page.html)  # type: ignore[union-attr]
    assert following
    assert titles(following[1].replace("&amp;", "&")) == [f"{n:02d}" for n in range(9, -1, -1)]
    assert titles("?environment=b&sort=first_seen&text=NUMBER+0") == ["09", "07", "05", "03", "01"]
    assert titles("?status=resolved") == []
    assert browser.get(f"projects/{busy.id}/issues?cursor=x").status == 422
    assert browser.get(f"projects/{busy.id}/issues?sort=x").status == 422


def test_a_page_of_issues_costs_five_calls_and_sixty_kilobytes_at_most(
    browser: Browser, busy: Project
) -> None:
    worst = {"file": "\U0001f4a5" * 250, "message": "", "user": {"id": 1}}
    send(busy, *[{**worst, "message": f"{n}{'&' * 250}"} for n in range(60)])
    for query in ("", "?text=%26", "?sort=count", "?status=all&environment=x"):
        with recorded() as calls:
            shown = browser.get(f"projects/{busy.id}/issues{query}")
        assert shown.status == 200
        assert len(calls) <= MAX_CALLS
        assert shown.size <= MAX_BYTES


def test_every_other_page_costs_no_more(browser: Browser, busy: Project) -> None:
    ids = send(busy, *[json.loads(line) for line in CORPUS[:8]] * 4)
    event = next(iter(issues.list_issues(busy.id)))
    for path in (
        f"issues/{event.id}",
        f"events/{ids[0]}",
        f"events/{ids[5]}/json",
        "releases",
        "stats",
    ):
        with recorded() as calls:
            shown = browser.get(f"projects/{busy.id}/{path}")
        assert shown.status == 200
        assert len(calls) <= MAX_CALLS, path
        assert shown.size <= MAX_BYTES, path


def test_an_issue_is_settled_and_the_page_says_who_did_it(
    browser: Browser, busy: Project, clock: Clock
) -> None:
    send(busy, {"message": "boom", "fingerprint": "f", "release": "1", "server_name": "web-1"})
    path = f"projects/{busy.id}/issues/{issue_id(busy.id, 'f')}"
    shown = browser.get(path)
    assert "Release 1 100 %" in shown.text
    assert "Server web-1 100 %" in shown.text
    assert f"{OWNER} resolved it" in browser.post(path, action="resolve").text
    clock.advance(60)
    send(busy, {"message": "boom", "fingerprint": "f", "release": "2"})
    assert "regressed in 2 by an event" in browser.get(path).text
    assert f"{OWNER} ignored it" in browser.post(path, action="ignore").text
    assert f"{OWNER} reopened it" in browser.post(path, action="reopen").text
    browser.post(path, action="delete")
    assert browser.page.url.endswith("/issues")  # type: ignore[union-attr]
    assert browser.get(path).status == 404


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


def test_an_event_shows_all_that_was_sent(browser: Browser, busy: Project) -> None:
    sent = json.loads(CORPUS[0])
    (event,) = send(busy, sent)
    shown = browser.get(f"projects/{busy.id}/events/{event}")
    for value in (sent["message"], sent["release"], sent["server_name"], sent["user"]["email"]):
        assert value in shown.text
    for crumb in sent["breadcrumbs"]:
        assert " ".join(crumb["message"].split()) in shown.text
        assert crumb["timestamp"][11:23] in shown.text
    for name, value in sent["context"]["request"]["headers"].items():
        assert f"{name} {value}" in shown.text
    assert "/app/shop.py:331 in import_reviews" in shown.text
    assert "Traceback (most recent call last):" not in shown.text
    raw = browser.get(f"projects/{busy.id}/events/{event}?raw=1")
    assert "Traceback (most recent call last):" in raw.text
    answer = json.loads(browser.get(f"projects/{busy.id}/events/{event}/json").html)
    assert answer["context"] == {**sent["context"], "user": sent["user"]}


def test_requests_and_breadcrumbs_of_any_shape_are_shown(browser: Browser, busy: Project) -> None:
    request = {"url": "/a", "headers": {"url": "/b"}}
    crumbs = [{"timestamp": "half past ten", "message": "x"}, {"timestamp": 1795334940}]
    (event,) = send(busy, {"message": "m", "context": {"request": request}, "breadcrumbs": crumbs})
    shown = browser.get(f"projects/{busy.id}/events/{event}").text
    assert 'url /a headers { "url": "/b" }' in shown
    assert "half past ten x" in " ".join(shown.split())
    assert "08:09:00.000" in shown


def test_times_that_were_sent_are_times(browser: Browser, busy: Project) -> None:
    sent: list[Any] = [
        "2026-11-21T23:59:59+02:00",
        "2026-11-21 10:00:00.1234",
        1795334940.25,
        *("99:99", "2026-13-45T00:00:00Z", 12, 10**12, None),
    ]
    (event,) = send(
        busy,
        {
            "message": "m",
            "timestamp": "2026-11-22T14:03:01+02:00",
            "breadcrumbs": [{"message": f"c{n}", "timestamp": each} for n, each in enumerate(sent)],
        },
    )
    shown = browser.get(f"projects/{busy.id}/events/{event}")
    told = re.findall(r'<time class="clock" datetime="([^"]+)"[^>]*>([^<]+)<', shown.html)
    assert told == [
        ("2026-11-21T21:59:59.000Z", "21:59:59.000"),
        ("2026-11-21T10:00:00.123Z", "10:00:00.123"),
        ("2026-11-22T08:09:00.250Z", "08:09:00.250"),
    ]
    assert "99:99 c3" in shown.text
    assert 'sent as of <time datetime="2026-11-22T12:03:01.000Z"' in shown.html


def test_every_text_of_a_stack_is_on_the_page(browser: Browser, busy: Project) -> None:
    texts = {
        "stack_trace": "as it is",
        "minified_stack": "at q (min.js:1:1)",
        "source_map": "{}map",
    }
    (event, minified) = send(
        busy, {"message": "m", **texts}, {"message": "m", "minified_stack": "at q (min.js:1:1)"}
    )
    shown = browser.get(f"projects/{busy.id}/events/{event}").text
    for text in (*texts.values(), "minified_stack", "source_map"):
        assert text in shown
    assert browser.get(f"projects/{busy.id}/events/{minified}?raw=1").text.count("min.js") == 1


def test_lines_and_words_of_other_systems_are_shown_as_they_were_meant(
    browser: Browser, busy: Project
) -> None:
    words = "می\u200cرود 👨\u200d👩\u200d👧"
    trace = 'Traceback (most recent call last):\r\n  File "a.py", line 1, in f\r\nValueError: y\r\n'
    (event,) = send(busy, {"message": f"one\r\ntwo\rthree {words}", "stack_trace": trace})
    shown = browser.get(f"projects/{busy.id}/events/{event}?raw=1").html
    assert f"one\ntwo\N{WHITE SQUARE}000Dthree {words}" in shown
    assert "in f\nValueError: y\n" in shown
    listed = browser.get(f"projects/{busy.id}/issues?environment=a%E2%80%8Db")
    assert listed.value("environment") == "a\u200db"


def test_events_of_an_issue_lead_to_each_other(
    browser: Browser, busy: Project, clock: Clock
) -> None:
    ids = []
    for _ in range(25):
        clock.advance(1)
        ids += send(busy, {"message": "boom", "fingerprint": "f"})
    below = f"projects/{busy.id}/events"
    shown = browser.get(f"{below}/{ids[1]}").html
    assert re.search(rf'rel="prev" href="[^"]*{ids[2]}"', shown)
    assert re.search(rf'rel="next" href="[^"]*{ids[0]}"', shown)
    assert 'rel="next"' not in browser.get(f"{below}/{ids[0]}").html
    assert 'rel="prev"' not in browser.get(f"{below}/{ids[-1]}").html
    page = browser.get(f"projects/{busy.id}/issues/{issue_id(busy.id, 'f')}")
    assert re.findall(r"events/([0-9a-f-]{36})", page.html) == ids[:4:-1]


def listed(shown: Shown) -> list[str]:
    """The events that an issue's page lists."""
    return re.findall(r"events/([0-9a-f-]{36})", shown.html)


def test_pages_of_an_issue_s_events_lead_back_and_forth_in_five_calls(
    browser: Browser, busy: Project, clock: Clock
) -> None:
    ids: list[str] = []
    for _ in range(3):
        clock.advance(1)
        ids = (
            sorted(send(busy, *[{"message": "boom", "fingerprint": "f"}] * 15), reverse=True) + ids
        )
    path = f"projects/{busy.id}/issues/{issue_id(busy.id, 'f')}"

    def turn(rel: str) -> Shown:
        found = re.search(rf'rel="{rel}" href="([^"]+)"', browser.page.html)  # type: ignore[union-attr]
        assert found
        with recorded() as calls:
            shown = browser.get(path + found[1])
        assert len(calls) <= MAX_CALLS
        return shown

    first = browser.get(path)
    assert (listed(first), 'rel="prev"' in first.html) == (ids[:20], False)
    assert listed(turn("next")) == ids[20:40]
    last = turn("next")
    assert (listed(last), 'rel="next"' in last.html) == (ids[40:], False)
    assert listed(turn("prev")) == ids[20:40]
    again = turn("prev")
    assert (listed(again), 'rel="prev"' in again.html) == (ids[:20], False)
    assert f'href="{path.rpartition("/")[2]}">Newest' in last.html
    for odd in (f"?after={ids[0]}", "?after=x", "?before=00000000-0000-7000-8000-000000000000"):
        assert browser.get(path + odd).status == 200


def test_what_was_done_with_an_issue_is_told_in_part_where_it_is_much(
    browser: Browser, busy: Project, clock: Clock
) -> None:
    send(busy, {"message": "boom", "fingerprint": "f"})
    issue = issue_id(busy.id, "f")
    for n in range(30):
        clock.advance(1)
        (issues.ignore if n % 2 else issues.resolve)(busy.id, issue, f"{n}@example.com", clock.ms)
    with recorded() as calls:
        shown = browser.get(f"projects/{busy.id}/issues/{issue}")
    assert len(calls) <= MAX_CALLS
    assert "29@example.com ignored it" in shown.text
    assert "9@example.com ignored it" not in shown.text.replace("29@", "").replace("19@", "")
    assert f"errata issues show {busy.id} {issue}" in shown.text


@pytest.mark.parametrize("text", ["a", "&", "\u202e", "\U0001f4a5"])
def test_an_issue_that_was_everywhere_is_no_long_page(
    browser: Browser, busy: Project, clock: Clock, text: str
) -> None:
    names = ("environment", "release", "server_name")
    worst = {"message": text * 300, "exception_class": text * 300, "file": text * 300}
    send(
        busy,
        *(
            {**worst, "fingerprint": "f"} | dict.fromkeys(names, f"{n}{text * 220}")
            for n in range(24)
        ),
    )
    issue = issue_id(busy.id, "f")
    for n in range(25):
        clock.advance(1)
        act = issues.ignore if n % 2 else issues.resolve
        act(busy.id, issue, f"{n}{text * 300}", clock.ms)
    assert browser.get(f"projects/{busy.id}/issues/{issue}").size <= MAX_BYTES


def test_a_quiet_list_of_many_settled_issues_costs_no_more(
    browser: Browser, busy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(busy, *[{"message": f"{n}", "fingerprint": f"{n}"} for n in range(60)])
    for each in list(issues.list_issues(busy.id)):
        issues.resolve(busy.id, each.id, OWNER, each.last_seen)
    # A page of DynamoDB's holds 1 MB; this many issues are more than four of these.
    monkeypatch.setattr("moto.dynamodb.models.table.RESULT_SIZE_LIMIT", 8_000)
    for query in ("", "?sort=count", "?sort=first_seen"):
        with recorded() as calls:
            shown = browser.get(f"projects/{busy.id}/issues{query}")
        assert len(calls) <= MAX_CALLS
        assert "No errors yet" not in shown.text


def followed(browser: Browser, path: str, found: str) -> list[str]:
    """What all pages of a list hold, each of them within the bounds."""
    seen: list[str] = []
    to = path
    while True:
        with recorded() as calls:
            shown = browser.get(to)
        assert (shown.status, len(calls) <= MAX_CALLS) == (200, True)
        assert shown.size <= MAX_BYTES
        seen += re.findall(found, shown.html)
        following = re.search(r'rel="next" href="([^"]+)"', shown.html)
        if not following:
            return seen
        to = path + html.unescape(following[1])


RELEASE = r'href="issues\?release=([^"]+)"'


@pytest.mark.parametrize(
    "name",
    ["web@0123456789abcdef0123456789abcdef01234567-", "&" * 180, "é" * 180],
    ids=["web", "escaped", "wide"],
)
def test_releases_are_paged_within_the_bounds(
    browser: Browser, busy: Project, clock: Clock, name: str
) -> None:
    for n in range(120):
        clock.advance(1)
        ingest(busy, {"message": "m", "fingerprint": f"{n % 3}", "release": f"{n:03d}{name}"})
    assert stream.deliver(stream.records()) == []
    path = f"projects/{busy.id}/releases"
    seen = followed(browser, path, RELEASE)
    assert [each[:3] for each in seen] == [f"{n:03d}" for n in range(119, -1, -1)]
    assert "First page" in browser.page.text  # type: ignore[union-attr]
    assert browser.get(f"projects/{busy.id}/releases?cursor=x").status == 422


def test_releases_beyond_one_look_come_in_parts_with_open_issues_at_least(
    browser: Browser, busy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(busy, *[{"message": "m", "fingerprint": f"{n}", "release": f"{n:03d}"} for n in range(90)])
    exact = browser.get(f"projects/{busy.id}/releases")
    assert ("may be higher" in exact.text, "more releases than" in exact.text) == (False, False)
    monkeypatch.setattr("moto.dynamodb.models.table.RESULT_SIZE_LIMIT", 6_000)
    shown = browser.get(f"projects/{busy.id}/releases")
    assert "more releases than one page looks through" in shown.text
    assert "a number with a + may be higher" in shown.text
    seen = followed(browser, f"projects/{busy.id}/releases", RELEASE)
    assert sorted(seen) == [f"{n:03d}" for n in range(90)]


@pytest.mark.parametrize("name", ["the shop of many", "&" * 190, "\U0001f4a5" * 180])
def test_projects_are_paged_within_the_bounds(
    browser: Browser, project: Project, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for n in range(60):
        organization = organizations.create(f"{n}{name}"[:200]).id
        members.add(organization, OWNER, "admin")
        projects.create(f"{n}{name}"[:200], organization=organization)
        projects.create(f"{n}{name}"[:200])
        projects.create("of others", organization=organizations.create("others").id)
    mine = [each.id for each in projects.list_projects() if each.name != "of others"]
    link = r'projects/(\d+)/issues"'
    assert sorted(followed(browser, "projects", link), key=int) == mine
    assert "of others" not in browser.get("projects").text
    assert browser.get("projects?after=x").text == browser.get("projects").text
    monkeypatch.setattr("moto.dynamodb.models.table.RESULT_SIZE_LIMIT", 6_000)
    assert sorted(followed(browser, "projects", link), key=int) == mine


TEXTS = (
    *("message", "exception_class", "file", "url", "release", "environment", "server_name"),
    *("stack_trace", "minified_stack"),
)
OTHERS = ("fingerprint", "context", "user", "breadcrumbs")


def carrying(value: str, names: tuple[str, ...]) -> dict[str, Any]:
    """An event with this in every field, or in these alone."""
    carried: dict[str, Any] = {
        **dict.fromkeys(TEXTS, value),
        "fingerprint": value[:300],
        "stack_trace": f"Error: {value}\n" + f"    at {value[:3_000]} (/app/x.js:1:2)\n" * 90,
        "context": {value[:300]: value, "request": {value[:300]: value}},
        "user": {"id": value[:300], "email": value[:900]},
        "breadcrumbs": [{"message": value[:900], "data": {value[:300]: value[:300]}}] * 50,
    }
    return {"message": "boom", **{name: carried[name] for name in names or carried}}


@pytest.mark.parametrize(
    ("value", "names"),
    [
        (HOSTILE, ()),
        *(("&" * 3_000, ()), ("\U0001f4a5" * 300, ()), ("\n" * 9_000, ())),
        # As much as a body holds, in one field: a context has it twice, and JSON writes an astral
        # character in twelve bytes.
        *(
            ("&" * 500_000 if name == "context" else "&" * 700_000, (name,))
            for name in TEXTS + OTHERS
        ),
        ("\U0001f4a5" * 80_000, ("message",)),
    ],
    ids=["hostile", "escaped", "wide", "lines", *TEXTS, *OTHERS, "wide message"],
)
def test_whatever_an_event_carries_is_shown_as_text(
    browser: Browser, busy: Project, value: str, names: tuple[str, ...]
) -> None:
    accepted = ingest(busy, carrying(value, names))
    assert accepted.status == 202, accepted.text
    assert stream.deliver(stream.records()) == []
    event = accepted.json["id"]
    (issue,) = issues.list_issues(busy.id)
    below = f"projects/{busy.id}"
    for path in (f"{below}/issues", f"{below}/issues/{issue.id}", f"{below}/events/{event}"):
        for query in ("", "?raw=1"):
            shown = browser.get(path + query)
            assert shown.status == 200
            assert shown.size <= MAX_BYTES
            only_our_markup(shown.html)


def only_our_markup(html: str) -> None:
    """Whether a page holds no element, handler or link but those of the templates."""
    assert re.findall(r"<script(?![^>]* src=\"[./]*static/)", html) == []
    assert re.findall(r"<(?:img|iframe|object|embed|base)\b", html) == []
    assert re.findall(r"<svg(?! class=\"(?:spark|chart)\")", html) == []
    assert re.findall(r"<[a-z]+(?:\s+[a-z-]+=\"[^\"]*\")*\s+on\w+=", html) == []
    assert all(not each.startswith("javascript") for each in re.findall(r'href="([^"]*)"', html))
    assert re.findall(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b]", html) == []


@pytest.mark.usefixtures("project")
def test_a_member_sees_the_projects_of_their_teams_alone() -> None:
    ours, theirs = new_project(), new_project()
    members.add("default", OWNER, "owner")
    team = members.create_team("default", "web")
    members.set_project_teams(ours.id, [team.id])
    members.add("default", "bob@example.com", "member", [team.id])
    bob = signed_in("bob@example.com")
    (event,) = send(theirs, {"message": "secret", "fingerprint": "f"})
    assert f"projects/{theirs.id}/" not in bob.get("projects").html
    assert bob.get(f"projects/{ours.id}/issues").status == 200
    for path in ("issues", f"issues/{issue_id(theirs.id, 'f')}", f"events/{event}", "stats"):
        shown = bob.get(f"projects/{theirs.id}/{path}")
        assert shown.status == 404
        assert "secret" not in shown.html
    stranger = signed_in("eve@example.com")
    assert stranger.get(f"projects/{ours.id}/issues").status == 404


def test_an_empty_project_shows_how_to_send_the_first_error(
    browser: Browser, project: Project
) -> None:
    with recorded() as calls:
        shown = browser.get(f"projects/{project[0]}/issues")
    assert len(calls) <= MAX_CALLS
    assert shown.size <= MAX_BYTES
    assert "No errors yet" in shown.text
    assert "https://errors.example.com/v1" in shown.text
    assert f"SENTRY_DSN='https://{project.public}@errors.example.com/v1/{project.id}'" in shown.text
    live = browser.get(f"projects/{project[0]}/issues", {"HX-Request": "true"}).html
    assert live.strip().startswith('<div id="issues"')
    assert "<html" not in live


def test_an_empty_project_s_page_costs_no_more_and_needs_no_dsn(
    browser: Browser, project: Project
) -> None:
    for query in ("", "?sort=count", "?status="):
        with recorded() as calls:
            shown = browser.get(f"projects/{project.id}/issues{query}")
        assert "No errors yet" in shown.text
        assert len(calls) <= MAX_CALLS
        assert shown.size <= MAX_BYTES
    _, record = projects.list_keys(project.id)
    projects.revoke_key(project.id, record.id)
    shown = browser.get(f"projects/{project.id}/issues")
    assert project.public not in shown.html
    assert "export SENTRY_DSN='your DSN'" in shown.text


def test_behind_a_domain_of_one_s_own_there_is_no_stage(browser: Browser, busy: Project) -> None:
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


def test_what_is_no_page_of_ours_is_not_found(browser: Browser) -> None:
    for path in ("x", "projects/99", "projects/99/issues", "projects/1x/issues", "static/0/x.css"):
        assert browser.get(path).status == 404, path
    assert browser.post("projects", csrf="").status == 405
