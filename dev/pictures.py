"""`make pictures`: take the README's two screenshots, of a stack with a month of events."""

import os
import secrets
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, ViewportSize, sync_playwright

from dev.errors import LocalStackError
from dev.process import ROOT
from dev.run import explain, say
from dev.stack import LocalStack
from dev.story import live_through
from errata.cli.stack import SETTINGS
from errata.models.ids import now_ms
from errata.usecases import members, projects

PICTURES = ROOT / "docs" / "pictures"
EMAIL = "grace@example.com"
SIZE = ViewportSize(width=1280, height=780)
MOST_BYTES = 150_000


def main() -> int:
    """Take the screenshots. Return exit code 1 if the stack or the browser does not start."""
    chromium = shutil.which("chromium")
    if not chromium:
        print("Chromium is not installed. Run dev/tools.sh.", file=sys.stderr)
        return 1
    try:
        with LocalStack(say=say) as stack:
            work_on(stack)
            password = secrets.token_urlsafe(12)
            members.add("default", EMAIL, "owner", password=password)
            created = projects.create("Shop")
            assert created
            say("Creating a month of errors ...")
            event_id = live_through(created.project, now_ms())
            below = f"{stack.dashboard_url}/projects/{created.project.id}"
            paths = {"issues": f"{below}/issues", "event": f"{below}/events/{event_id}"}
            take(chromium, f"{stack.dashboard_url}/sign-in", password, paths)
    except LocalStackError as error:
        print(explain(error), file=sys.stderr)
        return 1
    return 0


def work_on(stack: LocalStack) -> None:
    """Point this process at the stack, as the template does for a function."""
    os.environ.update(stack.environment)
    os.environ.update({setting: stack.outputs[output] for output, setting in SETTINGS.items()})


def take(chromium: str, sign_in: str, password: str, pages: dict[str, str]) -> None:
    """Sign in, and take a screenshot of the top of each page."""
    PICTURES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        # As root, Chromium starts only without its sandbox. These pages are our own.
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE, color_scheme="light", locale="en-GB")
        page.goto(sign_in)
        page.get_by_label("E-mail").fill(EMAIL)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("button", name="Sign out").wait_for()
        for name, url in pages.items():
            picture(page, url, PICTURES / f"{name}.png")
        browser.close()


def picture(page: Page, url: str, file: Path) -> None:
    """Save one screenshot, small enough for a README."""
    page.goto(url, wait_until="networkidle")
    page.screenshot(path=file)
    size = file.stat().st_size
    say(f"{file.relative_to(ROOT)}: {size} bytes")
    assert size < MOST_BYTES, f"{file} has more than {MOST_BYTES} bytes"


if __name__ == "__main__":
    sys.exit(main())
