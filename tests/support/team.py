"""A user with a project on a deployed stack, for tests in a browser."""

import hashlib
import json
import os
import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from errata.models.artifact import Artifact, Bundle
from errata.models.ids import new_event_id, now_ms
from errata.models.webhook import Attempt, Delivery, Message
from errata.store import artifacts, captures
from errata.store import webhooks as store
from errata.usecases import members, projects, webhooks
from tests.support.template import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Page

ALL_PICTURES = os.environ.get("ERRATA_SCREENSHOTS")
# Git ignores `.errata`.
PICTURES = Path(ALL_PICTURES or ROOT / ".errata" / "screenshots")
# Of windows, in pixels: a desk and a phone.
WIDTHS = (1280, 390)


@dataclass(frozen=True)
class Team:
    """A member of an organization, with their own project."""

    url: str
    email: str
    password: str
    project_id: str
    key: str
    api_url: str

    def send(self, **event: Any) -> str:
        """Report an error. Return the event's id."""
        response = requests.post(
            f"{self.api_url}/api/ingest",
            data=json.dumps(event),
            headers={"X-Api-Key": self.key, "Content-Type": "application/json"},
            timeout=60,
        )
        assert response.status_code == 202, response.text
        event_id: str = response.json()["id"]
        return event_id

    def send_as_sdk(self, event: dict[str, Any]) -> str:
        """Report an error in an envelope, as SDKs do. Return the SDK's id of the event."""
        event_id = secrets.token_hex(16)
        lines: tuple[dict[str, Any], ...] = (
            {},
            {"type": "event"},
            {"event_id": event_id, "platform": "python"} | event,
        )
        _, key = projects.create_key(self.project_id, "sdk", public=True)
        response = requests.post(
            f"{self.api_url}/api/{self.project_id}/envelope/?sentry_key={key}",
            data="\n".join(map(json.dumps, lines)),
            timeout=60,
        )
        assert response.status_code == 200, response.text
        return event_id


def new_team(dashboard_url: str, api_url: str) -> Team:
    """Create an owner of the default organization, with their own project."""
    email, password = f"{secrets.token_hex(4)}@example.com", secrets.token_urlsafe(12)
    members.add("default", email, "owner", password=password)
    created = projects.create("Shop")
    assert created
    return Team(dashboard_url, email, password, created[0].id, created[1], api_url)


def busy_settings(team: Team) -> None:
    """Give the project webhooks, one of which failed until it was disabled, with its attempts."""
    webhook, _ = webhooks.add(team.project_id, f"https://hooks.example.com/services/{'abc' * 20}")
    store.update_webhook(
        webhook, disabled_at=now_ms(), disabled_reason="it failed for five days without a break"
    )
    message = Message("msg_1", team.project_id, webhook.id, "issue.created", "{}")
    error = "the connection was refused: [Errno 111] Connection refused by hooks.example.com"
    for number in range(1, 4):
        attempt = Attempt(new_event_id(now_ms()), message, number, None, 12_345, error)
        store.record(attempt, Delivery(number, over=False), now_ms() // 1000)


def has_log_groups(team: Team) -> None:
    """Give the team's project log groups, with short and long names."""
    captures.put_group(team.project_id, "/aws/lambda/shop", "arn:aws:iam::1:user/ada", now_ms())
    captures.note_event(team.project_id, "/aws/lambda/shop", now_ms())
    long = "/ecs/" + "a-cluster-with-a-long-name/" * 8
    captures.note_event(team.project_id, long, now_ms())


def has_maps(team: Team) -> None:
    """Give the project source maps: one that is found by all there is, and one that is not.

    And an upload that has failed.
    """
    of = {"release": f"shop@{'1.2.3-' * 20}", "dist": "7", "debug_id": "0123456789abcdef" * 2}
    for name, about in (
        (f"~/assets/{'checkout-' * 20}4f2a.js", of),
        ("~/a.js", dict.fromkeys(of, "")),
    ):
        map_id = hashlib.sha256(name.encode()).hexdigest()[:32]
        at_ms = now_ms()
        artifacts.save_artifact(
            Artifact(
                team.project_id,
                map_id,
                name,
                **about,
                map_bytes=22_000_000,
                stored_bytes=5_600_000,
                uploaded_at=at_ms - 86_400_000,
                used_at=at_ms if about["debug_id"] else at_ms - 86_400_000,
                sources=1_200,
                with_text=1_200,
                keys=(f"debug#{map_id}",),
            )
        )
    detail = f"_/_/{'checkout-' * 20}4f2a.js.map: The file is not JSON, so it is no source map."
    failed = Bundle(team.project_id, "default", "0" * 40, (), of["release"], "7", "error", detail)
    artifacts.save_bundle(replace(failed, changed_at=now_ms()), None)


def sign_in(page: "Page", team: Team, path: str = "") -> None:
    """Sign in as a member of the team, and open a page."""
    page.goto(f"{team.url}/{path}" if path else team.url)
    page.get_by_label("E-mail").fill(team.email)
    page.get_by_label("Password").fill(team.password)
    # Chromium refuses to reload a page that it is leaving, and a click does not wait for the next.
    with page.expect_navigation(wait_until="load"):
        page.get_by_role("button", name="Sign in").click()


def look(page: "Page", name: str, width: int) -> list[str]:
    """Return what is wrong with a page at a width in pixels, in light and in dark.

    Each problem begins with the page's `name` and where it is seen: "issues, phone, dark: …".
    Leaves the page with this width, in light. Takes screenshots of pages with problems, and of all
    pages if ERRATA_SCREENSHOTS names a folder.
    """
    from tests.support.chromium import barriers

    device = "phone" if width < 600 else "desk"
    problems: list[str] = []
    # A narrow phone, and a page that is enlarged to 400 %.
    for narrow in (320, width) if width < 600 else (width,):
        page.set_viewport_size({"width": narrow, "height": 900})
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            problems.append(f"{name}, {device}: the page is wider than {narrow} pixels")
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        # Only colors differ: see test_light_and_dark_differ_in_colors_only.
        found = barriers(page, colors_only=scheme == "dark")
        problems += [f"{name}, {device}, {scheme}: {each}" for each in found]
        if problems or ALL_PICTURES:
            PICTURES.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=PICTURES / f"{name}-{device}-{scheme}.png", full_page=True)
    return problems
