"""The page of an issue: its course, who did what with it, and its events."""

import re

import pytest

from errata.models.ids import issue_id
from errata.usecases import issues, projects
from tests.integration.test_slugs import without_slug
from tests.support.account import Clock, Project
from tests.support.browser import Browser, Shown
from tests.support.calls import recorded
from tests.support.cli import refusing
from tests.support.pages import MAX_BYTES, MAX_CALLS, OWNER, send
from tests.support.visible import visible_in


def test_an_issue_is_settled_and_the_page_says_who_did_it(
    browser: Browser, busy: Project, clock: Clock
) -> None:
    send(busy, {"message": "boom", "fingerprint": "f", "release": "1", "server_name": "web-1"})
    path = f"projects/{busy.id}/issues/{issue_id(busy.id, 'f')}"
    shown = browser.get(path)
    assert "release 1 100 % 1 100 %" in shown.text
    assert "server web-1 100 %" in shown.text
    assert f"{OWNER} resolved it" in browser.post(path, action="resolve").text
    clock.advance(60)
    send(busy, {"message": "boom", "fingerprint": "f", "release": "2"})
    assert "regressed in 2 by an event" in browser.get(path).text
    assert f"{OWNER} ignored it" in browser.post(path, action="ignore").text
    assert f"{OWNER} reopened it" in browser.post(path, action="reopen").text
    browser.post(path, action="delete")
    assert browser.page.url.endswith("/issues")  # type: ignore[union-attr]
    assert browser.get(path).status == 404


def test_the_page_shows_the_short_id_and_is_found_by_it(browser: Browser, busy: Project) -> None:
    send(busy, {"message": "boom", "fingerprint": "f"})
    issues_path = f"projects/{busy.id}/issues"
    path = f"{issues_path}/{issue_id(busy.id, 'f')}"
    slug = projects.find(busy.id).slug
    name = f"{slug.upper()}-1"
    assert f"{name} open error" in browser.get(path).text
    for each in (name, name.lower(), "1"):
        with recorded() as calls:
            shown = browser.get(f"{issues_path}/{each}")
        assert shown.url.endswith(path)
        assert len(calls) <= 3 + MAX_CALLS
    projects.change_slug(busy.id, "store")
    assert browser.get(f"{issues_path}/{name}").url.endswith(path)
    assert browser.page
    assert "STORE-1 open error" in browser.page.text
    assert browser.get(f"{issues_path}?text=%20{name.lower()}").url.endswith(path)
    for text in ("1", "BLOG-1", "STORE"):
        assert "No issues match" in browser.get(f"{issues_path}?text={text}").text
    wrong = browser.get(f"{issues_path}/BLOG-1")
    assert wrong.status == 404
    assert "Did you mean STORE-1?" in wrong.text
    assert browser.get(f"{issues_path}/STORE-2").status == 404
    assert browser.get(f"{issues_path}/STORE-2-").status == 404


def test_a_project_of_the_release_before_gets_its_slug_when_somebody_looks(
    browser: Browser, busy: Project
) -> None:
    send(busy, {"message": "boom", "fingerprint": "f"})
    without_slug(busy.id)
    with refusing("TransactWriteItems", "ProvisionedThroughputExceededException"):
        assert "boom error" in browser.get(f"projects/{busy.id}/issues").text
    assert "boom SHOP-2-1 error" in browser.get(f"projects/{busy.id}/issues").text
    assert projects.find(busy.id).slug == "shop-2"


def test_what_was_done_with_an_issue_is_told_in_part_where_it_is_much(
    browser: Browser, busy: Project, clock: Clock
) -> None:
    send(busy, {"message": "boom", "fingerprint": "f"})
    issue = issue_id(busy.id, "f")
    for n in range(30):
        clock.advance(1)
        act = issues.ignore if n % 2 else issues.resolve
        act(visible_in(busy.id), issue, f"{n}@example.com")
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
        act(visible_in(busy.id), issue, f"{n}{text * 300}")
    assert browser.get(f"projects/{busy.id}/issues/{issue}").size <= MAX_BYTES


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
    path = f"projects/{busy.id}/issues/{issue_id(busy.id, 'f')}/events"

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
    assert 'href="events">Newest' in last.html
    for odd in (f"?after={ids[0]}", "?after=x", "?before=00000000-0000-7000-8000-000000000000"):
        assert browser.get(path + odd).status == 200
