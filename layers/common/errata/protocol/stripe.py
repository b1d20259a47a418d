"""Check the signature of Stripe's events, and parse those about invoices and subscriptions.

Source of the events: docs.stripe.com/api/events.

Source of the signatures: docs.stripe.com/webhooks#verify-manually.
"""

import hmac
import re
from typing import Any

from errata.errors import BadRequestError, HTTPError
from errata.models.billing import BillingEvent, Ended, Invoice, InvoiceState
from errata.protocol.body import parse_object

_INVOICES: dict[str, InvoiceState] = {
    "invoice.payment_failed": "failed",
    "invoice.paid": "paid",
    "invoice.voided": "voided",
}
_ENDED = "customer.subscription.deleted"
# The tolerance of Stripe's own libraries. An older signature may be replayed from a recording.
TOLERANCE_S = 300
_TIMESTAMP = re.compile("[0-9]{1,15}")


def verify(body: bytes, header: str, secret: str, now_s: int) -> None:
    """Check the `Stripe-Signature` header of a request: `t=<seconds>,v1=<hex>[,v1=<hex>...]`.

    One matching `v1` is enough: there are several while a secret is being rotated. Other schemes
    are ignored, so that nobody can choose a weaker one.

    Raises:
        BadRequestError: no `v1` is a signature of this body with `secret`, or `t` is too old.
    """
    pairs = [item.partition("=")[::2] for item in header.split(",")]
    timestamp = next((value for name, value in pairs if name == "t"), "")
    # Without a secret, anybody could sign.
    if secret.strip() and _TIMESTAMP.fullmatch(timestamp):
        signed = timestamp.encode() + b"." + body
        expected = hmac.digest(secret.encode(), signed, "sha256").hex()
        # compare_digest takes constant time, but of text only ASCII.
        signatures = [value for name, value in pairs if name == "v1" and value.isascii()]
        matches = [hmac.compare_digest(expected, each) for each in signatures]
        if any(matches) and int(timestamp) >= now_s - TOLERANCE_S:
            return
    raise BadRequestError("The signature is wrong or too old.")


def parse_billing_event(body: bytes) -> BillingEvent | None:
    """Return the invoice or subscription in an event; None for all other types of events.

    Raises:
        BadRequestError: the body is not an event in Stripe's format.
    """
    try:
        event = parse_object(body)
    except HTTPError as refused:
        raise BadRequestError(refused.message) from None
    kind = _text(event, "type")
    if kind not in _INVOICES and kind != _ENDED:
        return None
    data = event.get("data")
    about = data.get("object") if isinstance(data, dict) else None
    created = event.get("created")
    if not isinstance(about, dict) or type(created) is not int:
        raise BadRequestError("The event has no data.object, or no created timestamp.")
    what = (
        Ended(created)
        if kind == _ENDED
        else Invoice(_INVOICES[kind], created, _url(about.get("hosted_invoice_url")))
    )
    return BillingEvent(_text(event, "id"), _customer(about), _text(about, "id"), what)


def _text(values: dict[str, Any], name: str) -> str:
    value = values.get(name)
    if not isinstance(value, str) or not value:
        raise BadRequestError(f"The event has no {name}.")
    return value


def _customer(about: dict[str, Any]) -> str:
    customer = about.get("customer")
    # This is an id, or an object if the account uses Stripe's expansion.
    return _text(customer if isinstance(customer, dict) else {"id": customer}, "id")


def _url(value: Any) -> str:
    return value if isinstance(value, str) and value.startswith("https://") else ""
