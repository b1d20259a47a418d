"""The page on OpenTelemetry, and its setting with the command."""

import pytest

from errata.usecases import access, audit, members, projects
from tests.support.account import Project
from tests.support.browser import Browser, signed_in
from tests.support.cli import deployed, done

__all__ = ["deployed"]


def path(project: Project) -> str:
    return f"projects/{project.id}/opentelemetry"


def test_the_page_says_how_to_set_up_a_program(browser: Browser, busy: Project) -> None:
    assert 'href="opentelemetry"' in browser.get(f"projects/{busy.id}/settings").html
    shown = browser.get(path(busy))
    assert f"OTEL_EXPORTER_OTLP_HEADERS=x-api-key={busy.public}" in shown.text
    assert busy.key not in shown.html


def test_an_owner_turns_events_from_log_records_on_and_off(browser: Browser, busy: Project) -> None:
    page = path(busy)
    assert "are dropped" in browser.get(page).text
    for word, message in (("on", "become events"), ("off", "are dropped")):
        shown = browser.post(page, **{"log-errors": word})
        assert message in shown.text
        assert projects.find(busy.id).log_errors is (word == "on")
        found = access.find_any(busy.public, 0).access
        assert found
        access.clear_cache()
    entries, _ = audit.list_entries("default", "", 10)
    assert [each.action for each in entries].count("log records changed") == 2


def test_a_member_can_read_and_not_change_the_setting(busy: Project) -> None:
    team = members.create_team("default", "web").id
    members.set_project_teams(busy.id, [team])
    members.add("default", "member@example.com", "member", [team])
    member = signed_in("member@example.com")
    assert "<button" not in member.get(path(busy)).html.partition("Log records</h2>")[2]
    assert member.post(path(busy), **{"log-errors": "on"}).status == 403
    assert projects.find(busy.id).log_errors is False


@pytest.mark.usefixtures("deployed")
def test_the_command_changes_the_setting_for_log_records(busy: Project) -> None:
    set_ = ("projects", "set", busy.id)
    assert "log errors  events\n" in done(*set_, "--log-errors").out
    assert done("projects", "show", busy.id, "--json").json["log_errors"] is True
    assert done(*set_, "--no-log-errors", "--json").json["log_errors"] is False
