"""`errata doctor` on a deployed stack: well, and with each of its parts broken on purpose."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dev.process import BIN, ROOT
from dev.stack import LocalStack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A stack of its own, since the tests break it."""
    log = tmp_path_factory.mktemp("stack") / "ministack.log"
    with LocalStack(log=log) as running:
        assert errata(running, "projects", "create", "shop").returncode == 0
        yield running


def errata(stack: LocalStack, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / "errata", *arguments, "--stack", stack.stack_name],
        cwd=ROOT,
        env={**os.environ, **stack.environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def wrong(stack: LocalStack) -> list[dict[str, Any]]:
    """Return the checks that are not ok."""
    ran = errata(stack, "doctor", "--json")
    found = json.loads(ran.stdout)
    failed = [each for each in found["checks"] if not each["ok"]]
    assert (ran.returncode, found["ok"]) == ((1, False) if failed else (0, True)), ran.stderr
    return failed


def test_a_stack_that_was_just_deployed_is_well(stack: LocalStack) -> None:
    assert wrong(stack) == []
    shown = errata(stack, "doctor").stdout.splitlines()
    assert shown[0] == "ok     stack: CREATE_COMPLETE"
    assert shown[-1] == "All is well."


def mapping(stack: LocalStack) -> str:
    found = stack.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    mapping_id: str = found[0]["UUID"]
    return mapping_id


def enable(stack: LocalStack, *, enabled: bool) -> None:
    stack.client("lambda").update_event_source_mapping(UUID=mapping(stack), Enabled=enabled)


def take_keys_from(stack: LocalStack, source: str) -> None:
    change = {"op": "replace", "path": "/apiKeySource", "value": source}
    stack.client("apigateway").update_rest_api(
        restApiId=stack.outputs["ApiId"], patchOperations=[change]
    )


def lose_gateway_keys(stack: LocalStack) -> None:
    gateway = stack.client("apigateway")
    for key in gateway.get_api_keys(nameQuery=f"{stack.stack_name}-project-")["items"]:
        gateway.delete_api_key(apiKey=key["id"])
    for plan in gateway.get_usage_plans()["items"]:
        for key in gateway.get_usage_plan_keys(usagePlanId=plan["id"])["items"]:
            if key["name"].startswith(f"{stack.stack_name}-project-"):
                gateway.delete_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"])


def repair_gateway_keys(stack: LocalStack) -> None:
    assert errata(stack, "keys", "repair").returncode == 0


def put_letter(stack: LocalStack) -> None:
    stack.client("sqs").send_message(
        QueueUrl=stack.outputs["LedgerDeadLetterUrl"], MessageBody="letter"
    )


def purge(stack: LocalStack) -> None:
    stack.client("sqs").purge_queue(QueueUrl=stack.outputs["LedgerDeadLetterUrl"])


def expire(stack: LocalStack, *, enabled: bool) -> None:
    stack.client("dynamodb").update_time_to_live(
        TableName=stack.outputs["IssuesTableName"],
        TimeToLiveSpecification={"Enabled": enabled, "AttributeName": "ttl"},
    )


def back_up(stack: LocalStack, *, enabled: bool) -> None:
    stack.client("dynamodb").update_continuous_backups(
        TableName=stack.outputs["ProjectsTableName"],
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": enabled},
    )


type Change = Callable[[LocalStack], None]

BREAKAGES: dict[str, tuple[Change, Change, str, str]] = {
    "trigger": (
        lambda stack: enable(stack, enabled=False),
        lambda stack: enable(stack, enabled=True),
        "triggers",
        "--enabled",
    ),
    "key source": (
        lambda stack: take_keys_from(stack, "HEADER"),
        lambda stack: take_keys_from(stack, "AUTHORIZER"),
        "API",
        "make deploy",
    ),
    "gateway keys": (lose_gateway_keys, repair_gateway_keys, "gateway keys", "errata keys repair"),
    "dead letter": (put_letter, purge, "dead letters", "errata redrive ledger"),
    "expiry": (
        lambda stack: expire(stack, enabled=False),
        lambda stack: expire(stack, enabled=True),
        "expiry",
        "update-time-to-live",
    ),
    "recovery": (
        lambda stack: back_up(stack, enabled=False),
        lambda stack: back_up(stack, enabled=True),
        "recovery",
        "update-continuous-backups",
    ),
}


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_what_is_broken_is_named_with_its_remedy(stack: LocalStack, breakage: str) -> None:
    break_, mend, name, remedy = BREAKAGES[breakage]
    break_(stack)
    (found,) = wrong(stack)
    assert found["name"] == name
    assert remedy in found["remedy"]
    mend(stack)
    assert wrong(stack) == []


def test_a_check_that_aws_refuses_is_wrong_and_hides_no_other(stack: LocalStack) -> None:
    # No Lambda at this address; all other services answer.
    environment = {**stack.environment, "AWS_ENDPOINT_URL_LAMBDA": "http://127.0.0.1:1"}
    ran = subprocess.run(
        [BIN / "errata", "doctor", "--json", "--stack", stack.stack_name],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    found = {each["name"]: each for each in json.loads(ran.stdout)["checks"]}
    assert {name for name, each in found.items() if not each["ok"]} == {"concurrency", "triggers"}
    assert found["triggers"]["detail"].startswith("Could not look: ")
