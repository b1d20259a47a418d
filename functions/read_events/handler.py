"""GET /api/projects/{id}/events and /api/v1/projects/{id}/events (spec/ingest-api)."""

from typing import Any

from errata import gateway
from errata.errors import HTTPError, StoreError
from errata.models.ids import now_ms
from errata.protocol.read import parse_filters
from errata.store import clients
from errata.usecases import admission, read_events
from errata.usecases.visible import find_visible

clients.dynamodb()  # made in Lambda's init phase, where CPU is plentiful


def handler(event: gateway.HttpEvent, _context: Any) -> gateway.HttpResponse:
    """Return one page of events, or an error response."""
    try:
        at_ms = now_ms()
        project_id = event["pathParameters"]["id"]
        caller = gateway.caller(event)
        request = admission.AdmissionRequest(caller, project_id=project_id, has_event=lambda: False)
        access = admission.identify(request, at_ms)
        filters = parse_filters(gateway.query(event))
        page = read_events.read(find_visible(access, at_ms), filters)
        return gateway.response(200, page.to_json())
    except HTTPError as refused:
        return gateway.error_response(refused)
    except StoreError as error:
        return gateway.error_response(gateway.unavailable(error))
