"""POST /api/ingest and /api/v1/ingest (spec/ingest-api)."""

from typing import Any

from errata import gateway
from errata.errors import Refused, StoreError
from errata.models.ids import now_ms
from errata.protocol.body import decompress, parse_object
from errata.protocol.ingest import idempotency_key
from errata.store import clients
from errata.usecases import access, ingest, losses

clients.dynamodb()  # made while Lambda initialises, when CPU is plentiful and free


def handler(event: gateway.Event, _context: Any) -> gateway.Answer:
    """Accept one event, or say why not."""
    try:
        return _ingest(event)
    except Refused as refused:
        return gateway.refusal(refused)
    except StoreError as error:
        return gateway.refusal(gateway.unavailable(error))


def _ingest(event: gateway.Event) -> gateway.Answer:
    headers = gateway.headers(event)
    body = gateway.body(event)
    sent: dict[str, Any] | Refused
    try:
        body = decompress(body, headers.get("content-encoding", ""))
        sent = parse_object(body)
    except Refused as refused:
        # The key is checked first, and a replay comes before a bad body.
        sent = refused
    caller = gateway.caller(event)
    in_body = sent.get("api_key") if isinstance(sent, dict) else None
    try:
        opened = access.of_caller(caller, in_body, now_ms())
        once = None
        try:
            once = idempotency_key(headers.get("idempotency-key"))
        except Refused as refused:
            # 402 comes before it.
            sent = refused
        return _answer(ingest.accept(sent, body, opened, once))
    except Refused as refused:
        losses.refused(caller, in_body, refused)
        raise


def _answer(accepted: ingest.Accepted) -> gateway.Answer:
    extra = {}
    if accepted.replayed:
        extra["Idempotency-Replayed"] = "true"
    if accepted.mismatch:
        extra["Idempotency-Mismatch"] = "true"
    return gateway.answer(202, f'{{"id": "{accepted.event_id}"}}', extra)
