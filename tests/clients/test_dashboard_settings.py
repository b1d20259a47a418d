"""Sign-in, account, project and organization in a real browser, on the deployed stack."""

import base64
import dataclasses
import hmac
import re
import secrets
import time

import pytest
import requests
from playwright.sync_api import Browser, expect

from dev.stack import LocalStack
from errata.errors import UnauthorizedError
from errata.store import sessions
from errata.store import sign_in as cognito
from errata.usecases import members
from functions.dashboard.routing import SESSION_COOKIE
from tests.support.chromium import barriers, window
from tests.support.team import Team, sign_in


def test_signing_out_ends_the_tokens_that_the_session_had(browser: Browser, team: Team) -> None:
    with window(browser) as page:
        sign_in(page, team, "projects")
        expect(page.get_by_role("heading", name="Projects")).to_be_visible()
        (cookie,) = [
            each["value"] for each in page.context.cookies() if each["name"] == SESSION_COOKIE
        ]
        user, _, secret = cookie.partition(".")
        session = sessions.open_page(secret, user).session
        assert session
        assert cognito.refresh(session.refresh_token, session.client).id
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_text("You are signed out.")).to_be_visible()
    with pytest.raises(UnauthorizedError):
        cognito.refresh(session.refresh_token, session.client)


def test_a_key_is_created_in_the_settings_and_shown_once(browser: Browser, team: Team) -> None:
    with window(browser) as page:
        sign_in(page, team, f"projects/{team.project_id}/settings")
        page.get_by_label("Label").fill("web")
        page.get_by_role("button", name="Create key").click()
        key = page.locator(".key").first.inner_text()
        assert re.fullmatch("[0-9a-f]{32}", key)
        page.goto(f"{team.url}/projects/{team.project_id}/settings")
        expect(page.get_by_text("web", exact=True)).to_be_visible()
        assert key not in page.content()
    response = requests.post(
        f"{team.api_url}/api/ingest", json={"api_key": key, "message": "hello"}, timeout=60
    )
    assert response.status_code == 202


def test_a_project_of_another_team_is_404(browser: Browser, team: Team) -> None:
    email, password = f"{secrets.token_hex(4)}@example.com", secrets.token_urlsafe(12)
    members.add("default", email, "member", password=password)
    event = team.send(message="secret of a team")
    with window(browser) as page:
        page.goto(f"{team.url}/projects/{team.project_id}/events/{event}")
        page.get_by_label("E-mail").fill(email)
        page.get_by_label("Password").fill(password)
        with page.expect_response(lambda r: r.url.endswith(event)) as response:
            page.get_by_role("button", name="Sign in").click()
        assert response.value.status == 404
        expect(page.get_by_role("heading", name="Not found")).to_be_visible()
        assert "secret of a team" not in page.content()


def test_an_owner_manages_the_project_with_the_permissions_of_the_function(
    browser: Browser, team: Team, stack: LocalStack
) -> None:
    settings = f"{team.url}/projects/{team.project_id}/settings"
    with window(browser) as page:
        sign_in(page, team, f"projects/{team.project_id}/settings")
        page.get_by_label("Label of the new key").fill("web")
        page.get_by_role("button", name="Create key").click()
        key = page.locator("code.key").inner_text()
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.get_by_role("button", name="Copy").click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == key
        expect(page.get_by_text("API Gateway could not be set up")).not_to_be_visible()
        assert dataclasses.replace(team, key=key).send(message="boom")
        assert barriers(page) == []

        page.goto(settings)
        page.get_by_label("Requests per minute").fill("600")
        page.get_by_role("button", name="Save rate limit").click()
        expect(
            page.get_by_text("Saved. The change takes effect within 30 seconds.")
        ).to_be_visible()
        gateway = stack.client("apigateway")
        plans = {plan["name"]: plan["id"] for plan in gateway.get_usage_plans()["items"]}
        assert gateway.get_usage_plan_keys(usagePlanId=plans[f"{stack.stack_name}-600"])["items"]

        page.get_by_label("URL of the new webhook").fill("https://example.com/hook")
        page.get_by_role("button", name="Add webhook").click()
        expect(page.locator("code.key")).to_have_text(re.compile("^whsec_"))
        page.goto(settings)
        page.get_by_role("button", name="Send a test").click()
        expect(page.get_by_text("Sent.")).to_be_visible()
        page.get_by_text("More …").click()
        page.get_by_role("button", name="Remove").click()
        expect(page.get_by_text("No webhooks yet.")).to_be_visible()
        assert barriers(page) == []

        page.get_by_label("To delete all events and issues").fill("Shop")
        page.get_by_role("button", name="Delete all events").click()
        expect(page.get_by_text("Cleared.")).to_be_visible()
        page.get_by_label("To delete the project").fill("Shop")
        page.get_by_role("button", name="Delete the project").click()
        expect(page).not_to_have_url(re.compile("settings"))
        page.goto(settings)
        expect(page.get_by_role("heading", name="Not found")).to_be_visible()


def test_an_owner_manages_the_organization(browser: Browser, team: Team) -> None:
    name, guest = secrets.token_hex(4), f"{secrets.token_hex(4)}@example.com"
    with window(browser) as page:
        sign_in(page, team, "orgs/default")
        page.get_by_label("Team name").fill(name)
        page.get_by_role("button", name="Create team").click()
        page.get_by_label("E-mail").fill(guest)
        page.get_by_label("Role").select_option("member")
        page.get_by_role("group", name="Teams").get_by_label(name).check()
        page.get_by_role("button", name="Invite").click()
        expect(page.get_by_role("row", name=guest)).to_contain_text(name)
        assert barriers(page) == []
        page.get_by_role("link", name=guest).click()
        page.get_by_label("Role").select_option("admin")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("row", name=guest)).to_contain_text("admin")
        page.get_by_label("Name", exact=True).fill("Blog")
        page.get_by_label("Team with access").select_option(name)
        page.get_by_role("button", name="Create project").click()
        assert dataclasses.replace(team, key=page.locator("code.key").inner_text()).send(
            message="x"
        )


def totp(secret: str, step: int) -> str:
    """Return the code of an authenticator app (RFC 6238). Cognito accepts each only once.

    `step`: 0 or 1. A code of 1 is of the next half minute, which Cognito also accepts.
    """
    count = int(time.time()) // 30 + step
    digest = hmac.digest(base64.b32decode(secret), count.to_bytes(8, "big"), "sha1")
    at = digest[-1] & 15
    return f"{(int.from_bytes(digest[at : at + 4], 'big') & 0x7FFFFFFF) % 10**6:06d}"


def test_a_second_factor_is_set_up_and_required_to_sign_in(browser: Browser, team: Team) -> None:
    with window(browser) as page:
        sign_in(page, team, "account/second-factor")
        page.get_by_label("Password").fill(team.password)
        page.get_by_role("button", name="Set it up").click()
        secret = page.locator("code.key").inner_text()
        expect(page.get_by_role("img", name="QR code of the secret")).to_be_visible()
        assert barriers(page) == []
        page.get_by_label("Password").fill(team.password)
        page.get_by_label("Code, six digits").fill(totp(secret, 0))
        page.get_by_role("button", name="Turn it on").click()
        expect(page.get_by_text("Your second factor is on.")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        sign_in(page, team, f"projects/{team.project_id}/stats")
        expect(page.get_by_role("heading", name="Enter your code")).to_be_visible()
        assert barriers(page) == []
        page.get_by_label("Code, six digits").fill(totp(secret, 1))
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Accepted")).to_be_visible()


def test_typed_text_survives_the_end_of_the_session(browser: Browser, team: Team) -> None:
    with window(browser, script=False) as page:
        sign_in(page, team, f"projects/{team.project_id}/settings")
        page.get_by_label("Name", exact=True).fill("Typed with care")
        page.context.clear_cookies(name=SESSION_COOKIE)
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_text("Nothing was changed.")).to_be_visible()
        page.get_by_label("E-mail").fill(team.email)
        page.get_by_label("Password").fill(team.password)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_text("You were signed out before this arrived.")).to_be_visible()
        expect(page).to_have_url(f"{team.url}/projects/{team.project_id}/settings")
        expect(page.get_by_label("Name", exact=True)).to_have_value("Typed with care")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_text("Saved.")).to_be_visible()
