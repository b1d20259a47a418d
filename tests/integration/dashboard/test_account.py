"""The account page: the preferences of members, and where they apply."""

import re

import pytest

from errata.usecases import members
from tests.support.account import Clock, Project
from tests.support.browser import Browser, signed_in
from tests.support.calls import recorded
from tests.support.pages import HOSTILE, MAX_BYTES, OWNER, only_our_markup, send

ZURICH = {"save": "1", "name": "Ada", "zone": "Europe/Zurich", "theme": "dark"}


def test_preferences_apply_to_every_page_and_browser(
    browser: Browser, busy: Project, clock: Clock
) -> None:
    clock.ns = 1_795_989_909_250_000_000  # 2026-11-29T22:05:09.250Z
    browser = signed_in(OWNER)
    (event,) = send(busy, {"message": "boom", "breadcrumbs": [{"timestamp": clock.ms / 1000}]})
    assert "Saved." in (browser.get("account") and browser.post("account", **ZURICH)).text
    other = signed_in(OWNER)
    issue = re.search(r"issues/[0-9a-f]{32}", other.get(f"projects/{busy.id}/issues").html)
    assert issue
    for path in (
        "projects",
        f"projects/{busy.id}/{issue[0]}",
        f"projects/{busy.id}/events/{event}",
    ):
        shown = other.get(path).html
        assert '<html lang="en" data-theme="dark" data-zone="Europe/Zurich">' in shown
        assert 'name="color-scheme" content="dark"' in shown
        assert 'title="2026-11-29 23:05:09 CET"' in shown
        assert '<span class="who">Ada</span>' in shown
    assert "23:05:09.250" in shown  # of the breadcrumb
    nothing = {"save": "1", "name": "", "zone": "", "theme": ""}
    other.get("account")
    other.post("account", **nothing)
    shown = other.get("projects").html
    assert ('<html lang="en">' in shown, "22:05:09 UTC" in shown) == (True, True)
    assert f'<span class="who">{OWNER}</span>' in shown


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("name", "x" * 61, "up to 60 characters"),
        ("name", "a\nb", "in one line"),
        ("zone", "Europe/Atlantis", "This time zone does not exist."),
        ("zone", "../../etc/passwd", "This time zone does not exist."),
        ("theme", "pink", "The theme must be light, dark"),
    ],
)
def test_invalid_preferences_are_refused(
    browser: Browser, name: str, value: str, message: str
) -> None:
    browser.get("account")
    shown = browser.post("account", **{**ZURICH, name: value})
    assert (shown.status, message in shown.text) == (422, True)
    assert "data-zone" not in browser.get("account").html


def test_a_hostile_name_is_shown_as_text_and_the_page_stays_small(browser: Browser) -> None:
    browser.get("account")
    hostile = HOSTILE[:25]
    browser.post("account", **{**ZURICH, "name": hostile})
    with recorded() as calls:
        shown = browser.get("account")
    only_our_markup(shown.html)
    assert shown.value("name") == hostile
    assert (len(calls), shown.size < MAX_BYTES) == (1, True)


def test_preferences_survive_a_change_of_role(browser: Browser) -> None:
    browser.get("account")
    browser.post("account", **ZURICH)
    members.add("default", "bob@example.com", "owner")
    members.change("default", OWNER, "admin")
    assert "data-zone" in browser.get("projects").html


def test_preferences_work_without_a_membership(browser: Browser) -> None:
    stranger = signed_in("eve@example.com")
    stranger.get("account")
    stranger.post("account", **ZURICH)
    assert "data-theme" in stranger.get("account").html
    members.add("default", "eve@example.com", "member")
    assert "data-theme" in stranger.get("account").html
