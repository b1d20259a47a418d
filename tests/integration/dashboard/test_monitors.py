"""Cron monitors on their pages, and with the command."""

import pytest

from errata.errors import NotFoundError
from errata.models.monitor import MAX_ENVIRONMENT, MAX_MONITORS, MAX_SLUG
from errata.protocol.read import iso
from errata.usecases import audit, members, monitors
from tests.support.account import Project, new_project
from tests.support.browser import Browser, signed_in
from tests.support.calls import recorded
from tests.support.cli import deployed, done, run
from tests.support.monitor_rows import watched
from tests.support.pages import HOSTILE, MAX_BYTES, MAX_CALLS, only_our_markup

__all__ = ["deployed"]

ISSUE = "a" * 32


def path(project: Project) -> str:
    return f"projects/{project.id}/monitors"


def test_the_empty_page_says_how_to_begin(browser: Browser, busy: Project) -> None:
    settings = browser.get(f"projects/{busy.id}/settings")
    assert 'href="monitors"' in settings.html
    assert ">Monitors</a>" not in settings.html
    shown = browser.get(path(busy))
    assert "No monitors yet" in shown.text
    assert f"/api/{busy.id}/cron/nightly-backup/{busy.public}/?status=ok" in shown.text
    assert "sentry-cli monitors run --schedule" in shown.text
    assert busy.key not in shown.html


def test_the_list_shows_schedule_state_and_runs_of_each_monitor(
    browser: Browser, busy: Project
) -> None:
    made = watched(busy.id, failing=True, issue_id=ISSUE)
    watched(busy.id, "report", HOSTILE[:MAX_ENVIRONMENT], ("ok",), config=None, expected_ms=None)
    shown = browser.get(path(busy))
    only_our_markup(shown.html)
    only_our_markup(browser.get(f"{path(busy)}/report").html)
    assert ">Monitors</a>" in shown.html
    for text in ("nightly-backup", "0 3 * * * (Europe/Berlin)", "running", "no schedule"):
        assert text in shown.text
    assert "Its check-ins name no schedule." in shown.text
    assert f'class="minute" datetime="{iso(made.expected_ms or 0)}"' in shown.html
    strip = "The last 6 runs, oldest first: 2 ok, 1 failed, 1 timed out, 1 missed, 1 running"
    assert f'aria-label="{strip}"' in shown.html
    assert f'href="issues/{ISSUE}">Issue</a>' in shown.html


def test_the_page_of_a_monitor_has_its_runs(browser: Browser, busy: Project) -> None:
    watched(busy.id)
    watched(busy.id, environment="staging", statuses=(), problem="The day 31 never comes.")
    shown = browser.get(f"{path(busy)}/nightly-backup")
    rows = [row.partition("</td>")[0] for row in shown.html.split("<tr><td>")[1:]]
    statuses = ["running", "missed", "timed out", "failed", "ok", "ok"]
    assert [each.partition(">")[2].partition("<")[0] for each in rows] == statuses
    for text in ("1 min 30 s", "staging", "No runs yet.", "The day 31 never comes.", "5 min"):
        assert text in shown.text
    assert browser.get(f"{path(busy)}/other").status == 404


def test_an_admin_deletes_a_monitor_in_an_environment(browser: Browser, busy: Project) -> None:
    watched(busy.id)
    watched(busy.id, environment="a#b")
    page = browser.get(f"{path(busy)}/nightly-backup")
    assert 'value="nightly-backup#a#b"' in page.html
    shown = browser.post(path(busy), delete="nightly-backup#a#b")
    assert "Deleted. Its issues stay." in shown.text
    assert [each.environment for each in monitors.of_project(busy.id)] == ["production"]
    entries, _ = audit.list_entries("default", "", 10)
    assert "monitor deleted" in [each.action for each in entries]
    again = browser.post(path(busy), delete="nightly-backup#a#b")
    assert (again.status, "has no monitor" in again.text) == (404, True)


def test_a_member_sees_monitors_and_cannot_delete_them(busy: Project) -> None:
    watched(busy.id)
    team = members.create_team("default", "web").id
    members.set_project_teams(busy.id, [team])
    members.add("default", "member@example.com", "member", [team])
    member = signed_in("member@example.com")
    assert "nightly-backup" in member.get(path(busy)).text
    assert 'name="delete"' not in member.get(f"{path(busy)}/nightly-backup").html
    assert member.post(path(busy), delete="nightly-backup#production").status == 403
    assert len(monitors.of_project(busy.id)) == 1
    other = new_project()
    assert member.get(path(other)).status == 404


def test_the_list_of_the_maximum_number_of_monitors_stays_small(
    browser: Browser, busy: Project
) -> None:
    environment = "\U0001f4a5" * MAX_ENVIRONMENT
    for number in range(MAX_MONITORS):
        slug = f"{number:03}".ljust(MAX_SLUG, "x")
        watched(busy.id, slug, environment, ("ok", "missed") * 10, issue_id=ISSUE, failing=True)
    with recorded() as calls:
        shown = browser.get(path(busy))
    assert len(calls) <= MAX_CALLS
    assert shown.size <= MAX_BYTES
    assert f"of {MAX_MONITORS} are shown" in shown.text
    assert "Errata refuses check-ins of new monitors." in shown.text
    assert shown.html.count('class="runs"') > 40


@pytest.mark.usefixtures("deployed")
def test_the_command_lists_shows_and_deletes_monitors(busy: Project) -> None:
    assert "No monitors." in done("monitors", "list", busy.id).out
    watched(busy.id, failing=True, issue_id=ISSUE)
    watched(busy.id, environment="staging", statuses=("ok",))
    listed = done("monitors", "list", busy.id).out
    assert "0 3 * * * (Europe/Berlin)" in listed
    assert "running" in listed
    assert [each["environment"] for each in done("monitors", "list", busy.id, "--json").json] == [
        "production",
        "staging",
    ]
    named = ("monitors", "show", busy.id, "nightly-backup")
    assert "1 min 30 s" in done(*named).out
    (found,) = done(*named, "--environment", "production", "--json").json
    assert [each["status"] for each in found["runs"]][:2] == ["in_progress", "missed"]
    assert (found["issue_id"], found["timezone"]) == (ISSUE, "Europe/Berlin")
    deleted = done("monitors", "delete", busy.id, "nightly-backup", "--environment", "staging")
    assert "Deleted nightly-backup in staging." in deleted.out
    done("monitors", "delete", busy.id, "nightly-backup")
    with pytest.raises(NotFoundError):
        monitors.find(busy.id, "nightly-backup")
    assert run("monitors", "show", busy.id, "nightly-backup").code == 1
