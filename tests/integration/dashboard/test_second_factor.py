"""The second factor: set it up, sign in with it, turn it off."""

import re

import pytest
import segno

from errata.config import settings
from errata.store import sign_in
from errata.usecases import members, sessions
from functions.dashboard import tokens
from functions.dashboard.routing import SESSION_COOKIE
from tests.support.account import Clock
from tests.support.browser import Browser, Shown, signed_in
from tests.support.cli import refusing
from tests.support.pages import OWNER, only_our_markup

PASSWORD = "correct horse battery"
PAGE = "account/second-factor"


@pytest.fixture
def owner(aws: None, monkeypatch: pytest.MonkeyPatch) -> Browser:
    """Return the browser of an owner with a password, on the page of the second factor."""
    members.add("default", OWNER, "owner", password=PASSWORD)
    claims = sessions.Claims(OWNER, 2**45, settings().user_pool_client_id)
    monkeypatch.setattr(tokens, "verify", lambda _: claims)
    browser = signed_in(OWNER)
    browser.get(PAGE)
    return browser


@pytest.fixture
def secured(owner: Browser, clock: Clock) -> Browser:
    """Return the browser of an owner with a second factor."""
    owner.post(PAGE, begin="1", password=PASSWORD)
    shown = owner.post(PAGE, confirm="1", password=PASSWORD, code="123 456")
    assert "Your second factor is on." in shown.text
    clock.advance(60)  # for the limit of attempts
    return owner


def begin_sign_in(**kept: str) -> Browser:
    browser = Browser()
    browser.get("sign-in?next=orgs/default")
    shown = browser.post("sign-in", email=OWNER, password=PASSWORD, next="orgs/default", **kept)
    assert "Enter the code that your authenticator app shows." in shown.text
    assert SESSION_COOKIE not in browser.cookies
    return browser


def send_code(browser: Browser, code: str, **changed: str) -> Shown:
    shown = browser.page
    assert shown
    held = {name: shown.value(name) for name in ("next", "username", "session")}
    return browser.post("sign-in-code", code=code, **{**held, **changed})


def drawn(page: str) -> set[tuple[int, int]]:
    """Return the dark squares of the QR code on a page, by column and line."""
    found = re.search(r'<svg class="qr" [^>]*><path d="([^"]*)"/>', page)
    assert found
    return {
        (int(x) + n, int(y))
        for x, y, length in re.findall(r"M(\d+) (\d+)\.5h(\d+)", found[1])
        for n in range(int(length))
    }


def dark_modules(text: str) -> set[tuple[int, int]]:
    rows = enumerate(segno.make(text, error="m", micro=False).matrix_iter(border=4))
    return {(x, y) for y, row in rows for x, dark in enumerate(row) if dark}


def test_the_second_factor_is_set_up_with_a_secret_that_is_shown_once(owner: Browser) -> None:
    shown = owner.post(PAGE, begin="1", password=PASSWORD)
    secret = re.search(r'<code class="key">([A-Za-z2-7]+)</code>', shown.html)
    assert secret
    link = f"otpauth://totp/Errata%3Aada%40example.com?secret={secret[1]}&amp;issuer=Errata"
    assert f'href="{link}"' in shown.html
    assert drawn(shown.html) == dark_modules(link.replace("&amp;", "&"))
    only_our_markup(shown.html)
    assert not sign_in.has_second_factor(OWNER)
    owner.post(PAGE, confirm="1", password=PASSWORD, code="123456")
    assert sign_in.has_second_factor(OWNER)
    assert secret[1] not in owner.get(PAGE).html


@pytest.mark.usefixtures("secured")
def test_a_sign_in_asks_for_a_code() -> None:
    browser = begin_sign_in()
    assert send_code(browser, "12345").status == 422
    with refusing("AdminRespondToAuthChallenge", "CodeMismatchException"):
        shown = send_code(browser, "000000")
    assert (shown.status, "The code is wrong, or was used before." in shown.text) == (422, True)
    shown = send_code(browser, "123 456")
    assert shown.url.endswith("/dashboard/orgs/default")
    assert SESSION_COOKIE in browser.cookies


@pytest.mark.usefixtures("secured")
def test_a_code_that_comes_too_late_shows_that_it_took_too_long(clock: Clock) -> None:
    browser = begin_sign_in()
    assert "That took too long." in send_code(browser, "123456", session="x").text
    clock.advance(60)
    browser = begin_sign_in()
    with refusing("AdminRespondToAuthChallenge", "NotAuthorizedException"):
        assert "That took too long." in send_code(browser, "123456").text


@pytest.mark.usefixtures("secured")
def test_codes_are_limited_as_passwords_are() -> None:
    browser = begin_sign_in()
    with refusing("AdminRespondToAuthChallenge", "CodeMismatchException"):
        statuses = [send_code(browser, "000000").status for _ in range(6)]
    assert statuses[-1] == 429
    assert set(statuses[:3]) == {422}


@pytest.mark.usefixtures("secured")
def test_kept_fields_survive_the_request_for_a_code() -> None:
    browser = begin_sign_in(**{"kept.save": "1"})
    assert browser.page
    assert browser.page.value("kept.save") == "1"


def test_a_wrong_code_or_password_changes_nothing(owner: Browser) -> None:
    shown = owner.post(PAGE, begin="1", password="wrong")
    assert (shown.status, "The password is wrong." in shown.text) == (422, True)
    owner.post(PAGE, begin="1", password=PASSWORD)
    assert owner.post(PAGE, confirm="1", password=PASSWORD, code="x").status == 422
    with refusing("VerifySoftwareToken", "EnableSoftwareTokenMFAException"):
        shown = owner.post(PAGE, confirm="1", password=PASSWORD, code="000000")
    assert (shown.status, "The code is wrong" in shown.text) == (422, True)
    assert not sign_in.has_second_factor(OWNER)


def test_the_second_factor_is_turned_off_with_password_and_code(secured: Browser) -> None:
    shown = secured.post(PAGE, end="1", password=PASSWORD, code="")
    assert (shown.status, sign_in.has_second_factor(OWNER)) == (422, True)
    assert secured.post(PAGE, end="1", password="wrong", code="123456").status == 422
    shown = secured.post(PAGE, end="1", password=PASSWORD, code="123456")
    assert "Your second factor is off." in shown.text
    assert not sign_in.has_second_factor(OWNER)


def test_a_new_password_needs_the_code_too(secured: Browser) -> None:
    secured.get("account/password")
    fields = {"password": PASSWORD, "new_password": "staple battery horse"}
    shown = secured.post("account/password", **fields)
    assert (shown.status, "has six digits" in shown.text) == (422, True)
    shown = secured.post("account/password", code="123456", **fields)
    assert "Your password was changed." in shown.text


def test_a_member_with_an_identity_provider_sets_up_the_second_factor_there(
    owner: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USER_POOL_CLIENT_ID", "another client")
    settings.cache_clear()
    assert "Set up a second factor there." in owner.get(PAGE).text
    assert owner.post(PAGE, begin="1", password=PASSWORD).status == 400
