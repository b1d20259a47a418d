"""Keep what organizations owe as the payment provider's events tell it."""

import logging
import re

from errata.config import settings
from errata.errors import InvalidInputError, UnavailableError
from errata.models.billing import Ended, Notice, merge, without_old
from errata.models.organization import Organization
from errata.store import billing as store
from errata.store import organizations as organizations_store
from errata.store.retry import attempts
from errata.usecases import organizations
from errata.usecases.ttl_cache import TTLCache

_TRIES = 8
_CUSTOMER = re.compile(r"cus_[A-Za-z0-9_]{1,250}")

logger = logging.getLogger("errata")
_secrets = TTLCache[str | None](max_entries=1)


def secret(now_ms: int) -> str | None:
    """The secret that signs the events; None where this deployment takes none."""
    name = settings().stripe_webhook_secret
    if not name:
        return None
    found = _secrets.get(name, now_ms, store.find_secret)
    if not found:
        # One that is put there takes effect at once.
        _secrets.drop(name)
        logger.error("the secret of Stripe's webhook is not there", extra={"parameter": name})
        return None
    return found


def receive(notice: Notice, now_s: int) -> bool:
    """Note what an event says. False when it is about nobody here.

    The same event again changes nothing, and the order of events does not matter.

    Raises:
        UnavailableError: others changed the organization at each try; the provider sends it again.
    """
    organization_id = store.find_customer(notice.customer)
    if organization_id is None:
        logger.warning("billing of an unknown customer", extra={"event": notice.event_id})
        return False
    for _ in attempts(_TRIES):
        organization = organizations.find(organization_id)
        before = store.from_text(organization.billing)
        after = merge(before, notice)
        if after == before:
            return True
        ended = isinstance(notice.what, Ended)
        quota = settings().free_monthly_quota if ended else None
        kept = without_old(after, now_s)
        if store.save_billing(organization_id, organization.billing, kept, quota):
            if ended:
                logger.warning("subscription ended", extra={"organization": organization_id})
            return True
    raise UnavailableError


def link(organization_id: str, customer: str) -> Organization:
    """Say which of the provider's customers an organization is; "" for none.

    Raises:
        InvalidInputError: that is no customer, or another organization's.
        NotFoundError: there is no such organization.
    """
    if customer and not _CUSTOMER.fullmatch(customer):
        raise InvalidInputError(
            {"stripe_customer": ["A customer's id begins with cus_; or give `none`."]}
        )
    organization = organizations.find(organization_id)
    organizations_store.save_organization(organization)  # the default one may have no item yet
    if not store.link_customer(organization_id, customer, organization.stripe_customer):
        raise InvalidInputError({"stripe_customer": [f"{customer} is another organization's."]})
    return organizations.find(organization_id)


def unpaid_url(organization: Organization) -> str | None:
    """Where a failed invoice is paid, "" if that is unknown; None where none is open."""
    return store.from_text(organization.billing).unpaid_url


def clear_cache() -> None:
    """Drop the remembered secret."""
    _secrets.clear()
