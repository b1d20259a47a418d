"""`errata orgs`."""

import socket

import pytest

from tests.support import clients
from tests.support.account import Clock, Project
from tests.support.cli import done, failed, run

pytestmark = pytest.mark.usefixtures("deployed")


def test_an_organization_is_created_and_gets_projects() -> None:
    assert done("orgs", "create", "acme", "--json").json == {"id": "1", "name": "acme"}
    assert done("orgs", "create", "umbrella").out.splitlines() == [
        "organization  2",
        "name          umbrella",
    ]
    response = done("projects", "create", "shop", "--org", "1", "--json").json
    assert (response["id"], response["name"]) == ("1", "shop")
    assert done("projects", "show", "1", "--json").json["organization"] == "1"
    assert clients.ingest(Project("1", response["api_key"])).status == 202


@pytest.mark.parametrize("name", ["", "   ", "x" * 201])
def test_a_name_has_1_to_200_characters(name: str) -> None:
    output = failed("orgs", "create", name)
    assert output == "error: name: The name must have 1 to 200 characters.\n"


def test_a_project_needs_an_organization_that_exists() -> None:
    output = failed("projects", "create", "shop", "--org", "7")
    assert output == "error: There is no organization 7. See `errata orgs list`.\n"
    assert done("projects", "list", "--json").json == []


def test_the_default_organization_always_exists() -> None:
    (only,) = done("orgs", "list", "--json").json
    assert (only["id"], only["name"], only["created_at"]) == ("default", "default", None)
    assert (only["allowlist"], only["monthly_quota"]) == ([], None)
    done("orgs", "create", "acme")
    done("orgs", "set", "default", "--allowlist", "192.0.2.1")
    assert [each["id"] for each in done("orgs", "list", "--json").json] == ["default", "1"]
    assert "192.0.2.1/32" in done("orgs", "list").out
    assert done("orgs", "set", "default", "--allowlist", "none", "--json").json["allowlist"] == []
    done("projects", "create", "shop")
    assert done("projects", "show", "1", "--json").json["organization"] == "default"


def test_an_allowlist_is_set_shown_and_removed(clock: Clock) -> None:
    done("orgs", "create", "acme")
    key = done("projects", "create", "shop", "--org", "1", "--json").json["api_key"]
    project = Project("1", key)
    given = " 192.0.2.0/24,2001:DB8:0::/32, 198.51.100.7 ,192.0.2.0/24,::ffff:10.0.0.0/104"
    shown = ["192.0.2.0/24", "2001:db8::/32", "198.51.100.7/32", "10.0.0.0/8"]
    assert done("orgs", "set", "1", "--allowlist", given, "--json").json["allowlist"] == shown
    assert done("orgs", "show", "1", "--json").json["allowlist"] == shown
    output = done("orgs", "show", "1").out
    assert ", ".join(shown) in output
    assert clients.ingest(project).status == 403
    done("orgs", "set", "1", "--allowlist", "none")
    clock.advance(30)
    assert clients.ingest(project).status == 202


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("192.0.2.1/24", "192.0.2.1/24 has host bits set."),
        ("300.1.1.1", "'300.1.1.1' does not appear to be an IPv4 or IPv6 network."),
        ("192.0.2.0/33", "'192.0.2.0/33' does not appear to be an IPv4 or IPv6 network."),
        ("2001:db8::1/32", "2001:db8::1/32 has host bits set."),
        ("shop.example.com", "'shop.example.com' does not appear to be an IPv4 or IPv6 network."),
        (
            "192.0.2.0/0.0.0.255",
            "'192.0.2.0/0.0.0.255' is neither an address nor a CIDR such as 192.0.2.0/24.",
        ),
        ("192.0.2.1,", "'' is neither an address nor a CIDR such as 192.0.2.0/24."),
        ("fe80::1%eth0", "'fe80::1%eth0' has a zone such as %eth0. Remove the zone."),
        (" ", "The allowlist is empty. Give IP addresses or networks, or `none` to allow all."),
    ],
)
def test_a_bad_entry_is_refused_with_the_reason(text: str, reason: str) -> None:
    done("orgs", "set", "default", "--allowlist", "192.0.2.1")
    assert failed("orgs", "set", "default", "--allowlist", text) == f"error: allowlist: {reason}\n"
    assert done("orgs", "show", "default", "--json").json["allowlist"] == ["192.0.2.1/32"]


def test_every_bad_entry_is_named_and_more_than_100_entries_are_refused() -> None:
    output = failed("orgs", "set", "default", "--allowlist", "x,192.0.2.1,y")
    assert "'x'" in output
    assert "'y'" in output
    many = ",".join(f"10.0.0.{n}" for n in range(101))
    output = failed("orgs", "set", "default", "--allowlist", many)
    assert output == "error: allowlist: The allowlist has more than 100 entries. Remove some.\n"


def test_an_unknown_organization_is_an_error() -> None:
    for line in ("orgs show 7", "orgs set 7 --allowlist none"):
        output = failed(*line.split())
        assert output == "error: There is no organization 7. See `errata orgs list`.\n"


def test_setting_nothing_is_a_usage_error() -> None:
    ran = run("orgs", "set", "default")
    assert (ran.code, ran.out) == (2, "")
    assert "Nothing to set" in ran.err


def test_a_quota_is_set_used_shown_and_removed(clock: Clock) -> None:
    done("orgs", "create", "acme")
    key = done("projects", "create", "shop", "--org", "1", "--json").json["api_key"]
    project = Project("1", key)
    assert "not counted" in done("orgs", "show", "1").out
    response = done("orgs", "set", "1", "--monthly-quota", "2", "--json").json
    assert (response["monthly_quota"], response["used_this_month"]) == (2, 0)
    assert [clients.ingest(project).status for _ in range(3)] == [202, 202, 402]
    assert done("orgs", "show", "1", "--json").json["used_this_month"] == 2
    output = done("orgs", "show", "1").out
    assert "monthly quota  2 events\n" in output
    assert "this month     2 used\n" in output
    assert done("orgs", "set", "1", "--allowlist", "none", "--json").json["monthly_quota"] == 2
    done("orgs", "set", "1", "--monthly-quota", "none")
    clock.advance(30)
    assert clients.ingest(project).status == 202


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("many", "The quota must be a whole number of events, or `none`."),
        ("-1", "The quota must be from 0 to 1000000000000 events a month."),
        ("1000000000001", "The quota must be from 0 to 1000000000000 events a month."),
    ],
)
def test_a_bad_quota_is_refused(text: str, reason: str) -> None:
    output = failed("orgs", "set", "default", f"--monthly-quota={text}")
    assert output == f"error: monthly_quota: {reason}\n"


def test_a_customer_is_linked_shown_and_unlinked() -> None:
    done("orgs", "create", "acme")
    response = done("orgs", "set", "1", "--stripe-customer", "cus_1", "--json").json
    assert (response["stripe_customer"], response["unpaid"]) == ("cus_1", False)
    assert "Stripe customer  cus_1\n" in done("orgs", "show", "1").out
    output = failed("orgs", "set", "default", "--stripe-customer", "cus_1")
    assert output == "error: stripe_customer: cus_1 belongs to another organization.\n"
    output = failed("orgs", "set", "1", "--stripe-customer", "acme")
    assert output == "error: stripe_customer: A customer's id begins with cus_; or give `none`.\n"
    response = done("orgs", "set", "1", "--stripe-customer", "none", "--json").json
    assert response["stripe_customer"] is None


def test_the_audit_log_says_what_an_operator_has_changed() -> None:
    assert done("orgs", "audit", "default").out == "No changes yet.\n"
    done("projects", "create", "shop")
    done("orgs", "set", "default", "--monthly-quota", "10")
    failed("orgs", "set", "default", "--monthly-quota", "-1")
    quota, project = done("orgs", "audit", "default", "--json").json
    assert quota | {"id": "", "at": ""} == {
        "id": "",
        "at": "",
        "actor": "arn:aws:sts::123456789012:user/moto",
        "address": socket.gethostname(),
        "action": "organization changed",
        "project_id": None,
        "project_name": None,
        "details": "monthly quota 10",
        "finished": True,
    }
    assert (project["action"], project["details"]) == ("project created", "name shop, teams none")
    heading, first = done("orgs", "audit", "default", "--limit", "1").out.splitlines()
    assert heading.split() == ["TIME", "(UTC)", "WHO", "FROM", "PROJECT", "CHANGE"]
    assert first.endswith("organization changed: monthly quota 10")
    assert "There is no organization 7." in failed("orgs", "audit", "7")
