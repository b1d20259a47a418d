"""Keep the billing state of organizations up to date from the payment provider's events."""

import logging
import re

from errata.caches import TTLCache
from errata.config import settings
from errata.errors import InvalidInputError, UnavailableError
from errata.models.billing import BillingEvent, Ended, merge, without_old
from errata.models.organization import Organization
from errata.store import billing as store
from errata.store.organizations import save_organization
from errata.store.retry import attempts
from errata.usecases import audit, organizations

_TRIES = 8
_CUSTOMER = re.compile(r"cus_[A-Za-z0-9_]{1,250}")

logger = logging.getLogger("errata")
_secrets = TTLCache[str | None](max_entries=1)


def secret(now_ms: int) -> str | None:
    """Return the secret that signs billing events, or None if billing is not set up."""
    name = settings().stripe_webhook_secret
    if not name:
        return None
    found = _secrets.get(name, now_ms, store.find_secret)
    if not found:
        # Do not cache this, so that a new secret takes effect at once.
        _secrets.drop(name)
        logger.error("the secret of Stripe's webhook is not there", extra={"parameter": name})
        return None
    return found


def receive(event: BillingEvent, now_s: int) -> bool:
    """Apply a billing event. Returns False if its customer is unknown.

    Applying an event twice changes nothing. The order of events does not matter.

    Raises:
        UnavailableError: there was a conflict on every try; the provider sends the event again.
    """
    organization_id = store.find_customer(event.customer)
    if organization_id is None:
        logger.warning("billing of an unknown customer", extra={"event": event.event_id})
        return False
    for _ in attempts(_TRIES):
        organization = organizations.find(organization_id)
        before = store.from_text(organization.billing)
        after = merge(before, event)
        if after == before:
            return True
        ended = isinstance(event.what, Ended)
        quota = settings().free_monthly_quota if ended else None
        kept = without_old(after, now_s)
        if store.save_billing(organization_id, organization.billing, kept, quota):
            if ended:
                logger.warning("subscription ended", extra={"organization": organization_id})
            return True
    raise UnavailableError


@audit.recorded("Stripe customer linked", "customer")
def link(organization_id: str, customer: str) -> Organization:
    """Link an organization to a customer of the payment provider; "" removes the link.

    Raises:
        InvalidInputError: the id is invalid, or another organization has it.
        NotFoundError: there is no such organization.
    """
    if customer and not _CUSTOMER.fullmatch(customer):
        raise InvalidInputError(
            {"stripe_customer": ["A customer's id begins with cus_; or give `none`."]}
        )
    organization = organizations.find(organization_id)
    save_organization(organization)  # the default one may have no item yet
    if not store.link_customer(organization_id, customer, organization.stripe_customer):
        raise InvalidInputError(
            {"stripe_customer": [f"{customer} belongs to another organization."]}
        )
    return organizations.find(organization_id)


def unpaid_url(organization: Organization) -> str | None:
    """Return the URL to pay an unpaid invoice on, "" if unknown, None if all are paid."""
    return store.from_text(organization.billing).unpaid_url


def clear_cache() -> None:
    """Drop the cached secret."""
    _secrets.clear()
