"""Changes of an organization that meet: none undoes another."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import permutations
from typing import Any

import pytest

from errata.models.organization import DEFAULT_ORGANIZATION, Organization
from errata.usecases import billing, organizations
from tests.support.calls import Call, watched

type Change = Callable[[str], Organization]

CHANGES: dict[str, tuple[Change, str, Any]] = {
    "allowlist": (
        lambda org: organizations.change(org, allowlist=("192.0.2.0/24",)),
        "allowlist",
        ("192.0.2.0/24",),
    ),
    "quota": (lambda org: organizations.change(org, monthly_quota=100), "monthly_quota", 100),
    "customer": (lambda org: billing.link(org, "cus_1"), "stripe_customer", "cus_1"),
}


@contextmanager
def once_it_is_read(happens: Callable[[], object]) -> Iterator[None]:
    """Let something happen right after the organization was read."""
    begun: list[Call] = []

    def watch(call: Call) -> Any:
        response = call.send()
        if call.operation == "GetItem" and not begun:
            begun.append(call)
            happens()
        return response

    with watched(watch):
        yield
    assert begun


@pytest.mark.parametrize("fresh", [True, False], ids=["of nothing set yet", "of one with a policy"])
@pytest.mark.parametrize(("first", "second"), list(permutations(CHANGES, 2)))
def test_two_changes_at_once_are_both_made(first: str, second: str, fresh: bool) -> None:
    org = DEFAULT_ORGANIZATION
    if not fresh:
        org = organizations.create("acme").id
        organizations.change(org, allowlist=("2001:db8::/32",), monthly_quota=5)
    change, name, value = CHANGES[first]
    meanwhile, other_name, other_value = CHANGES[second]
    with once_it_is_read(lambda: meanwhile(org)):
        changed = change(org)
    assert getattr(changed, name) == value
    found = organizations.find(org)
    assert getattr(found, name) == value
    assert getattr(found, other_name) == other_value
    assert found.name == ("default" if fresh else "acme")


def test_an_allowlist_and_a_quota_can_be_removed() -> None:
    org = organizations.create("acme").id
    organizations.change(org, allowlist=("192.0.2.0/24",), monthly_quota=5)
    organizations.change(org, allowlist=())
    assert organizations.find(org).monthly_quota == 5
    organizations.change(org, monthly_quota="none")
    found = organizations.find(org)
    assert (found.allowlist, found.monthly_quota) == ((), None)
