"""Sign in with the team's identity provider."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from markupsafe import escape

from errata.config import settings
from errata.store import clients, sign_in
from errata.usecases import members
from functions.dashboard.pages.provider import COOKIE
from functions.dashboard.routing import SESSION_COOKIE
from tests.support import template
from tests.support.account import Clock
from tests.support.browser import Browser
from tests.support.calls import Call, recorded, watched
from tests.support.pool import Pool, pool, token

EMAIL = "ada@example.com"
CLIENT = "client of providers"
PARAMETER = "/errata/errata/sign-in/client"


@pytest.fixture
def domain(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    clients.ssm().put_parameter(Name=PARAMETER, Value=CLIENT, Type="String")
    with pool() as running:
        monkeypatch.setattr(clients.cognito_idp().meta, "_endpoint_url", running.url)
        monkeypatch.setenv("SIGN_IN_DOMAIN", running.url)
        monkeypatch.setenv("SIGN_IN_CLIENT", PARAMETER)
        monkeypatch.setenv("IDENTITY_PROVIDERS", "Okta,Acme")
        settings.cache_clear()
        sign_in.provider_client.cache_clear()
        members.add("default", EMAIL, "owner")
        yield running
    sign_in.provider_client.cache_clear()


def begun(browser: Browser, path: str = "with/Okta") -> dict[str, str]:
    """Begin a sign-in. Return the parameters of the request to the provider."""
    to = urlsplit(browser.get(path).headers["Location"])
    assert to.path == "/oauth2/authorize"
    return dict(parse_qsl(to.query))


def given(domain: Pool, asked: dict[str, str], **changed: Any) -> str:
    """Return the path of the callback, with a code for tokens of this sign-in."""
    claims: dict[str, Any] = {
        "aud": CLIENT,
        "nonce": asked["nonce"],
        "email_verified": False,
        "identities": [{"providerName": "Okta", "userId": "x"}],
        **changed,
    }
    domain.codes["code"] = {"id_token": token(**claims), "refresh_token": "refresh"}
    return f"callback?code=code&state={asked['state']}"


def test_a_sign_in_with_a_provider_redirects_to_the_requested_page(domain: Pool) -> None:
    browser = Browser()
    assert "Sign in with Okta" in browser.get("sign-in?next=orgs/default").text
    asked = begun(browser, "with/Okta?next=orgs/default")
    assert (asked["client_id"], asked["response_type"]) == (CLIENT, "code")
    assert asked["redirect_uri"] == "https://errors.example.com/v1/dashboard/callback"
    assert asked["code_challenge_method"] == "S256"
    assert browser.get(given(domain, asked)).url.endswith("/dashboard/orgs/default")
    (exchanged,) = domain.asked
    assert exchanged["redirect_uri"] == asked["redirect_uri"]
    assert len(exchanged["code_verifier"]) >= 43


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "another client"},
        {"nonce": "another sign-in"},
        {"nonce": None},
        {"identities": [{"providerName": "Stranger"}]},
        {"identities": None},
        {"identities": "Okta"},
        {"exp": 1},
    ],
    ids=str,
)
def test_a_token_that_is_not_for_this_sign_in_is_refused(
    domain: Pool, changed: dict[str, Any]
) -> None:
    browser = Browser()
    path = given(domain, begun(browser), **changed)
    assert browser.get(path).status == 401
    assert SESSION_COOKIE not in browser.cookies


def test_a_callback_in_another_browser_is_refused(domain: Pool) -> None:
    path = given(domain, begun(Browser()))
    assert Browser().get(path).status == 401
    other = Browser()
    begun(other)
    assert other.get(path).status == 401
    assert domain.asked == []


def test_a_code_works_once(domain: Pool) -> None:
    browser, other = Browser(), Browser()
    path = given(domain, begun(browser))
    assert browser.get(path).status == 200
    # Whoever has seen the code begins a sign-in of their own with it.
    refused = other.get(f"callback?code=code&state={begun(other)['state']}")
    assert refused.status == 401
    assert "The code has been used or has expired. Sign in again." in refused.text
    assert SESSION_COOKIE not in other.cookies
    assert [each["code"] for each in domain.asked] == ["code"] * 2
    # The sign-in is over: its address opened again, such as by "Back", asks the provider nothing.
    assert browser.get(path).status == 401
    assert len(domain.asked) == 2
    assert browser.get("projects").status == 200


def test_a_refused_sign_in_shows_an_error_and_an_unknown_code_is_401(domain: Pool) -> None:
    browser = Browser()
    asked = begun(browser)
    refused = browser.get(f"callback?error=access_denied&state={asked['state']}")
    assert "refused the sign-in" in refused.text
    assert browser.get(f"callback?code=unknown&state={asked['state']}").status == 401
    assert SESSION_COOKIE not in browser.cookies


def test_an_address_block_may_exchange_twenty_codes_a_minute(domain: Pool, clock: Clock) -> None:
    shown = []
    for n in range(21):  # each with a forged cookie
        browser = Browser({COOKIE: "state.verifier.x"}, ip=f"2001:db8::{n:x}")
        shown.append(browser.get("callback?code=made-up&state=state"))
    assert [each.status for each in shown] == [401] * 20 + [429]
    assert "Too many attempts. Try again in 3 seconds." in shown[-1].text
    assert len(domain.asked) == 20
    browser = Browser(ip="192.0.2.1")
    assert browser.get(given(domain, begun(browser))).url.endswith("/dashboard/projects")


@pytest.mark.usefixtures("aws")
def test_without_providers_their_pages_are_404() -> None:
    assert "Sign in with" not in Browser().get("sign-in").text
    assert Browser().get("with/Okta").status == 404
    with recorded() as calls:
        shown = Browser({COOKIE: "state.verifier.x"}).get("callback?code=made-up&state=state")
    assert (shown.status, calls) == (404, [])


def test_a_sign_out_redirects_through_cognito_s_domain(
    domain: Pool,
) -> None:
    browser = Browser()
    browser.get(given(domain, begun(browser)))
    browser.get("projects")
    held = browser.cookies[SESSION_COOKIE]

    def watch(call: Call) -> Any:  # moto has no RevokeToken
        return {} if call.operation == "RevokeToken" else call.send()

    with watched(watch):
        shown = browser.post("sign-out")
    assert SESSION_COOKIE not in browser.cookies
    to = urlsplit(shown.headers["Refresh"].removeprefix("0; url="))
    assert f"{to.scheme}://{to.netloc}" == domain.url
    asked = dict(parse_qsl(to.query))
    assert (to.path, asked["client_id"]) == ("/logout", CLIENT)
    assert f'href="{escape(to.geturl())}"' in shown.html
    back = asked["logout_uri"]
    assert back == "https://errors.example.com/v1/dashboard/signed-out"
    # Cognito redirects only to the URLs of the client.
    properties = template.of_type("AWS::Cognito::UserPoolClient")["ProviderClient"]
    assert all(url["Fn::Sub"].endswith("/dashboard/signed-out") for url in urls(properties))
    assert "You are signed out." in browser.get(back).text
    assert "/sign-in" in Browser({SESSION_COOKIE: held}).get("projects").url


def urls(properties: dict[str, Any]) -> list[dict[str, str]]:
    """Return the URL of the API, and that of the custom domain if there is one."""
    own, choice = properties["LogoutURLs"]
    condition, of_domain, none = choice["Fn::If"]
    assert (condition, none) == ("HasDomain", {"Ref": "AWS::NoValue"})
    return [own, of_domain]


@pytest.mark.usefixtures("domain")
def test_no_provider_is_offered_before_one_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    # The parameter's default, since a client has to name something.
    monkeypatch.setenv("IDENTITY_PROVIDERS", "COGNITO")
    settings.cache_clear()
    assert "Sign in with" not in Browser().get("sign-in").text
    assert Browser().get("with/COGNITO").status == 404


@pytest.mark.usefixtures("domain")
def test_a_provider_that_is_not_configured_is_404() -> None:
    assert Browser().get("with/Evil").status == 404
