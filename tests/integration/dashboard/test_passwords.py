"""Passwords of the team's own: the first one, and one that was forgotten."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from errata.config import settings
from errata.usecases import sessions
from functions.dashboard import tokens
from functions.dashboard.routing import SESSION_COOKIE
from tests.support.browser import Browser
from tests.support.calls import Call, watched
from tests.support.cli import refusing

EMAIL = "ada@example.com"
FIRST, OWN = "Temporary-pass-1", "correct horse battery"


@pytest.fixture
def invited(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Browser]:
    """The browser of somebody who has the first password; the pool vouches for its tokens."""
    account = boto3.client("cognito-idp").admin_create_user(
        UserPoolId=settings().user_pool_id,
        Username=EMAIL,
        TemporaryPassword=FIRST,
        UserAttributes=[
            {"Name": "email", "Value": EMAIL},
            {"Name": "email_verified", "Value": "true"},
        ],
    )
    vouched = sessions.Claims(EMAIL, 2**45, settings().user_pool_client_id)
    monkeypatch.setattr(tokens, "verify", lambda _: vouched)
    with as_cognito_challenges(account["User"]["Username"]):
        yield Browser()


@contextmanager
def as_cognito_challenges(username: str) -> Iterator[None]:
    """Cognito names the user in its challenge, and takes an answer under that name alone.

    moto names nobody and takes an alias, too. Source: AdminRespondToAuthChallenge.
    """

    def watch(call: Call) -> Any:
        if call.operation == "AdminRespondToAuthChallenge":
            if call.parameters["ChallengeResponses"]["USERNAME"] == EMAIL:
                error: Any = {"Code": "NotAuthorizedException", "Message": "Invalid session"}
                raise ClientError({"Error": error}, call.operation)
            return call.send()
        response = call.send()
        if call.operation == "AdminInitiateAuth" and "ChallengeName" in response:
            response["ChallengeParameters"] = {"USER_ID_FOR_SRP": username}
        return response

    with watched(watch):
        yield


def send(browser: Browser, path: str, **fields: str) -> Any:
    """Send the form that is shown, with the fields that it holds itself."""
    shown = browser.page
    assert shown
    held = {
        name: shown.value(name)
        for name in ("next", "email", "username", "session")
        if f'type="hidden" name="{name}"' in shown.html
    }
    return browser.post(path, **{**held, **fields})


def signed_in(browser: Browser) -> bool:
    return SESSION_COOKIE in browser.cookies


def test_a_first_password_is_exchanged_for_one_s_own(invited: Browser) -> None:
    invited.get("sign-in?next=orgs/default")
    shown = send(invited, "sign-in", email=EMAIL, password=FIRST)
    assert "Choose a new one" in shown.text
    assert not signed_in(invited)
    assert send(invited, "new-password", password="short").status == 422
    assert "at least 12 characters" in invited.page.text  # type: ignore[union-attr]
    shown = send(invited, "new-password", password=OWN)
    assert signed_in(invited)
    assert shown.url.endswith("/dashboard/orgs/default")
    other = Browser()
    other.get("sign-in")
    send(other, "sign-in", email=EMAIL, password=OWN)
    assert signed_in(other)


@pytest.mark.parametrize(
    ("error_response", "status", "said"),
    [
        ("NotAuthorizedException", 401, "That took too long."),
        ("TooManyRequestsException", 429, "Wait a minute, then try again."),
        ("InternalErrorException", 503, "Something went wrong"),
    ],
)
def test_why_a_new_password_is_not_taken_is_told(
    invited: Browser, error_response: str, status: int, said: str
) -> None:
    invited.get("sign-in")
    send(invited, "sign-in", email=EMAIL, password=FIRST)
    with refusing("AdminRespondToAuthChallenge", error_response):
        shown = send(invited, "new-password", password=OWN)
    assert (shown.status, said in shown.text) == (status, True)
    assert not signed_in(invited)


def test_a_forgotten_password_is_replaced_with_the_code_that_was_mailed(invited: Browser) -> None:
    invited.get("sign-in")
    send(invited, "sign-in", email=EMAIL, password=FIRST)
    send(invited, "new-password", password=OWN)
    responses = []
    for email in (EMAIL, "nobody@example.com"):
        browser = Browser()
        browser.get("forgot-password")
        shown = send(browser, "forgot-password", email=email)
        assert shown.status == 200
        responses.append(shown.text.replace(email, ""))
    # The response does not say whether there is such an account.
    assert responses[0] == responses[1]
    browser = Browser()
    browser.get("forgot-password")
    assert browser.post("forgot-password", email=" ").status == 422
    send(browser, "forgot-password", email=EMAIL)
    for wrong in ("CodeMismatchException", "ExpiredCodeException"):
        with refusing("ConfirmForgotPassword", wrong):
            shown = send(browser, "reset-password", code="000000", password=OWN + "!")
        assert (shown.status, "wrong or too old" in shown.text) == (401, True)
    shown = send(browser, "reset-password", code="123456", password=OWN + "!")
    assert shown.url.endswith("/sign-in?said=changed")
    assert "Your password was changed." in shown.text
    assert send(browser, "sign-in", email=EMAIL, password=OWN).status == 401
    send(browser, "sign-in", email=EMAIL, password=OWN + "!")
    assert signed_in(browser)


@pytest.mark.usefixtures("aws")
def test_too_many_codes_are_refused_and_nobody_is_asked_without_a_form() -> None:
    browser = Browser()
    assert browser.post("forgot-password", email=EMAIL, csrf="").status == 403
    browser.get("forgot-password")
    with refusing("ForgotPassword", "LimitExceededException"):
        shown = send(browser, "forgot-password", email=EMAIL)
    assert (shown.status, "Wait a minute" in shown.text) == (429, True)
