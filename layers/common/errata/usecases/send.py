"""Send an event as an operator: like the ingest API, but without a key or limits."""

from dataclasses import replace

from errata.models.event import Fields
from errata.models.ids import new_event_id, now_ms
from errata.protocol.ingest import parse_event
from errata.store import events
from errata.usecases import projects, report_losses
from errata.usecases.access import operator_scrubbing
from errata.usecases.prepare import prepare
from errata.usecases.scrub import scrub_contract_event


def send_event(project_id: str, sent: Fields) -> str:
    """Store one event, durably, and return its id.

    Raises:
        NotFoundError: there is no such project.
        HTTPError: the event is refused; nothing is stored.
    """
    project = projects.find(project_id)
    access = replace(projects.operator_access(project), **operator_scrubbing(project))
    at_ms = now_ms()
    event_id = new_event_id(at_ms)
    fields = scrub_contract_event(parse_event(sent), access)
    item, trimmed = prepare(fields, access, event_id, at_ms)
    events.put(item)
    if trimmed:
        report_losses.note(project_id, "trimmed")
    return event_id
