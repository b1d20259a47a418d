"""Headless Chromium for the dashboard. Any problem that a page reports fails the test."""

import shutil
from collections.abc import Container, Iterator
from contextlib import contextmanager

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Locator,
    Page,
    Response,
    expect,
    sync_playwright,
)

PATIENCE_MS = 60_000
# How often the list of issues refreshes itself.
POLL_MS = 45_000
# Disable the browser's own requests to the internet. As root it starts only without a sandbox.
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
expect.set_options(timeout=PATIENCE_MS)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run the browser that `make clients` has installed."""
    path = shutil.which("chromium")
    assert path, "Chromium is not installed. Run `make clients`."
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def window(
    browser: Browser,
    *,
    scheme: str = "light",
    script: bool = True,
    width: int = 1280,
    expected: Container[int] = (),
) -> Iterator[Page]:
    """Return a window with its own cookies. Errors, dialogs and refused scripts fail the test.

    Also fails the test if a resource of the page gets a status of 400 or more that is not
    `expected`.
    """
    context = browser.new_context(
        color_scheme=scheme,  # type: ignore[arg-type]
        java_script_enabled=script,
        viewport={"width": width, "height": 900},
        timezone_id="Europe/Zurich",
        locale="en-GB",
    )
    context.set_default_timeout(PATIENCE_MS)
    complaints: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        # The tests check the page's own status themselves.
        failed = message.text.startswith("Failed to load resource")
        if message.type in ("error", "warning") and not failed:
            complaints.append(message.text)

    def judge(response: Response) -> None:
        if response.status < 400 or response.status in expected:
            return
        if response.request.resource_type != "document":
            complaints.append(f"{response.status} {response.url}")

    page = context.new_page()
    page.on("console", listen)
    page.on("response", judge)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
    try:
        yield page
    finally:
        context.close()
    assert not complaints, complaints


def polled(page: Page) -> None:
    """Let the time of a refresh come, and wait for its answer. The page's clock is installed."""
    with page.expect_response(lambda response: "hx-request" in response.request.headers):
        page.clock.run_for(POLL_MS)
    page.wait_for_timeout(200)


def poll_until(page: Page, shown: Locator) -> None:
    """Let the time of refreshes come until they show something."""
    for _ in range(30):
        polled(page)
        if shown.count():
            break
    expect(shown).to_be_visible()


def barriers(page: Page, *, colors_only: bool = False) -> list[str]:
    """Return the accessibility problems that axe finds, however small.

    With `colors_only`, those that can differ between light and dark.
    """
    options: dict[str, object] = {"resultTypes": ["violations"]}
    if colors_only:
        # Off by default, but a category turns it on.
        options |= {
            "runOnly": ["cat.color"],
            "rules": {"color-contrast-enhanced": {"enabled": False}},
        }
    if page.evaluate("typeof axe === 'undefined'"):
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate("options => axe.run(options)", options)["violations"]
    return [
        f"{each['id']}: {each['help']}: {[node['html'][:200] for node in each['nodes'][:3]]}"
        for each in found
    ]
