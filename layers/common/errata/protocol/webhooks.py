"""The bodies of outbound webhooks (spec/ingest-api, "Outbound webhooks")."""

import json
from typing import Any

from errata.models import sketch
from errata.models.event import StoredEvent
from errata.models.ids import minted_ms
from errata.models.issue import Issue
from errata.models.project import Project
from errata.models.slug import short_id
from errata.models.webhook import ISSUE_CREATED, TEST
from errata.protocol.read import iso

VERSION = 1
MAX_TEXT_BYTES = 4_096


def issue_created_body(
    project: Project, issue_id: str, event_id: str, fields: StoredEvent, dashboard_url: str
) -> str:
    """Return the body of the message for a new issue, from its first event.

    Texts are cut to 4,096 bytes of UTF-8.
    """

    def text(name: str) -> str | None:
        value = fields.get(name)
        if not isinstance(value, str):
            return None
        # Cut by bytes and not by characters, because SQS limits a message in bytes.
        return value.encode("utf-8", "replace")[:MAX_TEXT_BYTES].decode("utf-8", "ignore")

    issue = {
        "id": issue_id,
        "fingerprint": text("fingerprint"),
        "first_event_id": event_id,
        "message": text("message"),
        "level": text("level"),
        "exception_class": text("exception_class"),
        "environment": text("environment"),
        "release": text("release"),
        "first_seen": iso(minted_ms(event_id)),
    }
    url = f"{dashboard_url}/projects/{project.id}/events/{event_id}"
    return _write(ISSUE_CREATED, project, {"issue": issue, "urls": {"event": url}})


def issue_body(event: str, project: Project, issue: Issue, dashboard_url: str) -> str:
    """Return the body of a message about what happened to an issue, with its state afterwards."""
    about = {
        "id": issue.id,
        "short_id": short_id(project.slug, issue.number),
        "fingerprint": issue.fingerprint,
        "title": issue.title,
        "culprit": issue.culprit,
        "level": issue.level,
        "exception_class": issue.exception_class or None,
        "status": issue.status,
        "status_by": issue.status_by or None,
        "assignee": issue.assignee or None,
        "assigned_by": issue.assigned_by or None,
        "first_event_id": issue.first_event,
        "last_event_id": issue.newest_kept or issue.last_event,
        "first_release": issue.first_release or None,
        "last_release": issue.last_release or None,
        "first_seen": iso(issue.first_seen),
        "last_seen": iso(issue.last_seen),
        "events": issue.count,
        "users": sketch.estimate(issue.users),
    }
    url = f"{dashboard_url}/projects/{project.id}/issues/{issue.id}"
    return _write(event, project, {"issue": about, "urls": {"issue": url}})


def test_body(project: Project, at_ms: int) -> str:
    """Return the body of a test message."""
    return _write(TEST, project, {"sent_at": iso(at_ms)})


def _write(event: str, project: Project, more: dict[str, Any]) -> str:
    about = {"id": project.id, "name": project.name}
    body = {"event": event, "version": VERSION, "project": about, **more}
    return json.dumps(body, ensure_ascii=False)
