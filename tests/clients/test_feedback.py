"""User feedback of unmodified SDKs, also by their dialog in a browser, on the deployed stack."""

import json

import pytest
from playwright.sync_api import Page, expect

from dev.stack import LocalStack
from errata.usecases import feedback
from tests.clients.test_sdks import reporting
from tests.support.chromium import chromium
from tests.support.deployed import eventually
from tests.support.programs import run, served
from tests.support.visible import visible_in


def test_feedback_of_a_program_is_stored_with_its_event(stack: LocalStack) -> None:
    shop = reporting(stack)
    run("node/feedback.mjs", shop.dsn)
    (event,) = eventually(shop.events, bool)
    (found,) = eventually(lambda: feedback.of_event(visible_in(shop.id), event["event_id"]), bool)
    assert (found.message, found.name) == ("The cart shows no price.", "Kim")
    assert (found.email, found.url) == ("kim@example.org", "https://shop.example/cart")


@pytest.mark.parametrize("base", ["sdk", "api"])
def test_a_person_sends_feedback_in_the_dialog(stack: LocalStack, base: str) -> None:
    shop = reporting(stack)
    dsn = shop.dsn
    if base == "api":
        dsn = dsn.replace(stack.sdk_url.partition("://")[2].rstrip("/"), _host_and_path(stack))
    with served() as origin, chromium() as browser:
        page = browser.new_page()
        page.add_init_script(f"window.SENTRY_DSN = {json.dumps(dsn)}")
        page.goto(f"{origin}/browser/dialog.html")
        expect(page).to_have_title("Ready")
        page.get_by_role("button", name="Check out").click()
        _fill_in(page)
        expect(page).to_have_title("Closed")
    (event,) = eventually(shop.events, bool)
    (found,) = eventually(lambda: feedback.of_event(visible_in(shop.id), event["event_id"]), bool)
    assert (found.message, found.name) == ("I clicked on <b>Check out</b>.", "Kim")


def _host_and_path(stack: LocalStack) -> str:
    return stack.api_url.partition("://")[2].rstrip("/")


def _fill_in(page: Page) -> None:
    dialog = page.get_by_role("dialog", name="That went wrong.")
    expect(dialog.get_by_label("What happened?")).to_be_focused()
    expect(dialog.get_by_label("E-mail")).to_have_value("kim@example.org")
    dialog.get_by_role("button", name="Send").click()
    expect(dialog.get_by_role("alert")).to_have_text(
        "Some fields are not valid. Please correct them and try again."
    )
    dialog.get_by_label("What happened?").fill("I clicked on <b>Check out</b>.")
    dialog.get_by_role("button", name="Send").click()
    expect(dialog.get_by_role("status")).to_have_text("Your report has been sent. Thank you!")
    dialog.get_by_role("button", name="Close").click()
