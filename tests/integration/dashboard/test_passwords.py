"""Passwords in the user pool: the first one, and a forgotten one."""

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
    """Return the browser of somebody with a temporary password. Every token is valid."""
    account = boto3.client("cognito-idp").admin_create_user(
        UserPoolId=settings().user_pool_id,
        Username=EMAIL,
        TemporaryPassword=FIRST,
        UserAttributes=[
            {"Name": "email", "Value": EMAIL},
            {"Name": "email_verified", "Value": "true"},
        ],
    )
    claims = sessions.Claims(EMAIL, 2**45, settings().user_pool_client_id)
    monkeypatch.setattr(tokens, "verify", lambda _: claims)
    with as_cognito_challenges(account["User"]["Username"]):
        yield Browser()


@contextmanager
def as_cognito_challenges(username: str) -> Iterator[None]:
    """Name the user in the challenge, and accept only a response with that name, as Cognito does.

    moto names nobody and also accepts an alias. Source: AdminRespondToAuthChallenge.
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
    """Send the shown form with its hidden fields."""
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


def test_a_temporary_password_is_replaced_at_the_first_sign_in(invited: Browser) -> None:
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
    ("error_response", "status", "message"),
    [
        ("NotAuthorizedException", 401, "That took too long."),
        ("TooManyRequestsException", 429, "Wait a minute, then try again."),
        ("InternalErrorException", 503, "Something went wrong"),
    ],
)
def test_a_refused_new_password_shows_the_reason(
    invited: Browser, error_response: str, status: int, message: str
) -> None:
    invited.get("sign-in")
    send(invited, "sign-in", email=EMAIL, password=FIRST)
    with refusing("AdminRespondToAuthChallenge", error_response):
        shown = send(invited, "new-password", password=OWN)
    assert (shown.status, message in shown.text) == (status, True)
    assert not signed_in(invited)


def test_a_forgotten_password_is_replaced_with_the_mailed_code(invited: Browser) -> None:
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
def test_too_many_codes_are_429_and_a_request_without_a_form_is_403() -> None:
    browser = Browser()
    assert browser.post("forgot-password", email=EMAIL, csrf="").status == 403
    browser.get("forgot-password")
    with refusing("ForgotPassword", "LimitExceededException"):
        shown = send(browser, "forgot-password", email=EMAIL)
    assert (shown.status, "Wait a minute" in shown.text) == (429, True)
