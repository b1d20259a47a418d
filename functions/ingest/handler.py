"""POST /api/ingest and /api/v1/ingest (spec/ingest-api)."""

from typing import Any

from errata import gateway
from errata.errors import HTTPError, StoreError
from errata.models.ids import now_ms
from errata.protocol.body import JsonBody
from errata.store import clients
from errata.usecases import admission
from errata.usecases.ingest import IngestSubmission

clients.dynamodb()  # made in Lambda's init phase, where CPU is plentiful


def handler(event: gateway.HttpEvent, _context: Any) -> gateway.HttpResponse:
    """Accept one event, or return an error response."""
    try:
        return _ingest(event)
    except HTTPError as refused:
        return gateway.error_response(refused)
    except StoreError as error:
        return gateway.error_response(gateway.unavailable(error))


def _ingest(event: gateway.HttpEvent) -> gateway.HttpResponse:
    headers = gateway.headers(event)
    body = JsonBody(gateway.body(event), headers.get("content-encoding", ""))
    at_ms = now_ms()
    request = admission.AdmissionRequest(
        gateway.caller(event), body_key=lambda: body.get("api_key")
    )
    access = admission.identify(request, at_ms)
    submission = IngestSubmission(body, headers.get("idempotency-key"))
    admitted = admission.store_event(submission, access, at_ms)
    extra = {}
    if not admitted.stored:
        extra["Idempotency-Replayed"] = "true"
    if admitted.mismatch:
        extra["Idempotency-Mismatch"] = "true"
    return gateway.response(202, f'{{"id": "{admitted.id}"}}', extra)
