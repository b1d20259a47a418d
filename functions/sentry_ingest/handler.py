"""POST /api/{project_id}/envelope and /store: the door for Sentry's SDKs.

Source: the SDK development documentation, "Transport" and "Rate Limiting".
"""

import json
from typing import Any

from errata import gateway
from errata.errors import Invalid, PaymentRequired, RateLimited, Refused, StoreError, Unauthorized
from errata.models.ids import now_ms
from errata.protocol.body import decompress
from errata.protocol.sentry import key
from errata.protocol.sentry.envelope import Envelope, Item, parse
from errata.store import clients
from errata.usecases import access, losses, sentry

clients.dynamodb()  # made while Lambda initialises, when CPU is plentiful and free

# An event and its attachments; an event alone may have a MiB (errata.protocol.body).
MAX_ENVELOPE_BYTES = 20 * 1024 * 1024
# Until an organization may send again is for it to decide: SDKs ask once a minute.
_PAYMENT_S = 60
_EXPOSED = {"Access-Control-Expose-Headers": "X-Sentry-Error,X-Sentry-Rate-Limits,Retry-After"}
_CODINGS = ("", "identity", "gzip", "x-gzip", "deflate")


class UnsupportedCoding(Refused):
    """415: a body in Brotli or Zstandard, as some SDKs send where they find the library for it."""

    status = 415
    loss = "invalid"

    def __init__(self) -> None:
        super().__init__("Unsupported Content-Encoding: set the SDK to gzip, or to no compression.")


def handler(event: gateway.Event, _context: Any) -> gateway.Answer:
    """Accept an envelope or an event, or say why not."""
    try:
        named = _accept(event)
    except Refused as refused:
        return _refusal(refused)
    except StoreError as error:
        return _refusal(gateway.unavailable(error))
    return gateway.answer(200, f'{{"id":"{named}"}}', _EXPOSED)


def _accept(event: gateway.Event) -> str:
    sent = _sent(event)
    caller = gateway.caller(event)
    in_body = key.of_dsn(sent.headers.get("dsn")) if isinstance(sent, Envelope) else None
    project_id = event["pathParameters"]["project_id"]
    try:
        opened = access.of_caller(caller, in_body, now_ms(), project_id, access.find_dsn)
        if isinstance(sent, Refused):
            raise sent
        return sentry.accept(sent, opened, caller.address)
    except Refused as refused:
        # Of an envelope that holds no event nothing is lost.
        if isinstance(sent, Refused) or sent.event is not None:
            losses.refused(caller, in_body, refused, access.find_dsn)
        raise


def _sent(event: gateway.Event) -> Envelope | Refused:
    """What a body holds; the key is checked before what is wrong with it is said."""
    encoding = gateway.headers(event).get("content-encoding", "").strip().lower()
    try:
        if encoding not in _CODINGS:
            raise UnsupportedCoding
        body = decompress(gateway.body(event), encoding, MAX_ENVELOPE_BYTES)
        if event["resource"].endswith("/store"):
            return Envelope({}, (Item("event", body),))
        return parse(body)
    except Refused as refused:
        return refused


def _refusal(refused: Refused) -> gateway.Answer:
    """SDKs back off on 429 alone, so that is what they hear where others are told to pay."""
    status, detail = refused.status, refused.message
    extra = {**_EXPOSED, **gateway.retry_after(refused)}
    match refused:
        case Invalid():
            status = 400
        case Unauthorized():
            detail = "No public key of this project: check the DSN (sentry_key, project id)."
        case RateLimited():
            extra["X-Sentry-Rate-Limits"] = f"{refused.retry_after}::key:rate_limited"
        case PaymentRequired():
            status = 429
            extra["Retry-After"] = str(_PAYMENT_S)
            limit = f"{_PAYMENT_S}:error;default;security:project:{refused.loss}"
            extra["X-Sentry-Rate-Limits"] = limit
    # A header is of ASCII, and a line.
    extra["X-Sentry-Error"] = " ".join(detail.encode("ascii", "replace").decode().split())[:200]
    return gateway.answer(status, json.dumps({"detail": detail, "causes": []}), extra)
