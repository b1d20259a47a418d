"""A member changes the password, with the old one."""

import pytest

from errata.config import settings
from errata.errors import UnauthorizedError
from errata.store import sign_in
from errata.usecases import members, sessions
from functions.dashboard import tokens
from tests.support.account import Clock
from tests.support.browser import Browser, signed_in
from tests.support.calls import recorded
from tests.support.cli import refusing
from tests.support.pages import OWNER

OLD, NEW = "correct horse battery", "staple battery horse"


@pytest.fixture
def owner(aws: None, monkeypatch: pytest.MonkeyPatch) -> Browser:
    """Return the browser of an owner with a password, on the page where it is changed."""
    members.add("default", OWNER, "owner", password=OLD)
    claims = sessions.Claims(OWNER, 2**45, settings().user_pool_client_id)
    monkeypatch.setattr(tokens, "verify", lambda _: claims)
    browser = signed_in(OWNER)
    browser.get("account/password")
    return browser


def opens(password: str) -> bool:
    try:
        return isinstance(sign_in.with_password(OWNER, password), sign_in.Tokens)
    except UnauthorizedError:
        return False


def test_the_password_is_changed_and_other_sessions_end(owner: Browser, clock: Clock) -> None:
    other = signed_in(OWNER)
    clock.advance(1)
    shown = owner.post("account/password", password=OLD, new_password=NEW)
    assert "Your password was changed. All your other sessions have ended." in shown.text
    assert (opens(OLD), opens(NEW)) == (False, True)
    assert owner.get("projects").status == 200
    assert owner.page
    assert "/sign-in" not in owner.page.url
    assert "/sign-in" in other.get("projects").url


@pytest.mark.parametrize(
    ("password", "new", "status", "message"),
    [
        ("wrong", NEW, 422, "The password is wrong. Nothing was changed."),
        (OLD, "short", 422, "at least 12 characters"),
        ("", NEW, 422, "Enter your password and a new one."),
        (OLD, "", 422, "Enter your password and a new one."),
    ],
)
def test_a_wrong_password_or_an_invalid_new_one_is_refused(
    owner: Browser, password: str, new: str, status: int, message: str
) -> None:
    shown = owner.post("account/password", password=password, new_password=new)
    assert (shown.status, message in shown.text) == (status, True)
    assert opens(OLD)
    assert owner.get("projects").url.endswith("/projects")


def test_password_attempts_are_limited_as_at_the_sign_in(owner: Browser) -> None:
    for _ in range(5):
        assert owner.post("account/password", password="x", new_password=NEW).status == 422
    with recorded() as calls:
        shown = owner.post("account/password", password=OLD, new_password=NEW)
    assert (shown.status, "Too many attempts." in shown.text) == (429, True)
    assert not any(call.operation.startswith("Admin") for call in calls)


def test_a_password_is_never_shown_again(owner: Browser) -> None:
    with refusing("ChangePassword", "TooManyRequestsException"):
        shown = owner.post("account/password", password=OLD, new_password=NEW)
    assert shown.status == 429
    owner.cookies = {}
    kept = owner.post("account/password", password=OLD, new_password=NEW)
    assert kept.value("next") == "account/password"
    for html in (shown.html, kept.html):
        assert OLD not in html
        assert NEW not in html


def test_a_member_with_an_identity_provider_changes_the_password_there(
    owner: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USER_POOL_CLIENT_ID", "another client")
    settings.cache_clear()
    shown = owner.get("account/password")
    assert "Change your password there." in shown.text
    owner.get("account")
    assert owner.post("account/password", password=OLD, new_password=NEW).status == 400
