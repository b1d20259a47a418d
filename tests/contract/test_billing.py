"""402 for a failed invoice, and Stripe's webhook that reports it.

Payloads have Stripe's shape and its own signatures (docs.stripe.com/webhooks#verify-manually).
"""

import json
import time
from itertools import count, permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.config import settings
from errata.errors import InvalidInputError
from errata.models.billing import Billing, BillingEvent, Ended, Invoice, merge, without_old
from errata.models.organization import DEFAULT_ORGANIZATION
from errata.store import clients, projects
from errata.usecases import billing, organizations
from tests.support import account, sdk
from tests.support.account import Clock, Project
from tests.support.calls import calling_as
from tests.support.clients import BOOM, capture, ingest, read
from tests.support.fresh import clear_cache
from tests.support.gateway import Response, call
from tests.support.stripe import stripe_signature

SECRET = "whsec_test"
CUSTOMER = "cus_Q1w2E3"
# Yesterday: what is older than 90 days is deleted.
CREATED_S = int(time.time()) - 86_400
URL = "https://invoice.stripe.com/i/acct_1/test_1"

_numbers = count(1)


@pytest.fixture(autouse=True)
def _secret(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "/errata/stripe"
    clients.ssm().put_parameter(Name=name, Value=SECRET, Type="SecureString")
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", name)
    settings.cache_clear()


@pytest.fixture
def customer(busy: Project) -> Project:
    """A project of an organization that is a customer."""
    billing.link(DEFAULT_ORGANIZATION, CUSTOMER)
    return busy


def event(kind: str, subject: str = "in_1", created: int = CREATED_S, **of: Any) -> Any:
    """An event as Stripe sends it."""
    about: dict[str, Any] = {"id": subject, "object": kind.split(".")[-2], "customer": CUSTOMER}
    if kind.startswith("invoice."):
        about |= {"hosted_invoice_url": URL, "amount_due": 2900, "currency": "eur"}
    return {
        "id": f"evt_{next(_numbers)}",
        "object": "event",
        "api_version": "2026-10-28.basil",
        "created": created,
        "livemode": False,
        "pending_webhooks": 1,
        "type": kind,
        "data": {"object": {**about, **of}},
    }


def send(content: Any, secret: str = SECRET, age: int = 0, **headers: str) -> Response:
    """Post an event, signed as Stripe signs."""
    text = content if isinstance(content, str) else json.dumps(content)
    signed_at = int(time.time()) - age
    signature = stripe_signature(text, secret, signed_at)
    return post(text.encode(), **{"Stripe-Signature": signature, **headers})


def post(body: bytes, **headers: str) -> Response:
    return call("POST", "/api/billing/stripe", body, headers)


def report(*kinds: str, **of: Any) -> None:
    for kind in kinds:
        response = send(event(kind, **of))
        assert (response.status, response.json) == (200, {"received": True})
    clear_cache()


def assert_unpaid(project: Project, url: str = URL) -> None:
    # The second event is invalid, but 402 has priority.
    for response in (ingest(project), ingest(project, {"line": 1})):
        assert response.status == 402
        assert response.json.get("billing_url") == (url or None)
        assert url in response.json["message"]
    # A public key may only send, so its response does not have the billing URL.
    refused = sdk.post(project, sdk.of_event(sdk.event()))
    assert refused.status == 429
    assert refused.json["detail"] == "An invoice has failed. Pay it to send again."
    assert "https://" not in str(refused)
    response = capture(project)
    assert response.status == 402
    assert set(response.json) == {"ok", "error"}
    assert url in response.json["error"]


def test_a_failed_invoice_stops_events_until_it_is_paid(customer: Project) -> None:
    report("invoice.payment_failed")
    before = account.rows()
    assert_unpaid(customer)
    assert account.rows() == before
    assert read(customer).status == 200
    report("invoice.paid")
    assert ingest(customer).status == 202


def test_a_voided_invoice_is_no_longer_owed(customer: Project) -> None:
    report("invoice.payment_failed", "invoice.voided")
    assert ingest(customer).status == 202


def test_events_are_refused_until_every_failed_invoice_is_paid(customer: Project) -> None:
    report("invoice.payment_failed")
    report("invoice.payment_failed", subject="in_2", created=CREATED_S + 10_000)
    report("invoice.paid", subject="in_2", created=CREATED_S + 20_000)
    assert_unpaid(customer)
    report("invoice.paid", subject="in_1", created=CREATED_S + 20_000)
    assert ingest(customer).status == 202


@pytest.mark.parametrize("end", ["invoice.paid", "invoice.voided"])
def test_the_order_of_an_invoice_s_events_does_not_matter(customer: Project, end: str) -> None:
    first = event("invoice.payment_failed", created=CREATED_S)
    second = event("invoice.payment_failed", created=CREATED_S + 100)
    last = event(end, created=CREATED_S + 200)
    for order in permutations([first, second, last]):
        for content in order:
            assert send(content).status == 200
        clear_cache()
        assert ingest(customer).status == 202


def test_a_repeated_event_changes_nothing(customer: Project) -> None:
    content = event("invoice.payment_failed")
    send(content)
    before = account.rows()
    for _ in range(3):
        assert send(content).json == {"received": True}
    assert account.rows() == before
    send(event("invoice.paid"))
    send(content)
    clear_cache()
    assert ingest(customer).status == 202


def test_without_a_hosted_invoice_page_the_response_has_no_billing_url(customer: Project) -> None:
    report("invoice.payment_failed", hosted_invoice_url=None)
    assert_unpaid(customer, "")


def test_a_change_acts_within_30_seconds(customer: Project, clock: Clock) -> None:
    assert ingest(customer).status == 202
    send(event("invoice.payment_failed"))
    clock.advance(30)
    assert ingest(customer).status == 402
    send(event("invoice.paid"))
    clock.advance(30)
    assert ingest(customer).status == 202


def test_402_comes_before_422_and_after_a_replay(customer: Project) -> None:
    first = ingest(customer, idempotency_key="k")
    report("invoice.payment_failed")
    again = ingest(customer, idempotency_key="k")
    assert (again.status, again.json) == (202, first.json)
    for body in (b"[", {"line": 1}):
        assert ingest(customer, body).status == 402
    assert ingest(Project(customer.id, "wrong")).status == 401
    assert capture(Project("", "brought by a script")).status == 402


def test_when_a_subscription_ends_the_free_quota_applies(
    customer: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FREE_MONTHLY_QUOTA", "1")
    settings.cache_clear()
    ended = event("customer.subscription.deleted", "sub_1")
    organizations.change(DEFAULT_ORGANIZATION, monthly_quota=1_000)
    assert send(ended).status == 200
    clear_cache()
    assert [ingest(customer).status for _ in range(2)] == [202, 402]
    # What an operator sets afterwards stays, even if the event comes again.
    organizations.change(DEFAULT_ORGANIZATION, monthly_quota=5)
    assert send(ended).status == 200
    assert organizations.find(DEFAULT_ORGANIZATION).monthly_quota == 5


def test_the_role_of_the_function_allows_its_calls_but_not_reading_keys(
    customer: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FREE_MONTHLY_QUOTA", "1")
    # The template's own name for the secret is one of the deployment's.
    monkeypatch.setattr(billing, "secret", lambda _: SECRET)
    settings.cache_clear()
    with calling_as("BillingWebhookFunction"):
        report("invoice.payment_failed")
        report("customer.subscription.deleted", subject="sub_1")
        report("invoice.paid", customer="cus_somebody_else")
        with pytest.raises(AssertionError, match="may not dynamodb:GetItem"):
            projects.find_key("0" * 64)


def test_without_a_free_quota_the_end_of_a_subscription_changes_no_quota(customer: Project) -> None:
    report("customer.subscription.deleted", subject="sub_1")
    assert organizations.find(DEFAULT_ORGANIZATION).monthly_quota is None
    assert ingest(customer).status == 202


def test_events_of_other_customers_or_other_types_get_200_and_store_nothing(
    customer: Project,
) -> None:
    before = account.rows()
    report("invoice.created", "customer.updated", "invoice.finalized")
    report("invoice.payment_failed", customer="cus_somebody_else")
    assert account.rows() == before


def test_a_customer_may_be_an_expanded_object(customer: Project) -> None:
    report("invoice.payment_failed", customer={"id": CUSTOMER, "object": "customer"})
    assert_unpaid(customer)


def test_an_event_without_a_valid_signature_is_refused_and_not_stored(customer: Project) -> None:
    content = event("invoice.payment_failed")
    text = json.dumps(content)
    before = account.rows()
    responses = [
        post(text.encode()),
        post(b""),
        send(content, secret="whsec_other"),
        send(content, age=302),
        *(
            post(text.encode(), **{"Stripe-Signature": signature})
            for signature in ("", "t=1", "t=x,v1=y", "v1=00", "t=1,v1=é", "t=1,v0=00", "=" * 9_000)
        ),
    ]
    good = stripe_signature(text, SECRET, int(time.time()))
    responses.append(post(text.encode() + b" ", **{"Stripe-Signature": good}))
    responses.append(post(b"\xff" + text.encode(), **{"Stripe-Signature": good}))
    for response in responses:
        assert (response.status, set(response.json)) == (400, {"message"})
    assert account.rows() == before
    assert send(content, age=290).status == 200


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        "x",
        "{}",
        '{"type": 7}',
        '{"type": "invoice.paid"}',
        '{"type": "invoice.paid", "created": 1, "id": "evt_1", "data": []}',
        '{"type": "invoice.paid", "created": 1, "id": "evt_1", "data": {"object": {"id": "in_1"}}}',
    ],
)
def test_a_signed_body_that_is_not_an_event_is_refused(customer: Project, content: str) -> None:
    response = send(content)
    assert (response.status, set(response.json)) == (400, {"message"})


def test_a_body_that_is_too_large_is_413() -> None:
    response = send(event("invoice.paid", padding="x" * 256 * 1024))
    assert (response.status, set(response.json)) == (413, {"message"})


def test_without_a_secret_the_route_is_404(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("", "/errata/nothing"):
        monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", name)
        clear_cache()
        response = send(event("invoice.paid"))
        words = "No such route."
        assert response.status == 404
        assert response.json == {"message": words, "ok": False, "error": words, "detail": words}


def test_a_new_secret_takes_effect_within_30_seconds(clock: Clock) -> None:
    assert send(event("invoice.created")).status == 200
    clients.ssm().put_parameter(
        Name="/errata/stripe", Value="whsec_new", Type="SecureString", Overwrite=True
    )
    clock.advance(30)
    assert send(event("invoice.created")).status == 400
    assert send(event("invoice.created"), secret="whsec_new").status == 200


def test_a_customer_belongs_to_at_most_one_organization(customer: Project) -> None:
    other = organizations.create("acme")
    with pytest.raises(InvalidInputError, match="another organization"):
        billing.link(other.id, CUSTOMER)
    with pytest.raises(InvalidInputError, match="cus_"):
        billing.link(other.id, "in_1")
    assert organizations.find(other.id).stripe_customer == ""
    billing.link(DEFAULT_ORGANIZATION, "")
    assert billing.link(other.id, CUSTOMER).stripe_customer == CUSTOMER
    report("invoice.payment_failed")
    assert ingest(customer, BOOM).status == 202
    assert billing.unpaid_url(organizations.find(other.id)) == URL


def test_old_invoices_are_deleted_unless_they_are_owed() -> None:
    old = Billing(
        invoices=(("in_1", Invoice("paid", 1)), ("in_2", Invoice("failed", 1, URL))),
        ended=(("sub_1", Ended(1)),),
    )
    assert without_old(old, 100 * 86_400) == Billing(invoices=(("in_2", old.invoices[1][1]),))


events = st.builds(
    BillingEvent,
    st.just("evt"),
    st.just(CUSTOMER),
    st.sampled_from(["in_1", "in_2"]),
    st.builds(
        Invoice,
        st.sampled_from(["failed", "paid", "voided"]),
        st.integers(1, 4),
        st.sampled_from(["", URL]),
    ),
)


@given(st.lists(events, max_size=6), st.randoms(use_true_random=False))
def test_events_in_any_order_give_the_same_result(sent: list[BillingEvent], random: Any) -> None:
    shuffled = [*sent, *sent]
    random.shuffle(shuffled)
    ends = []
    for order in (sent, shuffled):
        known = Billing()
        for event in order:
            known = merge(known, event)
        ends.append(dict(known.invoices))
    assert ends[0] == ends[1]
