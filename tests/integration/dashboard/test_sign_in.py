"""Sign in, stay signed in, sign out, and what is refused."""

from collections.abc import Iterator
from typing import Any

import boto3
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from errata.config import settings
from errata.errors import UnauthorizedError
from errata.store import clients, sign_in
from errata.usecases import members
from functions.dashboard import tokens
from functions.dashboard.routing import SESSION_COOKIE
from tests.support.account import Clock
from tests.support.browser import Browser, signed_in
from tests.support.calls import Call, recorded, watched
from tests.support.pool import pool, token

EMAIL = "ada@example.com"
PASSWORD = "correct horse battery"


@pytest.fixture
def keys(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Serve the pool's keys where tokens.py fetches them."""
    with pool() as running:
        monkeypatch.setattr(clients.cognito_idp().meta, "_endpoint_url", running.url)
        yield


@pytest.mark.usefixtures("keys")
def test_a_token_of_the_user_pool_is_accepted() -> None:
    assert tokens.verify(token()).email == EMAIL


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Other"},
        {"aud": "another client"},
        {"aud": None},
        {"exp": 1},
        {"exp": None},
        {"token_use": "access"},
        {"email": None},
        {"email_verified": False},
        {"email_verified": "true"},
    ],
    ids=str,
)
def test_a_token_with_a_wrong_claim_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(UnauthorizedError):
        tokens.verify(token(**changed))


@pytest.mark.usefixtures("keys")
def test_a_token_signed_with_another_key_is_refused() -> None:
    with pytest.raises(UnauthorizedError):
        tokens.verify(token(rsa.generate_private_key(public_exponent=65537, key_size=2048)))


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("forged", ["", "x", "a.b.c", jwt.encode({"sub": "1"}, "s" * 32)])
def test_a_malformed_or_symmetrically_signed_token_is_refused(forged: str) -> None:
    with pytest.raises(UnauthorizedError):
        tokens.verify(forged)


@pytest.mark.usefixtures("aws")
def test_a_page_without_a_session_redirects_to_the_sign_in_with_its_path() -> None:
    shown = Browser().get("projects/1/issues?status=all")
    assert shown.url.endswith("/dashboard/sign-in?next=projects%2F1%2Fissues%3Fstatus%3Dall")
    assert shown.value("next") == "projects/1/issues?status=all"


@pytest.mark.usefixtures("aws")
def test_a_refresh_without_a_session_reloads_the_page_and_gets_no_form() -> None:
    shown = Browser().get("projects/1/issues", {"HX-Request": "true"})
    assert (shown.status, shown.headers["HX-Refresh"], shown.html) == (401, "true", "")


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("away", ["//evil.example", "https://evil.example", "/x", "javascript:x"])
def test_a_next_address_outside_the_dashboard_is_ignored(away: str) -> None:
    assert Browser().get(f"sign-in?next={away}").value("next") == "projects"


@pytest.mark.usefixtures("aws")
def test_a_wrong_password_and_an_unknown_account_get_the_same_response() -> None:
    account()
    responses = []
    for email in (EMAIL, "nobody@example.com"):
        browser = Browser()
        browser.get("sign-in")
        shown = browser.post("sign-in", email=email, password="wrong", next="")
        assert shown.status == 401
        responses.append(shown.text.replace(email, ""))
    assert responses[0] == responses[1]
    assert "Wrong e-mail or password." in responses[0]


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("path", "fields", "status", "message"),
    [
        ("reset-password", {"email": EMAIL, "code": " "}, 422, "Enter the code from the e-mail."),
        ("reset-password", {"code": "123456"}, 422, "Enter the code from the e-mail."),
        ("new-password", {"username": EMAIL}, 401, "That took too long."),
        ("new-password", {"username": EMAIL, "session": "x" * 19}, 401, "That took too long."),
    ],
)
def test_a_form_without_a_field_is_refused_without_calling_cognito(
    path: str, fields: dict[str, str], status: int, message: str
) -> None:
    browser = Browser()
    browser.get("forgot-password")
    with recorded() as calls:
        shown = browser.post(path, password="a new password", **fields)
    assert (shown.status, message in shown.text) == (status, True)
    assert {call.operation for call in calls} <= {"UpdateItem"}  # the limits


@pytest.mark.usefixtures("aws")
def test_a_form_without_a_valid_csrf_token_is_403() -> None:
    assert Browser().post("sign-in", email=EMAIL, password=PASSWORD, csrf="").status == 403
    browser = Browser()
    browser.get("sign-in")
    assert browser.post("sign-in", email=EMAIL, password=PASSWORD, csrf="x").status == 403
    member = signed_in(EMAIL)
    assert member.post("sign-out", csrf="x").status == 403
    assert SESSION_COOKIE in member.cookies


@pytest.mark.usefixtures("aws")
def test_a_forged_cookie_opens_no_session() -> None:
    held = signed_in(EMAIL).cookies[SESSION_COOKIE]
    user, secret = held.split(".")
    for forged in ("", ".", user, f"{user}.", f".{secret}", f"{'0' * 32}.{secret}", f"{user}.x"):
        assert "/sign-in" in Browser({SESSION_COOKIE: forged}).get("projects").url
    assert Browser({SESSION_COOKIE: held}).get("projects").url.endswith("/projects")


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    "other",
    [
        'prefs={"a":"b"}',
        "x=foo bar",
        "flag",
        "version=1",
        "name=Zürich",
        "=",
        "",
        "a=b=c",
        f"{SESSION_COOKIE}-form=1",
        "x=;;",
    ],
)
def test_other_cookies_of_the_domain_do_not_break_the_session(other: str) -> None:
    held = f"{SESSION_COOKIE}={signed_in(EMAIL).cookies[SESSION_COOKIE]}"
    for header in (f"{other}; {held}", f"{held}; {other}", f"{other};{held}"):
        assert Browser().get("projects", {"Cookie": header}).url.endswith("/projects")


@pytest.mark.usefixtures("keys")
def test_a_session_is_verified_with_cognito_after_an_hour(clock: Clock) -> None:
    account()
    tokens = sign_in.with_password(EMAIL, PASSWORD)
    assert isinstance(tokens, sign_in.Tokens)
    browser = signed_in(EMAIL, tokens.refresh)
    clock.advance(3600)
    with recorded() as calls:
        shown = browser.get("projects")
    # moto's tokens have another issuer: the response of Cognito is verified, and refused.
    assert any(call.operation == "AdminInitiateAuth" for call in calls)
    assert "/sign-in" in shown.url
    assert SESSION_COOKIE not in browser.cookies


@pytest.mark.usefixtures("aws")
def test_a_session_ends_after_a_week(clock: Clock) -> None:
    browser = signed_in(EMAIL)
    clock.days(7)
    assert "/sign-in" in browser.get("projects").url


@pytest.mark.usefixtures("aws")
def test_a_sign_out_revokes_the_token_and_ends_the_session() -> None:
    browser = signed_in(EMAIL)
    held = browser.cookies[SESSION_COOKIE]
    browser.get("projects")
    revoked = []

    def watch(call: Call) -> Any:
        # moto has no RevokeToken, whose response is empty. The tests of deployments call it.
        if call.operation != "RevokeToken":
            return call.send()
        revoked.append(call.parameters["Token"])
        return {}

    with watched(watch):
        assert "You are signed out." in browser.post("sign-out").text
    assert revoked == ["refresh"]
    assert "/sign-in" in Browser({SESSION_COOKIE: held}).get("projects").url


@pytest.mark.usefixtures("aws")
def test_a_removed_member_sees_that_they_belong_to_no_organization() -> None:
    members.add("default", "root@example.com", "owner")
    members.add("default", EMAIL, "owner")
    browser = signed_in(EMAIL)
    assert "You do not belong to an organization" not in browser.get("projects").text
    members.remove("default", EMAIL)
    assert "You do not belong to an organization" in browser.get("projects").text


def account() -> None:
    cognito = boto3.client("cognito-idp", region_name="us-east-1")
    pool_id = settings().user_pool_id
    cognito.admin_create_user(UserPoolId=pool_id, Username=EMAIL)
    cognito.admin_set_user_password(
        UserPoolId=pool_id, Username=EMAIL, Password=PASSWORD, Permanent=True
    )
