"""Cron monitors on the deployed stack: from a request or a missing one to the issue."""

from typing import Any

import requests

from dev.stack import LocalStack
from errata.models.project import live_dsns
from errata.usecases import projects
from tests.support.cli import done
from tests.support.deployed import eventually

# The next minute, what a check-in may be late, the local stack's Scheduler, and a busy machine.
MISSED_S = 240


def test_failed_and_missed_runs_open_an_issue_and_good_ones_resolve_it(
    stack: LocalStack, errata: str, project: tuple[str, str]
) -> None:
    project_id, _ = project
    (dsn,) = live_dsns(stack.sdk_url, projects.list_keys(project_id)).values()
    key = dsn.partition("://")[2].partition("@")[0]

    def check_in(slug: str, status: str, at: str = stack.sdk_url, **body: Any) -> None:
        url = f"{at}/api/{project_id}/cron/{slug}/{key}/"
        if body:
            response = requests.post(url, json={"status": status, **body}, timeout=60)
        else:
            response = requests.get(f"{url}?status={status}", timeout=60)
        assert response.status_code == 202, response.text

    def issues(status: str) -> set[str]:
        listed = done("issues", "list", project_id, "--stack", errata, "--status", status, "--json")
        return {each["title"] for each in listed.json}

    minutely = {"schedule": {"type": "crontab", "value": "* * * * *"}, "checkin_margin": 0}
    check_in("minutely", "ok", monitor_config=minutely)
    # Through the API, and with the function's own URL.
    check_in("nightly", "error", at=stack.api_url)
    eventually(lambda: issues("open"), lambda found: "nightly: failed run" in found)
    check_in("nightly", "ok")
    eventually(lambda: issues("resolved"), lambda found: "nightly: failed run" in found)
    eventually(lambda: issues("open"), lambda found: "minutely: missed run" in found, MISSED_S)
    # The worker has created the next schedule, with only its own role.
    groups = stack.client("scheduler").list_schedules()["Schedules"]
    assert [each for each in groups if each["Name"].startswith(f"{project_id}-")]
