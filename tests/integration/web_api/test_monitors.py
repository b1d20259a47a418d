"""Cron monitors, as the web API returns them."""

import json
import re

from errata.usecases import members, monitors
from functions.web_api.monitor_schemas import CheckInSchema, MonitorSchema
from tests.support import web_api
from tests.support.account import Clock, new_project
from tests.support.monitor_rows import watched
from tests.support.shop import Shop

MEMBER = "member@example.com"


def test_a_monitor_has_the_form_of_sentry_s_api(shop: Shop, clock: Clock) -> None:
    watched(shop.id, failing=True)
    watched(shop.id, environment="staging", statuses=(), config=None, expected_ms=None, seen_ms=0)
    (found,) = shop.get("monitors/")
    MonitorSchema.model_validate_json(json.dumps(found))
    assert shop.get("monitors/nightly-backup/") == found
    assert (found["slug"], found["project"]["id"]) == ("nightly-backup", shop.id)
    assert found["config"] == {
        "schedule_type": "crontab",
        "schedule": "0 3 * * *",
        "checkin_margin": 5,
        "max_runtime": 30,
        "timezone": "Europe/Berlin",
        "failure_issue_threshold": 1,
        "recovery_threshold": 1,
    }
    production, staging = found["environments"]
    assert (production["status"], staging["status"]) == ("error", "active")
    assert staging["lastCheckIn"] is staging["nextCheckIn"] is None
    assert production["nextCheckIn"] < production["nextCheckInLatest"]


def test_check_ins_are_the_runs_newest_first(shop: Shop) -> None:
    watched(shop.id)
    watched(shop.id, environment="staging", statuses=("ok",))
    found = shop.get("monitors/nightly-backup/checkins/?environment=production")
    for each in found:
        CheckInSchema.model_validate_json(json.dumps(each))
    statuses = ["in_progress", "missed", "timeout", "error", "ok", "ok"]
    assert [each["status"] for each in found] == statuses
    assert [each["duration"] for each in found] == [None, None, 90_000, 90_000, 90_000, 90_000]
    assert len(shop.get("monitors/nightly-backup/checkins/")) == 7
    assert len(shop.get("monitors/nightly-backup/checkins/?per_page=2")) == 2
    for missing in ("other/", "other/checkins/", "nightly-backup/checkins/?environment=x"):
        assert shop.call("GET", f"monitors/{missing}").status == 404


def test_monitors_of_an_organization_come_in_pages_and_by_project(shop: Shop) -> None:
    others = [new_project() for _ in range(2)]
    for project_id in (shop.id, *(each.id for each in others)):
        watched(project_id, "one")
        watched(project_id, "two")
    path, read = "/api/0/organizations/default/monitors/?per_page=1", []
    for _ in range(3):
        page = shop.call("GET", path)
        read += [(each["project"]["id"], each["slug"]) for each in page.json]
        found = re.search(r'<[^>]*(/api[^>]+)>; rel="next"; results="true"', page.headers["Link"])
        path = found[1] if found else ""
    ids = sorted((shop.id, *(each.id for each in others)), key=int)
    assert read == [(each, slug) for each in ids for slug in ("one", "two")]
    assert path == ""
    of_one = shop.get(f"/api/0/organizations/default/monitors/?project={shop.slug}")
    assert {each["project"]["id"] for each in of_one} == {shop.id}


def test_a_token_gets_only_monitors_of_projects_that_it_sees(shop: Shop) -> None:
    hidden = new_project()
    watched(shop.id)
    watched(hidden.id, "secret-job")
    bearer = token_of_team_member(shop)
    path = "/api/0/organizations/default/monitors/"
    assert [each["slug"] for each in shop.get(path)] == ["nightly-backup", "secret-job"]
    assert [each["slug"] for each in shop.get(path, token=bearer)] == ["nightly-backup"]
    of_hidden = f"/api/0/projects/default/{hidden.id}/monitors/"
    assert shop.get(f"{path}?project={hidden.id}") == shop.get(of_hidden) != []
    refused = shop.call("GET", f"{path}?project={hidden.id}", token=bearer)
    assert (refused.status, "secret-job" in refused.text) == (400, False)
    for one in ("", "secret-job/", "secret-job/checkins/"):
        assert shop.call("GET", of_hidden + one).status == 200
        refused = shop.call("GET", of_hidden + one, token=bearer)
        assert (refused.status, "secret-job" in refused.text) == (404, False)
    assert shop.call("DELETE", f"{of_hidden}secret-job/", token=bearer).status == 404
    assert len(monitors.of_project(hidden.id)) == 1


def token_of_team_member(shop: Shop) -> str:
    """Return a token that may write, of a member who sees only this project."""
    team = members.create_team("default", "web").id
    members.set_project_teams(shop.id, [team])
    return web_api.token("write", member=web_api.member(MEMBER, teams=(team,)))


def test_an_owner_deletes_a_monitor_and_a_member_cannot(shop: Shop) -> None:
    watched(shop.id)
    watched(shop.id, environment="staging")
    bearer = token_of_team_member(shop)
    assert shop.call("DELETE", "monitors/nightly-backup/", token=bearer).status == 403
    assert len(monitors.of_project(shop.id)) == 2
    deleted = shop.call("DELETE", "monitors/nightly-backup/?environment=staging")
    assert deleted.status == 202
    assert [each.environment for each in monitors.of_project(shop.id)] == ["production"]
    assert shop.call("DELETE", "monitors/nightly-backup/").status == 202
    assert monitors.of_project(shop.id) == []
    assert shop.call("DELETE", "monitors/nightly-backup/").status == 404
