"""What an organization owes, as the events of its payment provider tell it.

Events come late, twice and out of order (docs.stripe.com/webhooks, "Event ordering"), so an event
is merged into what is known rather than applied to it: any order of the same events ends alike. An
invoice that was paid or voided stays so, whatever failed before.
"""

from dataclasses import dataclass, replace
from typing import Literal

type State = Literal["failed", "paid", "voided"]

# The provider sends nothing that is older than 30 days again.
KEPT_S = 90 * 86_400


@dataclass(frozen=True, slots=True)
class Invoice:
    """Where an invoice stands since `at` (seconds since the epoch); `url` is where it is paid."""

    state: State
    at: int
    url: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """A subscription that ended, at a time in seconds since the epoch."""

    at: int


@dataclass(frozen=True, slots=True)
class Notice:
    """An event of the provider: of a customer, about an invoice or a subscription."""

    event_id: str
    customer: str
    subject: str
    what: Invoice | Ended


@dataclass(frozen=True, slots=True)
class Billing:
    """The invoices of the last months by their ids, and the subscriptions that ended."""

    invoices: tuple[tuple[str, Invoice], ...] = ()
    ended: tuple[tuple[str, Ended], ...] = ()

    @property
    def unpaid_url(self) -> str | None:
        """Where the oldest failed invoice is paid, "" if that is unknown; None if none failed."""
        failed = [invoice for _, invoice in self.invoices if invoice.state == "failed"]
        return min(failed, key=lambda each: each.at).url if failed else None


def merge(billing: Billing, notice: Notice) -> Billing:
    """What is known after an event; the same as before when it says nothing new."""
    if isinstance(notice.what, Ended):
        # The first word on it stays: a subscription ends once.
        ended = dict(billing.ended)
        ended.setdefault(notice.subject, notice.what)
        return replace(billing, ended=tuple(ended.items()))
    invoices = dict(billing.invoices)
    before = invoices.get(notice.subject)
    if before is None or _overrides(notice.what, before):
        invoices[notice.subject] = notice.what
    return replace(billing, invoices=tuple(invoices.items()))


def without_old(billing: Billing, now_s: int) -> Billing:
    """What must still be known: what is owed, and what a late event could contradict."""
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
    # Two attempts that failed: the newest URL. Paid and voided exclude each other.
    return (new.at, new.state, new.url) > (old.at, old.state, old.url)
