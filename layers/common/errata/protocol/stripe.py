"""Stripe's events (docs.stripe.com/api/events): those that say what an organization owes."""

from typing import Any

from errata.errors import BadRequest, Refused
from errata.models.billing import Ended, Invoice, Notice, State
from errata.protocol.body import parse_object

_INVOICES: dict[str, State] = {
    "invoice.payment_failed": "failed",
    "invoice.paid": "paid",
    "invoice.voided": "voided",
}
_ENDED = "customer.subscription.deleted"


def parse(body: bytes) -> Notice | None:
    """What an event says; None for the many that are about something else.

    Raises:
        BadRequest: it is no event, or not one of Stripe's shape.
    """
    try:
        event = parse_object(body)
    except Refused as refused:
        raise BadRequest(refused.message) from None
    kind = _text(event, "type")
    if kind not in _INVOICES and kind != _ENDED:
        return None
    data = event.get("data")
    about = data.get("object") if isinstance(data, dict) else None
    created = event.get("created")
    if not isinstance(about, dict) or type(created) is not int:
        raise BadRequest("The event has no object, or no time.")
    what = (
        Ended(created)
        if kind == _ENDED
        else Invoice(_INVOICES[kind], created, _url(about.get("hosted_invoice_url")))
    )
    return Notice(_text(event, "id"), _customer(about), _text(about, "id"), what)


def _text(values: dict[str, Any], name: str) -> str:
    value = values.get(name)
    if not isinstance(value, str) or not value:
        raise BadRequest(f"The event has no {name}.")
    return value


def _customer(about: dict[str, Any]) -> str:
    customer = about.get("customer")
    # Stripe expands it into an object where an account asks for that.
    return _text(customer if isinstance(customer, dict) else {"id": customer}, "id")


def _url(value: Any) -> str:
    return value if isinstance(value, str) and value.startswith("https://") else ""
