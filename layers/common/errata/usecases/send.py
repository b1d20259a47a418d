"""Send an event as an operator: no key, no limits, otherwise as over the API."""

from errata.models.event import Fields
from errata.usecases import ingest, projects


def send(project_id: str, sent: Fields) -> str:
    """Store one event, durably, and return its id.

    Raises:
        NotFound: there is no such project.
        Refused: what is wrong with the event; nothing is stored.
    """
    access = projects.operator_access(projects.find(project_id))
    return ingest.accept(sent, b"", access, idempotency_key=None).event_id
