"""The billing state of an organization, computed from the events of its payment provider.

Events can arrive late, twice and out of order (docs.stripe.com/webhooks, "Event ordering"). So an
event is merged into the known state: the same events give the same result in any order. A paid or
voided invoice stays paid or voided, even if a failure arrives later.
"""

from dataclasses import dataclass, replace
from typing import Literal

type InvoiceState = Literal["failed", "paid", "voided"]

# Well above 30 days: the provider does not send older events again.
KEPT_S = 90 * 86_400


@dataclass(frozen=True, slots=True)
class Invoice:
    """The state of an invoice since `at` (seconds since the epoch). `url` is the payment page."""

    state: InvoiceState
    at: int
    url: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a subscription, at a time in seconds since the epoch."""

    at: int


@dataclass(frozen=True, slots=True)
class BillingEvent:
    """An event of the provider about an invoice or a subscription of a customer.

    `subject` is the id of the invoice or subscription.
    """

    event_id: str
    customer: str
    subject: str
    what: Invoice | Ended


@dataclass(frozen=True, slots=True)
class Billing:
    """An organization's recent invoices and ended subscriptions, as (id, value) pairs."""

    invoices: tuple[tuple[str, Invoice], ...] = ()
    ended: tuple[tuple[str, Ended], ...] = ()

    @property
    def unpaid_url(self) -> str | None:
        """The payment page of the oldest failed invoice.

        "" if its address is unknown; None if no invoice has failed.
        """
        failed = [invoice for _, invoice in self.invoices if invoice.state == "failed"]
        return min(failed, key=lambda each: each.at).url if failed else None


def merge(billing: Billing, event: BillingEvent) -> Billing:
    """Return the billing state after an event. It is unchanged if the event has nothing new."""
    if isinstance(event.what, Ended):
        # Keep the first end: a subscription ends only once.
        ended = dict(billing.ended)
        ended.setdefault(event.subject, event.what)
        return replace(billing, ended=tuple(ended.items()))
    invoices = dict(billing.invoices)
    before = invoices.get(event.subject)
    if before is None or _overrides(event.what, before):
        invoices[event.subject] = event.what
    return replace(billing, invoices=tuple(invoices.items()))


def without_old(billing: Billing, now_s: int) -> Billing:
    """Return the state without entries older than `KEPT_S`, except for failed invoices.

    Newer entries are kept because a late event could contradict them.
    """
    oldest = now_s - KEPT_S
    return Billing(
        tuple(
            each for each in billing.invoices if each[1].state == "failed" or each[1].at > oldest
        ),
        tuple(each for each in billing.ended if each[1].at > oldest),
    )


def _overrides(new: Invoice, old: Invoice) -> bool:
    if (new.state == "failed") != (old.state == "failed"):
        return old.state == "failed"
    # Of two failed attempts, keep the newer URL. An invoice is never both paid and voided.
    return (new.at, new.state, new.url) > (old.at, old.state, old.url)
