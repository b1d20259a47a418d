"""Sessions within their week: Cognito renews them every hour, and what ends them earlier."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from errata.config import settings
from errata.errors import InvalidInputError
from errata.store import clients, sign_in
from errata.store import members as members_store
from errata.store import sessions as store
from errata.store.sign_in import Tokens
from errata.usecases import members, projects, sessions
from functions.dashboard import tokens
from functions.dashboard.routing import SESSION_COOKIE
from tests.support.account import Clock
from tests.support.browser import Browser, signed_in
from tests.support.calls import Call, recorded, watched
from tests.support.cli import refusing
from tests.support.pool import Pool, pool, token

EMAIL = "ada@example.com"
MAX_CALLS = 5


@pytest.fixture
def cognito(aws: None, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    """Serve the pool's keys where tokens.py fetches them, and create an owner with a project."""
    tokens._keys.cache_clear()
    with pool() as running:
        monkeypatch.setattr(clients.cognito_idp().meta, "_endpoint_url", running.url)
        members.add("default", EMAIL, "owner")
        assert projects.create("shop")
        yield running
    tokens._keys.cache_clear()


@contextmanager
def refreshing(
    clock: Clock, meanwhile: Callable[[], None] = lambda: None, **changed: Any
) -> Iterator[list[dict[str, Any]]]:
    """Make Cognito return new tokens with these claims for refresh tokens."""
    asked = []

    def watch(call: Call) -> Any:
        if call.parameters.get("AuthFlow") != "REFRESH_TOKEN_AUTH":
            return call.send()
        asked.append(call.parameters)
        meanwhile()
        made = token(**{"exp": clock.ms // 1000 + 3600, **changed})
        return {"AuthenticationResult": {"IdToken": made}}

    with watched(watch):
        yield asked


def secret(browser: Browser) -> str:
    return browser.cookies[SESSION_COOKIE].partition(".")[2]


@pytest.mark.usefixtures("cognito")
def test_a_page_is_shown_after_the_renewal_of_its_session(clock: Clock) -> None:
    browser = signed_in(EMAIL)
    clock.advance(3600)
    with refreshing(clock) as asked, recorded() as calls:
        shown = browser.get("projects/1/issues?status=all&text=a+b")
    assert shown.url.endswith("/projects/1/issues?status=all&text=a+b")
    assert [each["AuthParameters"] for each in asked] == [{"REFRESH_TOKEN": "refresh"}]
    # Three requests: the page, the renewal, the page.
    assert len(calls) <= 1 + 3 + MAX_CALLS
    clock.advance(3599)
    with refreshing(clock) as asked:
        assert browser.get("projects/1/issues").status == 200
    assert asked == []


@pytest.mark.usefixtures("cognito")
def test_a_form_is_processed_after_the_renewal(clock: Clock) -> None:
    browser = signed_in(EMAIL)
    browser.get("projects/1/settings")
    clock.advance(3600)
    with refreshing(clock):
        browser.post("projects/1/settings", save="1", name="store", retention_days="")
    assert projects.find("1").name == "store"


@pytest.mark.usefixtures("cognito")
def test_a_provider_s_session_is_renewed_with_the_provider_s_client(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients.ssm().put_parameter(
        Name="/errata/errata/sign-in/client", Value="of providers", Type="String"
    )
    monkeypatch.setenv("SIGN_IN_DOMAIN", "https://sign-in.example.com")
    monkeypatch.setenv("SIGN_IN_CLIENT", "/errata/errata/sign-in/client")
    monkeypatch.setenv("IDENTITY_PROVIDERS", "Okta")
    settings.cache_clear()
    sign_in.provider_client.cache_clear()
    first_claims = sessions.Claims(EMAIL, clock.ms + 3_600_000, "of providers")
    _, held = sessions.start(Tokens("id", "theirs"), lambda _: first_claims, clock.ms)
    browser = Browser({SESSION_COOKIE: held})
    clock.advance(3600)
    claims: Any = {"email_verified": False, "identities": [{"providerName": "Okta"}]}
    with refreshing(clock, aud="of providers", **claims) as asked:
        assert browser.get("projects/1/settings").status == 200
    assert [(each["ClientId"], each["AuthParameters"]) for each in asked] == [
        ("of providers", {"REFRESH_TOKEN": "theirs"})
    ]
    sign_in.provider_client.cache_clear()


@pytest.mark.usefixtures("cognito")
@pytest.mark.parametrize("error_response", ["NotAuthorizedException", "UserNotFoundException"])
def test_a_disabled_or_deleted_account_is_signed_out(clock: Clock, error_response: str) -> None:
    browser = signed_in(EMAIL)
    held = browser.cookies[SESSION_COOKIE]
    clock.advance(3600)
    with refusing("AdminInitiateAuth", error_response):
        assert "/sign-in" in browser.get("projects").url
    with refreshing(clock):
        assert "/sign-in" in Browser({SESSION_COOKIE: held}).get("projects").url


@pytest.mark.usefixtures("cognito")
def test_tokens_of_another_account_end_the_session(clock: Clock) -> None:
    browser = signed_in(EMAIL)
    clock.advance(3600)
    with refreshing(clock, email="eve@example.com"):
        assert "/sign-in" in browser.get("projects").url


@pytest.mark.usefixtures("cognito")
def test_a_throttled_renewal_does_not_end_the_session(clock: Clock) -> None:
    browser = signed_in(EMAIL)
    clock.advance(3600)
    with refusing("AdminInitiateAuth", "TooManyRequestsException"):
        assert browser.get("projects/1/issues").status == 429
    with refreshing(clock):
        assert browser.get("projects/1/issues").status == 200


def test_a_failed_fetch_of_keys_does_not_end_the_session(
    cognito: Pool, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = signed_in(EMAIL)
    clock.advance(3600)
    with monkeypatch.context() as nowhere, refreshing(clock):
        nowhere.setattr(clients.cognito_idp().meta, "_endpoint_url", "http://127.0.0.1:1")
        assert browser.get("projects/1/issues").status == 503
    assert SESSION_COOKIE in browser.cookies
    with refreshing(clock):
        assert browser.get("projects/1/issues").status == 200


@pytest.mark.usefixtures("cognito")
def test_a_sign_out_during_the_renewal_ends_the_session(clock: Clock) -> None:
    browser = signed_in(EMAIL)
    held = browser.cookies[SESSION_COOKIE]
    clock.advance(3600)
    with refreshing(clock, meanwhile=lambda: store.remove(secret(browser))):
        assert "/sign-in" in browser.get("projects").url
    assert "/sign-in" in Browser({SESSION_COOKIE: held}).get("projects").url


@pytest.mark.usefixtures("cognito")
def test_a_reset_password_ends_every_session_of_the_account(clock: Clock) -> None:
    stolen, another = signed_in(EMAIL), signed_in("bob@example.com")
    clock.advance(1)
    browser = Browser()
    browser.get("forgot-password")
    browser.post("forgot-password", email=EMAIL)
    with refusing("ConfirmForgotPassword", "CodeMismatchException"):
        browser.post("reset-password", email=EMAIL, code="0", password="x" * 12)
    assert stolen.get("projects/1/issues").status == 200
    browser.get("forgot-password")
    browser.post("forgot-password", email=EMAIL)
    browser.post("reset-password", email=EMAIL.upper(), code="1", password="x" * 12)
    assert "/sign-in" in stolen.get("projects/1/issues").url
    assert "/sign-in" not in another.get("projects").url
    clock.advance(1)
    fresh = signed_in(EMAIL)
    assert fresh.get("projects/1/issues").status == 200
    # The membership is unchanged, and can be changed.
    members.change("default", EMAIL, teams=[])
    with pytest.raises(InvalidInputError):
        members.remove("default", EMAIL)


@pytest.mark.usefixtures("cognito")
def test_sessions_can_be_ended_before_somebody_is_a_member(clock: Clock) -> None:
    members_store.sign_out("new@example.com", clock.ms)
    members.add("default", "new@example.com", "admin")
    clock.advance(1)
    assert signed_in("new@example.com").get("projects/1/issues").status == 200


@pytest.mark.usefixtures("cognito")
def test_a_page_that_does_not_exist_renews_the_session_for_its_navigation(clock: Clock) -> None:
    browser = signed_in(EMAIL)
    clock.advance(3601)
    with refreshing(clock) as asked:
        shown = browser.get("nothing")
    assert (shown.status, "Sign out" in shown.text, len(asked)) == (404, True, 1)
    clock.advance(3601)
    with refusing("AdminInitiateAuth", "TooManyRequestsException"):
        shown = browser.get("nothing")
    assert (shown.status, "Sign out" in shown.text) == (404, False)
