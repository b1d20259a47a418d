"""Queue messages to a project's webhooks."""

import hashlib

from errata.caches import TTLCache
from errata.config import settings
from errata.models.event import Stored
from errata.models.ids import now_ms
from errata.models.project import Project
from errata.models.webhook import ISSUE_CREATED, Message, Webhook
from errata.protocol.webhooks import issue_created_body
from errata.store import projects, webhooks

type Subscribers = tuple[Project, list[Webhook]]

_subscribed = TTLCache[Subscribers | None](max_entries=1_000)


def issues_created(pk: str, first_events: list[Stored]) -> None:
    """Enqueue a message about each new issue for each webhook that is subscribed to new issues.

    Includes disabled webhooks: the dispatcher records these messages for redelivery. `pk` is the
    project's partition in IssuesTable. `first_events` are the first events of the issues, all of
    this project. A second call with the same events enqueues the same message ids.
    """
    project_id = first_events[0].project_id
    subscribed = _subscribed.get(project_id, now_ms(), lambda: _look_up(project_id))
    if subscribed is None:
        return
    project, receiving = subscribed
    webhooks.enqueue(
        Message(
            id=_message_id(pk, event.id),
            project_id=project.id,
            webhook_id=webhook.id,
            event=ISSUE_CREATED,
            body=issue_created_body(
                project, event.issue_id, event.id, event.fields, settings().dashboard_url
            ),
        )
        for event in first_events
        for webhook in receiving
    )


def _message_id(pk: str, event_id: str) -> str:
    digest = hashlib.blake2s(f"{ISSUE_CREATED}\0{pk}\0{event_id}".encode(), digest_size=16)
    return f"msg_{digest.hexdigest()}"


def _look_up(project_id: str) -> Subscribers | None:
    """Return the project and its webhooks for new issues, or None if there are none."""
    receiving = [
        webhook for webhook in webhooks.list_webhooks(project_id) if ISSUE_CREATED in webhook.events
    ]
    project = projects.find_project(project_id) if receiving else None
    return (project, receiving) if project else None


def clear_cache() -> None:
    """Drop the cached webhooks."""
    _subscribed.clear()
