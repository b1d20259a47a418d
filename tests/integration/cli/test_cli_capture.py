"""`errata capture`: subscribe log groups, list, test and remove them."""

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from errata.models.capture import PATTERN, filter_name, is_own, project_of
from errata.store import captures, clients, log_groups
from errata.usecases import audit
from tests.support.account import Project
from tests.support.cli import Deployed, Ran, aws, done, failed, refusing, run
from tests.support.log_capture import forget_lines

SHOP, MAIL, TEST = "/aws/lambda/shop", "/aws/lambda/mail", "/aws/lambda/test-shop"
OWN = "errata-IngestLogs-1A2B3C"


def create_function() -> None:
    """Create the function, which moto wants to exist."""
    roles, functions = aws("iam"), aws("lambda")
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    role = roles.create_role(RoleName="log-capture", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("handler.py", "")
    functions.create_function(
        FunctionName="errata-LogCapture-1",
        Runtime="python3.13",
        Role=role,
        Handler="handler.handler",
        Code={"ZipFile": packed.getvalue()},
    )


@pytest.fixture
def groups(busy: Project, deployed: Deployed) -> Iterator[Project]:
    """Return a project, in an account with log groups and the function."""
    forget_lines()
    create_function()
    logs = clients.logs_patient()
    for name in (SHOP, MAIL, TEST, "/ecs/web", OWN):
        logs.create_log_group(logGroupName=name)
    yield busy
    aws("lambda").delete_function(FunctionName="errata-LogCapture-1")
    aws("iam").delete_role(RoleName="log-capture")


def subscribed(group: str) -> dict[str, Any]:
    (found,) = clients.logs_patient().describe_subscription_filters(logGroupName=group)[
        "subscriptionFilters"
    ]
    return dict(found)


def test_a_log_group_is_subscribed_listed_and_removed(groups: Project) -> None:
    of = ("--project", groups.id)
    assert "captures 1 log group." in done("capture", "add", SHOP, *of).out
    made = subscribed(SHOP)
    assert made["filterName"] == filter_name("errata", groups.id)
    assert made["filterPattern"] == PATTERN
    (listed,) = done("capture", "list", "--json").json
    assert (listed["project"], listed["log_group"], listed["filter"]) == (groups.id, SHOP, True)
    assert listed["last_event"] is None
    done("capture", "add", SHOP, *of, "--pattern", "ERROR")
    assert subscribed(SHOP)["filterPattern"] == "ERROR"
    assert SHOP in done("capture", "remove", SHOP, *of).out
    assert log_groups.filters(SHOP) == {}
    assert done("capture", "list", *of).out.startswith("No captured log groups.")
    assert "captures no log group" in failed("capture", "remove", SHOP, *of)
    actions = [each.action for each in audit.list_entries("default", "", 10)[0]]
    assert actions == ["log group no more captured", *["log group captured"] * 2]


def test_patterns_and_exclusions_select_log_groups(groups: Project) -> None:
    of = ("--project", groups.id, "--dry-run", "--json")

    def chosen(*arguments: str) -> list[str]:
        return [each["log_group"] for each in done("capture", "add", *arguments, *of).json]

    assert chosen("--all-lambdas") == [MAIL, SHOP, TEST]
    assert chosen("--all-lambdas", "--exclude", "*/test-*", "--exclude", MAIL) == [SHOP]
    assert chosen("/aws/lambda/*shop", "/ecs/web") == [SHOP, TEST, "/ecs/web"]
    assert OWN not in chosen("*")
    assert log_groups.filters(SHOP) == {}
    done("capture", "add", "--all-lambdas", "--project", groups.id)
    done("capture", "remove", "/aws/lambda/*", "--project", groups.id)
    assert captures.list_groups(groups.id) == []


@pytest.mark.parametrize("named", [(OWN, SHOP, MAIL), (SHOP, "/aws/lambda/m*", OWN)])
def test_with_a_log_group_of_errata_itself_no_log_group_is_captured(
    groups: Project, named: tuple[str, ...]
) -> None:
    assert failed("capture", "add", *named, "--project", groups.id) == (
        f"error: log_group: {OWN} is a log group of Errata itself. It cannot be captured."
        " Nothing was changed: run this again without it.\n"
    )
    assert [log_groups.filters(name) for name in (SHOP, MAIL, OWN)] == [{}] * 3
    assert captures.list_groups(groups.id) == []
    assert audit.list_entries("default", "", 10)[0] == []


def test_a_log_group_that_does_not_exist_is_reported_and_the_others_are_captured(
    groups: Project,
) -> None:
    missing = "/aws/lambda/none"
    ran = run("capture", "add", MAIL, missing, SHOP, "--project", groups.id)
    assert ran == Ran(
        1,
        f"Project {groups.id} captures 2 log groups. Failures become events within minutes.\n",
        f"error: {missing}: There is no log group {missing} in this region.\n",
    )
    assert [each.name for each in captures.list_groups(groups.id)] == [MAIL, SHOP]
    assert len(log_groups.filters(MAIL)) == len(log_groups.filters(SHOP)) == 1
    entries = [(each.action, each.details) for each in audit.list_entries("default", "", 10)[0]]
    assert entries == [("log group captured", f"group {name}") for name in (SHOP, MAIL)]


def test_log_groups_that_cannot_be_captured_are_reported(groups: Project) -> None:
    of = ("--project", groups.id)
    assert "Name log groups" in failed("capture", "add", *of)
    assert "No log group matches" in failed("capture", "add", "/nothing/*", *of)
    assert "There is no log group" in failed("capture", "test", "/aws/lambda/none", *of)
    with refusing("PutSubscriptionFilter", "LimitExceededException"):
        ran = run("capture", "add", SHOP, *of)
    assert f"{SHOP}: The log group has two subscription filters, which is the most: " in ran.err
    assert audit.list_entries("default", "", 10)[0] == []


def test_the_list_shows_missing_filters(groups: Project) -> None:
    done("capture", "add", SHOP, MAIL, "--project", groups.id)
    clients.logs_patient().delete_log_group(logGroupName=MAIL)
    log_groups.delete_filter(SHOP, filter_name("errata", groups.id))
    shown = done("capture", "list").out
    assert shown.count("missing") == 2
    done("capture", "remove", "*", "--project", groups.id)


def test_deleting_a_project_removes_its_log_groups(groups: Project) -> None:
    done("capture", "add", SHOP, "--project", groups.id)
    done("projects", "delete", groups.id, "--yes")
    assert captures.list_groups(groups.id) == []


@pytest.mark.parametrize(
    ("name", "project_id"),
    [
        ("errata-project-12", "12"),
        ("my-project-project-7", "7"),
        ("errata-project-", ""),
        ("errata-project-0", ""),
        ("errata-project-x", ""),
        ("-project-1", ""),
        ("somebody else", ""),
    ],
)
def test_the_project_is_read_from_the_name_of_a_filter(name: str, project_id: str) -> None:
    assert project_of(name) == project_id


@pytest.mark.parametrize(
    ("group", "own"),
    [
        ("errata-IngestLogs-1A2B3C", True),
        ("errata-LogCapture-1XYZ-LogCaptureLogs-ABC", True),
        ("/aws/lambda/errata-DigestFunction-AbC", True),
        ("/aws/cloudformation/errata/IngestLogs", True),
        ("/aws/lambda/errata-shop", False),
        ("errata2-IngestLogs-1A2B3C", False),
        ("/aws/lambda/shop", False),
        ("errata-demo", False),
    ],
)
def test_errata_s_own_log_groups_are_recognized_by_name(group: str, own: bool) -> None:
    assert is_own(group, "errata") is own
