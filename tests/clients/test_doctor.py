"""`errata doctor` on a deployed stack: well, broken on purpose in many ways, and deployed again."""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config

from dev.process import BIN
from dev.stack import LocalStack
from tests.support.doctor import doctor, run, write_local, wrong


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A stack of its own, since the tests break it."""
    log = tmp_path_factory.mktemp("stack") / "ministack.log"
    with LocalStack(log=log) as running:
        errata(running, "projects", "create", "shop")
        yield running


def errata(stack: LocalStack, *arguments: str) -> str:
    ran = run(stack, *arguments)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_a_new_stack_passes_all_checks_and_is_not_changed(stack: LocalStack) -> None:
    gateway = stack.client("apigateway")
    plans = gateway.get_usage_plans()["items"]
    shown = errata(stack, "doctor").splitlines()
    assert shown[0].startswith("ok     stack: CREATE_COMPLETE")
    assert shown[-1] == "All is well."
    # Everything that the checks with requests have created is deleted.
    projects = json.loads(errata(stack, "projects", "list", "--json"))
    assert [each["name"] for each in projects] == ["shop"]
    pool = stack.outputs["UserPoolId"]
    assert stack.client("cognito-idp").list_users(UserPoolId=pool)["Users"] == []
    assert gateway.get_usage_plans()["items"] == plans


def mapping(stack: LocalStack) -> str:
    found = stack.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    mapping_id: str = found[0]["UUID"]
    return mapping_id


def enable(stack: LocalStack, *, enabled: bool) -> None:
    stack.client("lambda").update_event_source_mapping(UUID=mapping(stack), Enabled=enabled)


def change_api(stack: LocalStack, name: str, value: Any) -> None:
    # MiniStack stores the value of a patch as it comes, also a list.
    client = stack.client("apigateway", config=Config(parameter_validation=False))
    change = {"op": "replace", "path": f"/{name}", "value": value}
    client.update_rest_api(restApiId=stack.outputs["ApiId"], patchOperations=[change])


def physical(stack: LocalStack, name: str) -> str:
    found = stack.client("cloudformation").describe_stack_resource(
        StackName=stack.stack_name, LogicalResourceId=name
    )
    physical_id: str = found["StackResourceDetail"]["PhysicalResourceId"]
    return physical_id


def unsubscribe(stack: LocalStack) -> None:
    stack.client("logs").delete_subscription_filter(
        logGroupName=physical(stack, "IngestLogs"),
        filterName=physical(stack, "LedgerFunctionOfIngest"),
    )


def subscribe(stack: LocalStack) -> None:
    ledger = physical(stack, "LedgerFunction")
    arn = stack.client("lambda").get_function(FunctionName=ledger)["Configuration"]["FunctionArn"]
    stack.client("logs").put_subscription_filter(
        logGroupName=physical(stack, "IngestLogs"),
        filterName=physical(stack, "LedgerFunctionOfIngest"),
        filterPattern='"event lost"',
        destinationArn=arn,
    )


def set_log_role(stack: LocalStack, name: str) -> None:
    arn = f"arn:aws:iam::000000000000:role/{name}"
    change = {"op": "replace", "path": "/cloudwatchRoleArn", "value": arn}
    stack.client("apigateway").update_account(patchOperations=[change])


def lose_gateway_keys(stack: LocalStack) -> None:
    gateway = stack.client("apigateway")
    for key in gateway.get_api_keys(nameQuery=f"{stack.stack_name}-project-")["items"]:
        gateway.delete_api_key(apiKey=key["id"])
    for plan in gateway.get_usage_plans()["items"]:
        for key in gateway.get_usage_plan_keys(usagePlanId=plan["id"])["items"]:
            if key["name"].startswith(f"{stack.stack_name}-project-"):
                gateway.delete_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"])


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


type Change = Callable[[LocalStack], object]

# How to break and repair it, the check that finds it, and a part of the remedy.
BREAKAGES: dict[str, tuple[Change, Change, str, str]] = {
    "trigger": (
        lambda stack: enable(stack, enabled=False),
        lambda stack: enable(stack, enabled=True),
        "triggers",
        "--enabled",
    ),
    "subscription filter": (
        unsubscribe,
        subscribe,
        "triggers",
        "aws logs put-subscription-filter --filter-name errata-local-LedgerFunctionOfIngest-",
    ),
    "key source": (
        lambda stack: change_api(stack, "apiKeySource", "HEADER"),
        lambda stack: change_api(stack, "apiKeySource", "AUTHORIZER"),
        "API",
        "op=replace,path=/apiKeySource,value=AUTHORIZER",
    ),
    "binary bodies": (
        lambda stack: change_api(stack, "binaryMediaTypes", []),
        lambda stack: change_api(stack, "binaryMediaTypes", ["*/*"]),
        "API",
        "op=add,path=/binaryMediaTypes/*~1*",
    ),
    "log role": (
        lambda stack: set_log_role(stack, "deleted"),
        lambda stack: set_log_role(stack, physical(stack, "ApiGatewayLogRoleForAccount")),
        "log role",
        "ApiGatewayLogRole",
    ),
    "gateway keys": (
        lose_gateway_keys,
        lambda stack: errata(stack, "keys", "repair"),
        "gateway keys",
        "errata keys repair",
    ),
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
def test_each_breakage_is_found_with_its_remedy(stack: LocalStack, breakage: str) -> None:
    break_, repair, name, remedy = BREAKAGES[breakage]
    break_(stack)
    (found,) = wrong(stack, "--read-only")
    assert found["name"] == name
    assert remedy in found["remedy"]
    # In the next test, no other check may be wrong.
    repair(stack)


def test_after_all_repairs_no_check_is_wrong(stack: LocalStack) -> None:
    assert wrong(stack, "--read-only") == []


def delete_gateway_response(stack: LocalStack) -> None:
    gateway, api = stack.client("apigateway"), stack.outputs["ApiId"]
    gateway.delete_gateway_response(restApiId=api, responseType="MISSING_AUTHENTICATION_TOKEN")
    gateway.create_deployment(restApiId=api, stageName="v1")


def restore_gateway_response(stack: LocalStack) -> None:
    text = '{"message":"No such route.","ok":false,"error":"No such route."}'
    gateway, api = stack.client("apigateway"), stack.outputs["ApiId"]
    gateway.put_gateway_response(
        restApiId=api,
        responseType="MISSING_AUTHENTICATION_TOKEN",
        statusCode="404",
        responseTemplates={"application/json": text},
    )
    gateway.create_deployment(restApiId=api, stageName="v1")


def set_variable(stack: LocalStack, function: str, name: str, value: str) -> None:
    client, physical_id = stack.client("lambda"), physical(stack, function)
    variables = client.get_function_configuration(FunctionName=physical_id)["Environment"]
    variables["Variables"][name] = value
    client.update_function_configuration(FunctionName=physical_id, Environment=variables)


# Only requests find these. They may break several checks: the first one is named here.
BROKEN_FOR_CLIENTS: dict[str, tuple[Change, Change, str, str]] = {
    "gateway response": (
        delete_gateway_response,
        restore_gateway_response,
        "routes",
        "create-deployment",
    ),
    "table of ingest": (
        lambda stack: set_variable(stack, "IngestFunction", "EVENTS_TABLE", "another"),
        lambda stack: set_variable(
            stack, "IngestFunction", "EVENTS_TABLE", stack.outputs["EventsTableName"]
        ),
        "ingest",
        "aws logs tail /aws/cloudformation/errata-local/IngestLogs",
    ),
    "user pool of the dashboard": (
        lambda stack: set_variable(stack, "DashboardFunction", "USER_POOL_ID", "us-east-1_gone"),
        lambda stack: set_variable(
            stack, "DashboardFunction", "USER_POOL_ID", stack.outputs["UserPoolId"]
        ),
        "sign-in",
        "aws logs tail /aws/cloudformation/errata-local/DashboardLogs",
    ),
    "quota": (
        lambda stack: errata(stack, "orgs", "set", "default", "--monthly-quota", "0"),
        lambda stack: errata(stack, "orgs", "set", "default", "--monthly-quota", "none"),
        "ingest",
        "errata orgs show default",
    ),
}


@pytest.mark.parametrize("breakage", BROKEN_FOR_CLIENTS)
def test_each_breakage_for_clients_is_found_with_its_remedy(
    stack: LocalStack, breakage: str
) -> None:
    break_, repair, name, remedy = BROKEN_FOR_CLIENTS[breakage]
    break_(stack)
    found = wrong(stack)
    repair(stack)
    assert found[0]["name"] == name
    assert remedy in found[0]["remedy"]


def test_a_check_that_cannot_reach_aws_is_wrong_and_does_not_hide_others(stack: LocalStack) -> None:
    # No Lambda at this address. All other services respond.
    environment = {**stack.environment, "AWS_ENDPOINT_URL_LAMBDA": "http://127.0.0.1:1"}
    ran = subprocess.run(
        [BIN / "errata", "doctor", "--json", "--read-only", "--stack", stack.stack_name],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    found = {each["name"]: each for each in json.loads(ran.stdout)["checks"]}
    assert {name for name, each in found.items() if not each["ok"]} == {"concurrency", "triggers"}
    assert found["triggers"]["detail"].startswith("Not checked: ")


def test_an_api_that_does_not_respond_is_reported_once(stack: LocalStack) -> None:
    found = wrong(stack, "--url", "http://127.0.0.1:1")
    assert [each["name"] for each in found] == ["routes"]
    assert "No response from http://127.0.0.1:1/" in found[0]["detail"]


def restore_sigint() -> None:
    """Let a process be interrupted, even if the tests run in the background of a shell."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_deletes_the_temporary_project(stack: LocalStack, tmp_path: Path) -> None:
    write_local(tmp_path, stack)
    command = [str(BIN / "errata"), "doctor", "--local"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, preexec_fn=restore_sigint
    ) as running:
        assert running.stdout
        assert any(line.startswith("ok     ingest") for line in running.stdout)
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=60)
    assert running.returncode
    projects = json.loads(errata(stack, "projects", "list", "--json"))
    assert [each["name"] for each in projects] == ["shop"]


def test_all_checks_pass_after_a_deployment_with_other_parameters(stack: LocalStack) -> None:
    stack.update({"RetentionDays": "90", "LegacyRead": "off", "LogLevel": "INFO"})
    assert stack.outputs["RetentionDays"] == "90"
    found = {each["name"]: each for each in doctor(stack)}
    assert all(each["ok"] for each in found.values()), found
    assert found["api.php"]["detail"] == "stored"
    stack.update({"LegacyApi": "off"})
    found = {each["name"]: each for each in doctor(stack, "--mail", "ada@example.com")}
    assert all(each["ok"] for each in found.values()), found
    assert found["api.php"]["detail"] == found["clear"]["detail"] == "turned off"
    assert found["mail"]["detail"].startswith("Cognito accepted an invitation to ada@example.com.")
