"""POST /api/billing/stripe: Stripe events about invoices and subscriptions."""

from typing import Any

from errata import gateway
from errata.errors import BodyTooLargeError, HTTPError, StoreError
from errata.models.ids import now_ms
from errata.protocol.stripe import parse_billing_event, verify
from errata.store import clients
from errata.usecases import billing

clients.dynamodb()  # made in Lambda's init phase, where CPU is plentiful

MAX_BODY_BYTES = 256 * 1024
# Same text as API Gateway's response to an unknown route.
_NOT_HERE = (
    '{"message":"No such route.","ok":false,"error":"No such route.","detail":"No such route."}'
)


def handler(event: gateway.HttpEvent, _context: Any) -> gateway.HttpResponse:
    """Accept one event from Stripe, or return an error response."""
    try:
        return _receive(event)
    except HTTPError as refused:
        return gateway.error_response(refused)
    except StoreError as error:
        return gateway.error_response(gateway.unavailable(error))


def _receive(event: gateway.HttpEvent) -> gateway.HttpResponse:
    at_ms = now_ms()
    secret = billing.secret(at_ms)
    if secret is None:
        return gateway.response(404, _NOT_HERE)
    body = gateway.body(event)
    if len(body) > MAX_BODY_BYTES:
        raise BodyTooLargeError("The event is too large.")
    verify(body, gateway.headers(event).get("stripe-signature", ""), secret, at_ms // 1000)
    billing_event = parse_billing_event(body)
    if billing_event:
        billing.receive(billing_event, at_ms // 1000)
    return gateway.response(200, '{"received": true}')
