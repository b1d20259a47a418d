"""Billing: invoices and customers in ProjectsTable, Stripe's signing secret in SSM.

| item | pk | sk | attributes |
|---|---|---|---|
| customer | `stripe#cus_…` | `customer` | organization |
| organization | `org#3` | `org` | billing: JSON, written only if unchanged since the read |
"""

import json
from dataclasses import asdict
from typing import Any

from errata.config import settings
from errata.errors import ConditionFailedError, StoreError
from errata.models.billing import Billing, Ended, Invoice
from errata.store import clients
from errata.store.items import TypedItem, read_all, write_all


def link_customer(organization_id: str, customer: str, before: str) -> bool:
    """Set the customer of an organization ("" for none), in one transaction.

    `before` is the organization's current customer. Returns False if the customer belongs to
    another organization, or the organization has no item. Access pattern P20.
    """
    table = settings().projects_table
    organization: Any = {
        "TableName": table,
        "Key": write_all({"pk": f"org#{organization_id}", "sk": "org"}),
        "ConditionExpression": "attribute_exists(pk)",
        "UpdateExpression": "SET stripe_customer = :customer",
        "ExpressionAttributeValues": write_all({":customer": customer}),
    }
    actions: list[Any] = [{"Update": organization}]
    if customer:
        put = {
            "TableName": table,
            "Item": {**_key(customer), "organization": {"S": organization_id}},
            "ConditionExpression": "attribute_not_exists(pk) OR organization = :organization",
            "ExpressionAttributeValues": {":organization": {"S": organization_id}},
        }
        actions.append({"Put": put})
    if before and before != customer:
        actions.append({"Delete": {"TableName": table, "Key": _key(before)}})
    try:
        clients.dynamodb().transact_write_items(TransactItems=actions)
    except StoreError as error:
        if any(r["Code"] == "ConditionalCheckFailed" for r in error.reasons):
            return False
        raise
    return True


def find_customer(customer: str) -> str | None:
    """Return the organization of a customer, read consistently. Access pattern P21."""
    response = clients.dynamodb().get_item(
        TableName=settings().projects_table, Key=_key(customer), ConsistentRead=True
    )
    return read_all(response["Item"])["organization"] if "Item" in response else None


def save_billing(
    organization_id: str, before: str, after: Billing, monthly_quota: int | None = None
) -> bool:
    """Store an organization's billing state, and its quota unless that is None.

    `before` is the stored text that was read. Returns False if it has changed since. Access pattern
    P22.
    """
    values = {":before": before, ":after": to_text(after), ":quota": monthly_quota}
    try:
        clients.dynamodb().update_item(
            TableName=settings().projects_table,
            Key=write_all({"pk": f"org#{organization_id}", "sk": "org"}),
            UpdateExpression="SET billing = :after"
            + ("" if monthly_quota is None else ", monthly_quota = :quota"),
            ConditionExpression="billing = :before"
            if before
            else "attribute_exists(pk) AND attribute_not_exists(billing)",
            ExpressionAttributeValues=write_all(
                {name: value for name, value in values.items() if name != ":before" or before}
            ),
        )
    except ConditionFailedError:
        return False
    return True


def to_text(billing: Billing) -> str:
    """Return the stored form of a billing state."""
    return json.dumps(
        {
            "invoices": {name: asdict(each) for name, each in billing.invoices},
            "ended": {name: each.at for name, each in billing.ended},
        }
    )


def from_text(text: str) -> Billing:
    """Return a billing state from its stored form. An empty text means no invoices."""
    if not text:
        return Billing()
    stored = json.loads(text)
    return Billing(
        tuple((name, Invoice(**each)) for name, each in stored["invoices"].items()),
        tuple((name, Ended(at)) for name, at in stored["ended"].items()),
    )


def find_secret() -> str | None:
    """Return Stripe's signing secret, decrypted; None if there is none."""
    try:
        response = clients.ssm().get_parameter(
            Name=settings().stripe_webhook_secret, WithDecryption=True
        )
    except StoreError as error:
        if error.code != "ParameterNotFound":
            raise
        return None
    return response["Parameter"]["Value"]


def _key(customer: str) -> TypedItem:
    return write_all({"pk": f"stripe#{customer}", "sk": "customer"})
