"""Tell a project's webhooks what has happened."""

import hashlib

from errata.config import settings
from errata.models.ids import now_ms
from errata.models.project import Project
from errata.models.webhook import ISSUE_CREATED, Endpoint, Notice
from errata.protocol.webhooks import issue_created_body
from errata.store import projects
from errata.store import webhooks as store
from errata.store.events import Stored
from errata.usecases.ttl_cache import TTLCache

type Listeners = tuple[Project, list[Endpoint]]

_listeners = TTLCache[Listeners | None](max_entries=1_000)


def issues_created(pk: str, first_events: list[Stored]) -> None:
    """Enqueue a notice of each new issue, made of its first event, for each endpoint that wants it.

    Also for one that is disabled: the dispatcher records what is not sent, to be sent later. `pk`
    is the project's partition of IssuesTable, all the events are of this project. Called again with
    the same events, it enqueues the same ids again.
    """
    project_id = first_events[0].project_id
    listeners = _listeners.get(project_id, now_ms(), lambda: _look_up(project_id))
    if listeners is None:
        return
    project, endpoints = listeners
    store.enqueue(
        Notice(
            id=_notice_id(pk, event.id),
            project_id=project.id,
            endpoint_id=endpoint.id,
            event=ISSUE_CREATED,
            body=issue_created_body(
                project, event.issue_id, event.id, event.fields, settings().dashboard_url
            ),
        )
        for event in first_events
        for endpoint in endpoints
    )


def _notice_id(pk: str, event_id: str) -> str:
    digest = hashlib.blake2s(f"{ISSUE_CREATED}\0{pk}\0{event_id}".encode(), digest_size=16)
    return f"msg_{digest.hexdigest()}"


def _look_up(project_id: str) -> Listeners | None:
    """The project and its endpoints for new issues; None where there are none."""
    endpoints = [
        endpoint
        for endpoint in store.list_endpoints(project_id)
        if ISSUE_CREATED in endpoint.events
    ]
    project = projects.find_project(project_id) if endpoints else None
    return (project, endpoints) if project else None


def clear_cache() -> None:
    """Drop what this process knows of the projects' endpoints."""
    _listeners.clear()
