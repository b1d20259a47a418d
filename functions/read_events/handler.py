"""GET /api/projects/{id}/events and /api/v1/projects/{id}/events (spec/ingest-api)."""

from typing import Any

from errata import gateway
from errata.errors import Refused, StoreError
from errata.models.ids import now_ms
from errata.protocol.read import parse
from errata.store import clients
from errata.usecases import access, read_events

clients.dynamodb()  # made while Lambda initialises, when CPU is plentiful and free


def handler(event: gateway.Event, _context: Any) -> gateway.Answer:
    """One page of events, or why not."""
    try:
        at_ms = now_ms()
        project_id = event["pathParameters"]["id"]
        caller = access.of_caller(gateway.caller(event), None, at_ms, project_id)
        page = read_events.read(caller, parse(gateway.query(event)), at_ms)
        return gateway.answer(200, page.to_json())
    except Refused as refused:
        return gateway.refusal(refused)
    except StoreError as error:
        return gateway.refusal(gateway.unavailable(error))
