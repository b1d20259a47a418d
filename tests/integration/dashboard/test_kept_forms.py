"""Forms that arrive after the session has ended: nothing is lost, and nothing is changed."""

import html
import re
from typing import Any

import pytest

from errata.config import settings
from errata.models.ids import issue_id
from errata.store import sessions as store
from errata.store.projects import find_project
from errata.usecases import issues, members, sessions
from functions.dashboard import tokens
from functions.dashboard.routing import SESSION_COOKIE
from tests.support.account import Project
from tests.support.browser import Browser, Shown, signed_in
from tests.support.pages import MAX_BYTES, OWNER, send
from tests.support.visible import visible_in

PASSWORD = "correct horse battery"
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
HIDDEN = re.compile(r'<input type="hidden" name="(kept\.[^"]*)" value="([^"]*)">')


@pytest.fixture
def ended(aws: None, project: Project, monkeypatch: pytest.MonkeyPatch) -> Browser:
    """Return the browser of an owner, on the page of settings, whose session has just ended."""
    members.add("default", OWNER, "owner", password=PASSWORD)
    claims = sessions.Claims(OWNER, 2**45, settings().user_pool_client_id)
    monkeypatch.setattr(tokens, "verify", lambda _: claims)
    browser = signed_in(OWNER)
    browser.headers = SAME_ORIGIN
    browser.get(f"projects/{project.id}/settings")
    end_session(browser)
    return browser


def end_session(browser: Browser) -> None:
    """End the session, as a new password does."""
    store.remove(browser.cookies[SESSION_COOKIE].partition(".")[2])


def kept(shown: Shown) -> dict[str, str]:
    """Return the kept fields of the page."""
    return {html.unescape(name): html.unescape(value) for name, value in HIDDEN.findall(shown.html)}


def sign_in(browser: Browser, password: str = PASSWORD, **changed: Any) -> Shown:
    """Send the form of the sign-in, with its kept fields."""
    shown = browser.page
    assert shown
    fields = {"next": shown.value("next"), **kept(shown), **changed}
    return browser.post("sign-in", email=OWNER, password=password, **fields)


def test_the_form_shows_what_was_typed_after_the_sign_in(ended: Browser, project: Project) -> None:
    path = f"projects/{project.id}/settings"
    shown = ended.post(path, save="1", name="<Shop> & café")
    assert shown.status == 401
    assert "Nothing was changed. After you have signed in" in shown.text
    assert sign_in(ended, "wrong").status == 401
    shown = sign_in(ended)
    assert (shown.status, shown.url.endswith(f"/dashboard/{path}")) == (200, True)
    assert "You were signed out before this arrived." in shown.text
    assert shown.value("name") == "<Shop> & café"
    stored = find_project(project.id)
    assert stored
    assert stored.name == "shop"
    assert PASSWORD not in shown.html
    assert "Saved." in ended.post(path, save="1", name=shown.value("name")).text


@pytest.mark.parametrize(
    ("headers", "csrf", "keeps"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, None, False),
        ({"Sec-Fetch-Site": "same-site"}, None, False),
        ({"Sec-Fetch-Site": "none"}, None, False),
        # Old browsers do not say. The form's token must be that of the cookie.
        ({}, "x", False),
        ({}, None, True),
    ],
)
def test_only_forms_of_our_own_pages_are_kept(
    ended: Browser, project: Project, headers: dict[str, str], csrf: str | None, keeps: bool
) -> None:
    ended.headers = headers
    sent = {"save": "1", "name": "planted"} | ({"csrf": csrf} if csrf else {})
    shown = ended.post(f"projects/{project.id}/settings", **sent)
    assert ("planted" in shown.html) == keeps
    assert shown.value("next") == f"projects/{project.id}/settings"
    assert SESSION_COOKIE not in ended.cookies


def test_an_old_browser_without_the_cookie_keeps_the_path_and_no_fields(
    ended: Browser, project: Project
) -> None:
    ended.headers, ended.cookies = {}, {}
    path = f"projects/{project.id}/settings"
    shown = ended.post(path, save="1", name="typed")
    assert ("typed" in shown.html, kept(shown)) == (False, {})
    shown = sign_in(ended)
    assert (shown.status, shown.url.partition("/dashboard/")[2]) == (200, path)
    assert shown.value("name") == "shop"


def test_kept_fields_only_fill_in_a_form(ended: Browser, busy: Project) -> None:
    send(busy, {"message": "boom", "fingerprint": "f"})
    path = f"projects/{busy.id}/issues/{issue_id(busy.id, 'f')}"
    shown = ended.post(path, action="delete")
    assert (kept(shown), shown.value("next")) == ({}, path)
    planted = {"next": path, "kept.action": "delete"}
    assert sign_in(ended, **planted).url.endswith(path)
    assert sign_in_again(ended, f"projects/{busy.id}/settings", **{"kept.clear": "1"}).status == 200
    assert len(list(issues.list_issues(visible_in(busy.id)))) == 1


def sign_in_again(browser: Browser, path: str, **fields: str) -> Shown:
    browser.get("sign-in")
    return sign_in(browser, next=path, **fields)


def test_kept_fields_need_the_token_of_the_sign_in(ended: Browser, project: Project) -> None:
    browser = signed_in(OWNER)
    path = f"projects/{project.id}/settings"
    browser.get(path)
    sent = {"kept.save": "1", "kept.name": "planted"}
    assert browser.post(path, **sent).status == 403
    assert browser.post(path, csrf="x", **sent).status == 403
    browser.get("sign-in")
    browser.headers = {"Sec-Fetch-Site": "cross-site"}
    assert browser.post(path, **sent).status == 403


@pytest.mark.parametrize("away", ["//evil.example", "https://evil.example", "/x", "javascript:x"])
def test_the_sign_in_does_not_redirect_to_another_site(
    ended: Browser, project: Project, away: str
) -> None:
    ended.post(f"projects/{project.id}/settings", save="1", name="typed")
    shown = sign_in(ended, next=away)
    assert shown.url == "https://errors.example.com/v1/dashboard/projects"


def test_a_form_that_is_too_long_is_not_kept(ended: Browser, project: Project) -> None:
    shown = ended.post(f"projects/{project.id}/rules", save="1", rules="x" * 47_000)
    assert (len(kept(shown)), shown.size < MAX_BYTES) == (2, True)
    shown = sign_in(ended)
    assert f">{'x' * 47_000}</textarea>" in shown.html
    end_session(ended)
    for text in ("x" * 48_000, "é" * 9_000, "<" * 20_000):
        shown = ended.post(f"projects/{project.id}/rules", save="1", rules=text)
        assert (kept(shown), "is too long to keep" in shown.text) == ({}, True)
        assert sign_in(ended).url.endswith(f"/dashboard/projects/{project.id}/rules")
        end_session(ended)
