"""Organizations, deployed: the allowlist by the gateway's address, the quota, Stripe's webhook."""

import json
import time
from typing import Any

import requests

from dev.stack import LocalStack
from errata.models.organization import Organization, parse_allowlist
from errata.usecases import billing, organizations, projects
from tests.support.deployed import STRIPE_SECRET, eventually, pass_month_end
from tests.support.stripe import stripe_signature


def new_project(organization: Organization) -> tuple[str, str]:
    """Create a project of the organization. Return its id and its key."""
    created = projects.create("shop", organization=organization.id)
    assert created
    return created.project.id, created.key


def statuses(stack: LocalStack, project: tuple[str, str], source: str) -> list[int]:
    """Return the statuses of ingest, read and the legacy API for this address."""
    project_id, key = project
    # The local gateway takes the caller's address from here; the real one sees it.
    headers = {"X-Forwarded-For": source, "X-Api-Key": key}
    url, error = stack.api_url, {"level": "Warning", "message": "careful", "hash": key}
    return [
        response.status_code
        for response in (
            requests.post(f"{url}/api/ingest", json={"message": "m"}, headers=headers, timeout=30),
            requests.get(f"{url}/api/projects/{project_id}/events", headers=headers, timeout=30),
            requests.post(f"{url}/api.php", json=error, headers=headers, timeout=30),
        )
    ]


def ingest(stack: LocalStack, key: str) -> requests.Response:
    return requests.post(
        f"{stack.api_url}/api/ingest",
        json={"message": "m"},
        headers={"X-Api-Key": key},
        timeout=30,
    )


def test_an_allowlist_applies_at_every_endpoint(stack: LocalStack) -> None:
    organization = organizations.create("acme")
    organizations.change(organization.id, parse_allowlist("192.0.2.0/24,2001:db8::/32"))
    project = new_project(organization)
    for inside in ("192.0.2.9", "2001:db8::9"):
        assert statuses(stack, project, inside) == [202, 200, 200]
    for outside in ("198.51.100.1", "2001:db9::9"):
        assert statuses(stack, project, outside) == [403, 403, 403]


def test_exactly_the_quota_is_accepted(stack: LocalStack) -> None:
    organization = organizations.create("small")
    organizations.change(organization.id, monthly_quota=5)
    _, key = new_project(organization)
    pass_month_end()
    assert [ingest(stack, key).status_code for _ in range(8)] == [202] * 5 + [402] * 3


def send(stack: LocalStack, secret: str, event: Any) -> requests.Response:
    text = json.dumps(event)
    signature = stripe_signature(text, secret, int(time.time()))
    headers = {"Stripe-Signature": signature, "Content-Type": "application/json"}
    url = f"{stack.api_url}/api/billing/stripe"
    return requests.post(url, data=text, headers=headers, timeout=30)


def test_stripe_s_events_stop_and_start_an_organization(stack: LocalStack) -> None:
    organization = organizations.create("customer")
    billing.link(organization.id, "cus_e2e")
    _, key = new_project(organization)
    name = STRIPE_SECRET
    stack.client("ssm").put_parameter(Name=name, Value="whsec_e2e", Type="SecureString")
    url = "https://invoice.stripe.com/i/1"
    invoice = {"id": "in_1", "customer": "cus_e2e", "hosted_invoice_url": url}

    def event(kind: str) -> Any:
        return {"id": f"evt_{kind}", "type": kind, "created": 1, "data": {"object": invoice}}

    failed = event("invoice.payment_failed")
    assert send(stack, "whsec_wrong", failed).status_code == 400
    assert send(stack, "whsec_e2e", failed).json() == {"received": True}
    refused = ingest(stack, key)
    assert (refused.status_code, refused.json()["billing_url"]) == (402, url)
    assert send(stack, "whsec_e2e", event("invoice.paid")).status_code == 200
    # Cached for 30 seconds.
    eventually(lambda: ingest(stack, key).status_code, lambda status: status == 202)
