"""What a client of the ingest API does, each in one line."""

from typing import Any
from urllib.parse import urlencode

from tests.support.account import Project
from tests.support.gateway import Response, call

BOOM = {"message": "boom"}


def ingest(project: Project, body: Any = BOOM, **headers: str) -> Response:
    """Post an event. `idempotency_key="k"` becomes the header Idempotency-Key."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return call("POST", "/api/ingest", body, {"X-Api-Key": project.key, **named})


def read(project: Project, **query: Any) -> Response:
    """Read a page of events."""
    url = f"/api/projects/{project.id}/events?{urlencode(query)}"
    return call("GET", url, None, {"X-Api-Key": project.key})


def events(project: Project, **query: Any) -> list[dict[str, Any]]:
    """Return all matching events, newest first, from all pages."""
    found: list[dict[str, Any]] = []
    while True:
        page = read(project, **query)
        assert page.status == 200, page.text
        found += page.json["data"]
        if page.json["next_cursor"] is None:
            return found
        query["cursor"] = page.json["next_cursor"]


def only(project: Project) -> dict[str, Any]:
    """Return the only event of a project."""
    (found,) = events(project)
    return found


def kept(project: Project, body: Any, **headers: str) -> dict[str, Any]:
    """Post an event that must be accepted, and read it back."""
    accepted = ingest(project, body, **headers)
    assert accepted.status == 202, accepted.text
    (event,) = [event for event in events(project) if event["id"] == accepted.json["id"]]
    return event


def capture(project: Project, **fields: Any) -> Response:
    """Submit an error to api.php. None removes a field."""
    error = {"hash": project.key, "level": "Warning", "message": "careful", **fields}
    sent = {name: value for name, value in error.items() if value is not None}
    return call("POST", "/api.php", sent)


def php(method: str = "GET", **query: Any) -> Response:
    """Call api.php with query parameters."""
    return call(method, f"/api.php?{urlencode(query)}")


def errors(project: Project, since: int = 0) -> list[dict[str, Any]]:
    """Return one response of `action=errors`."""
    response = php(action="errors", hash=project.key, since=since)
    assert response.status == 200, response.text
    found: list[dict[str, Any]] = response.json["errors"]
    return found
