"""Sign-in, codes and mails are limited before Cognito is called, and Cognito is called once."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from errata.errors import RateLimitedError
from errata.store import clients, sign_in
from tests.support.account import Clock
from tests.support.browser import Browser, Shown
from tests.support.calls import Call, recorded

EMAIL = "ada@example.com"
PATHS = ("sign-in", "reset-password", "forgot-password")

pytestmark = pytest.mark.usefixtures("aws")


def send(path: str, ip: str = "203.0.113.9", email: str = EMAIL) -> Shown:
    """Open a form from this address and send it."""
    browser = Browser(ip=ip)
    browser.get("forgot-password" if path == "reset-password" else path)
    return browser.post(path, email=email, password="wrong", code="000000", next="")


def of_cognito(calls: list[Call]) -> list[str]:
    found = ("AdminInitiateAuth", "ConfirmForgotPassword", "ForgotPassword")
    return [call.operation for call in calls if call.operation in found]


@pytest.mark.parametrize("path", PATHS)
def test_an_email_address_has_five_attempts_from_any_address(clock: Clock, path: str) -> None:
    with recorded() as calls:
        shown = [send(path, f"192.0.2.{n}") for n in range(6)]
    assert [each.status == 429 for each in shown] == [False] * 5 + [True]
    wait = "5 hours" if path == "forgot-password" else "12 seconds"
    assert f"Too many attempts. Try again in {wait}." in shown[-1].text
    assert len(of_cognito(calls)) == 5
    assert send(path, "192.0.2.9", "grace@example.com").status != 429
    clock.advance(18_000)
    assert send(path, "192.0.2.9").status != 429


@pytest.mark.parametrize(("path", "limit"), [*zip(PATHS, (20, 20, 10), strict=True)])
def test_an_address_block_has_a_limit_for_all_email_addresses(
    clock: Clock, path: str, limit: int
) -> None:
    with recorded() as calls:
        shown = [send(path, f"2001:db8::{n:x}", f"{n}@example.com") for n in range(limit + 1)]
    assert [each.status == 429 for each in shown] == [False] * limit + [True]
    assert "Too many attempts. Try again in" in shown[-1].text
    assert len(of_cognito(calls)) == limit
    assert send(path, "2001:db8:0:1::1", "new@example.com").status != 429


def test_a_blocked_address_does_not_use_up_the_limit_of_an_email_address(clock: Clock) -> None:
    for n in range(20):
        send("sign-in", email=f"{n}@example.com")
    assert [send("sign-in").status for _ in range(2)] == [429, 429]
    assert [send("sign-in", "192.0.2.1").status for _ in range(5)] == [401] * 5


@contextmanager
def throttled() -> Iterator[list[str]]:
    """Make Cognito throttle each request. Yield the list of requests that were sent."""
    sent: list[str] = []

    def respond(request: Any, **_: Any) -> Any:
        sent.append(request.headers["X-Amz-Target"].decode())
        raw = type(
            "Raw", (), {"stream": lambda *_, **__: [b'{"__type": "TooManyRequestsException"}']}
        )
        return AWSResponse(request.url, 400, HTTPHeaders(), raw())

    events: Any = clients.cognito_idp_once().meta.events
    events.register_first("before-send.cognito-idp", respond)
    try:
        yield sent
    finally:
        events.unregister("before-send.cognito-idp", respond)


def test_a_throttled_call_to_cognito_is_not_retried() -> None:
    for call in (
        lambda: sign_in.with_password(EMAIL, "x"),
        lambda: sign_in.with_new_password(EMAIL, "x", "session " * 5),
        lambda: sign_in.refresh("token", "client"),
        lambda: sign_in.send_code(EMAIL),
        lambda: sign_in.set_password(EMAIL, "x", "000000"),
    ):
        with throttled() as sent, pytest.raises(RateLimitedError):
            call()
        assert len(sent) == 1
