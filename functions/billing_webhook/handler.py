"""POST /api/billing/stripe: Stripe's events, which say what an organization owes."""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from errata import gateway
from errata.errors import BodyTooLarge, Refused
from errata.models.ids import now_ms
from errata.protocol.stripe import parse, verify
from errata.store import clients
from errata.usecases import billing

clients.dynamodb()  # made while Lambda initialises, when CPU is plentiful and free

MAX_BODY_BYTES = 256 * 1024
# As the gateway answers where there is no route.
_NOT_HERE = (
    '{"message":"No such route.","ok":false,"error":"No such route.","detail":"No such route."}'
)


def handler(event: gateway.Event, _context: Any) -> gateway.Answer:
    """Take one event of Stripe's, or say why not."""
    try:
        return _receive(event)
    except Refused as refused:
        return gateway.refusal(refused)
    except (BotoCoreError, ClientError) as error:
        return gateway.refusal(gateway.busy(error))


def _receive(event: gateway.Event) -> gateway.Answer:
    at_ms = now_ms()
    secret = billing.secret(at_ms)
    if secret is None:
        return gateway.answer(404, _NOT_HERE)
    body = gateway.body(event)
    if len(body) > MAX_BODY_BYTES:
        raise BodyTooLarge("The event is too large.")
    verify(body, gateway.headers(event).get("stripe-signature", ""), secret, at_ms // 1000)
    notice = parse(body)
    if notice:
        billing.receive(notice, at_ms // 1000)
    return gateway.answer(200, '{"received": true}')
