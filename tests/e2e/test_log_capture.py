"""Log capture on the deployed stack: the command subscribes a log group, the function stores."""

import time
from typing import Any

from dev.stack import LocalStack
from errata.usecases import projects
from tests.support.cli import done, failed
from tests.support.deployed import eventually
from tests.support.log_capture import RAISED, REPORT, START, TIMED_OUT

STREAM = "2026/11/30/[$LATEST]0f3c"


def log_to(stack: LocalStack, group: str, *texts: str) -> None:
    logs = stack.client("logs")
    at_ms = time.time_ns() // 1_000_000
    logs.put_log_events(
        logGroupName=group,
        logStreamName=STREAM,
        logEvents=[{"timestamp": at_ms + n, "message": text} for n, text in enumerate(texts)],
    )


def new_log_group(stack: LocalStack, group: str) -> str:
    logs = stack.client("logs")
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName=STREAM)
    return group


def stored_events(errata: str, project_id: str) -> list[dict[str, Any]]:
    page = done("events", "list", project_id, "--stack", errata, "--json").json
    found: list[dict[str, Any]] = page["data"]
    return found


def test_a_log_group_is_captured_listed_tested_and_removed(
    stack: LocalStack, errata: str, project: tuple[str, str]
) -> None:
    project_id, _ = project
    group = new_log_group(stack, f"/aws/lambda/shop-{project_id}")
    # The local stack does not support patterns: it would require each of their words.
    options = ("--project", project_id, "--stack", errata)
    done("capture", "add", group, *options, "--pattern", "")
    log_to(stack, group, START, "stock is low", TIMED_OUT, REPORT)
    (event,) = eventually(lambda: stored_events(errata, project_id), lambda found: len(found) == 1)
    assert event["exception_class"] == "Sandbox.Timedout"
    assert event["tags"]["function"] == f"shop-{project_id}"
    assert event["tags"]["memory_used_mb"] == "40"
    assert [each["message"] for each in event["breadcrumbs"]] == ["stock is low"]
    # The function has only its own role, and stores when the log group had its last event.
    (listed,) = done("capture", "list", *options, "--json").json
    assert (listed["log_group"], listed["filter"]) == (group, True)
    assert listed["last_event"]
    tested = done("capture", "test", group, *options, "--json").json
    assert done("events", "show", project_id, tested["event"], "--stack", errata).out
    log_to(stack, group, RAISED)
    eventually(lambda: stored_events(errata, project_id), lambda found: len(found) == 3)

    def titles() -> set[str]:
        listed = done("issues", "list", project_id, "--stack", errata, "--json").json
        return {each["title"] for each in listed}

    eventually(titles, lambda found: "KeyError: 'lamp'" in found)
    done("capture", "remove", group, *options)
    assert done("capture", "list", *options, "--json").json == []
    log_to(stack, group, TIMED_OUT)
    time.sleep(2)
    assert len(stored_events(errata, project_id)) == 3


def test_errata_s_own_log_groups_are_refused(stack: LocalStack, errata: str) -> None:
    created = projects.create("shop")
    assert created
    names = [
        each["logGroupName"]
        for page in stack.client("logs").get_paginator("describe_log_groups").paginate()
        for each in page["logGroups"]
    ]
    own = [name for name in names if name.startswith(f"/aws/cloudformation/{errata}")]
    assert len(own) > 12, names
    options = ("--project", created.project.id, "--stack", errata)
    for name in own:
        assert "is a log group of Errata itself" in failed("capture", "add", name, *options)
    shown = done("capture", "add", "*", *options, "--dry-run", "--json").json
    assert not {each["log_group"] for each in shown} & set(own)
