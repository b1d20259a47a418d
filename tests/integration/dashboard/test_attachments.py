"""Attachments on the page of an event, as files, as a setting, and with the command."""

import json
from pathlib import Path
from typing import Any

import pytest

from errata.usecases import attachments, members, projects
from tests.support import sdk
from tests.support.account import Project
from tests.support.browser import Browser, signed_in
from tests.support.bundles import make_bucket
from tests.support.cli import deployed, done, failed
from tests.support.clients import events
from tests.support.fresh import clear_cache
from tests.support.pages import HOSTILE, only_our_markup

__all__ = ["deployed"]

PAGE = b"<!doctype html><script>alert(document.cookie)</script>"


@pytest.fixture(autouse=True)
def _bucket(aws: None) -> None:
    make_bucket()


@pytest.fixture
def event(busy: Project) -> dict[str, Any]:
    """An event with a page of HTML and a log."""
    attachments.change(busy.id, True)
    clear_cache()
    sent = sdk.event()
    files = [
        json.dumps({"type": "attachment", "filename": name, **more}).encode() + b"\n" + content
        for name, content, more in (
            (f'"{HOSTILE}\r\nX-Evil: 1.html', PAGE, {"content_type": "text/html"}),
            ("app.log", b"one\ntwo", {"length": 7}),
        )
    ]
    body = sdk.envelope(sdk.item("event", sent), *files, event_id=sent["event_id"])
    assert sdk.post(busy, body).status == 200
    (found,) = events(busy)
    return found


def test_attachments_are_downloaded_and_never_rendered(
    browser: Browser, busy: Project, event: dict[str, Any]
) -> None:
    path = f"projects/{busy.id}/events/{event['id']}"
    shown = browser.get(path)
    only_our_markup(shown.html)
    assert "app.log 0.0 kB" in shown.text
    assert f'events/{event["id"]}/attachments/1" download>app.log</a>' in shown.html
    file = browser.get(f"{path}/attachments/0")
    assert (file.status, file.html.encode()) == (200, PAGE)
    headers = file.headers
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''%22")
    assert "\r" not in headers["Content-Disposition"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    for wrong in ("2", "-1", "x", "00001", "1.5"):
        assert browser.get(f"{path}/attachments/{wrong}").status == 404


def test_a_file_that_is_gone_is_404(browser: Browser, busy: Project, event: dict[str, Any]) -> None:
    attachments.delete_files(busy.id, event["event_id"])
    assert browser.get(f"projects/{busy.id}/events/{event['id']}/attachments/1").status == 404


def test_a_member_of_no_team_gets_no_attachments(busy: Project, event: dict[str, Any]) -> None:
    members.add("default", "member@example.com", "member", [])
    stranger = signed_in("member@example.com")
    path = f"projects/{busy.id}/events/{event['id']}/attachments/1"
    assert stranger.get(path).status == 404


def test_an_owner_turns_attachments_on_and_off(browser: Browser, busy: Project) -> None:
    page = f"projects/{busy.id}/attachments"
    assert 'href="attachments"' in browser.get(f"projects/{busy.id}/settings").html
    assert "are dropped" in browser.get(page).text
    for word, message in (("on", "are kept"), ("off", "are dropped")):
        assert message in browser.post(page, attachments=word).text
        assert projects.find(busy.id).attachments is (word == "on")
    members.add("default", "member@example.com", "member", [])
    assert signed_in("member@example.com").post(page, attachments="on").status in (403, 404)


@pytest.mark.usefixtures("deployed")
def test_the_command_saves_attachments_and_turns_them_off(
    busy: Project, event: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    show = ("events", "attachment", busy.id, event["id"])
    assert done(*show, "2").out == "Saved app.log (7 bytes).\n"
    assert (tmp_path / "app.log").read_bytes() == b"one\ntwo"
    assert "exists. Use --output." in failed(*show, "2")
    assert done(*show, "1", "--json").json["size"] == len(PAGE)
    (saved,) = [each for each in tmp_path.iterdir() if each.name != "app.log"]
    assert saved.name.isprintable()
    done(*show, "--output", str(tmp_path / "page.html"))
    assert (tmp_path / "page.html").read_bytes() == PAGE
    assert "no such attachment" in failed(*show, "3")
    set_ = ("projects", "set", busy.id)
    assert "attachments  kept\n" in done("projects", "show", busy.id).out
    assert done(*set_, "--no-attachments", "--json").json["attachments"] is False
