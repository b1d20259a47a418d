"""The main job: errors in over both APIs, grouped, counted, read back."""

from errata.usecases import issues
from tests.support import stream
from tests.support.account import Clock, Project
from tests.support.gateway import call
from tests.support.visible import visible_in


def test_an_error_is_stored_grouped_and_read_back(project: Project, clock: Clock) -> None:
    project_id, key = project.id, project.key
    sent = {"message": "boom", "release": "1.0", "environment": "prod", "user": {"id": 3}}
    accepted = call("POST", "/api/ingest", sent, {"X-Api-Key": key})
    assert accepted.status == 202
    clock.advance(1)
    call("POST", "/api/v1/ingest", {"message": "boom"}, {"Authorization": f"Bearer {key}"})

    assert stream.deliver(stream.records()) == []

    read = call("GET", f"/api/projects/{project_id}/events?api_key={key}").json
    assert read["data"][1]["id"] == accepted.json["id"]
    assert read["data"][1]["context"] == {"user": {"id": 3}}
    (issue,) = issues.list_issues(visible_in(project_id))
    assert (issue.title, issue.count, issue.releases) == ("boom", 2, {"1.0": 1})
    (release,) = issues.list_releases(visible_in(project_id))
    assert (release.release, release.open_issues) == ("1.0", 1)


def test_a_script_s_errors_are_numbered_read_and_cleared(project: Project) -> None:
    project_id, key = project.id, project.key
    error = {"hash": key, "level": "Warning", "message": "careful"}
    numbers = [call("POST", "/api.php", error).json for _ in range(3)]
    assert numbers == [{"ok": True, "id": n} for n in (1, 2, 3)]
    call("POST", "/api/ingest", {"message": "boom"}, {"X-Api-Key": key})

    assert call("GET", f"/api.php?action=clear&hash={key}").json == {"ok": True, "deleted": 3}
    assert call("GET", f"/api.php?action=errors&hash={key}").json == {"errors": []}
    assert call("GET", f"/api/projects/{project_id}/events?api_key={key}").json["data"] == []
    assert call("POST", "/api.php", error).json == {"ok": True, "id": 4}
    stream.cleaned("1")

    assert [e["legacy_id"] for e in stream.stored_events()] == [{"N": "4"}]
    assert [e["id"] for e in call("GET", f"/api.php?action=errors&hash={key}").json["errors"]] == [
        4
    ]
