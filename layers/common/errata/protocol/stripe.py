"""Parses the Stripe events that change what an organization owes (docs.stripe.com/api/events)."""

from typing import Any

from errata.errors import BadRequestError, HTTPError
from errata.models.billing import Ended, Invoice, Notice, State
from errata.protocol.body import parse_object

_INVOICES: dict[str, State] = {
    "invoice.payment_failed": "failed",
    "invoice.paid": "paid",
    "invoice.voided": "voided",
}
_ENDED = "customer.subscription.deleted"


def parse(body: bytes) -> Notice | None:
    """Return the invoice or subscription in an event; None for all other types of events.

    Raises:
        BadRequest: the body is not an event in Stripe's format.
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
    return Notice(_text(event, "id"), _customer(about), _text(about, "id"), what)


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
