"""The functions' roles as SAM creates them: each allows only what its function needs."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import template

# What Lambda's managed policies allow on every resource (AWS Managed Policy Reference).
_LOGS = {"logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"}
MANAGED = {
    "AWSLambdaBasicExecutionRole": _LOGS,
    "AWSLambdaDynamoDBExecutionRole": _LOGS
    | {"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"}
    # It lists the names of streams, and cannot be limited to a resource.
    | {"dynamodb:ListStreams"},
    "AWSLambdaSQSQueueExecutionRole": _LOGS
    | {"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"},
}
HARMLESS = {"dynamodb:ListStreams"}
FUNCTIONS = sorted(template.of_type("AWS::Serverless::Function"))


def roles() -> dict[str, dict[str, Any]]:
    """The roles' properties, by the functions that have them."""
    made = template.transformed()
    return {
        name: made[each["Properties"]["Role"]["Fn::GetAtt"][0]]["Properties"]
        for name, each in made.items()
        if each["Type"] == "AWS::Lambda::Function"
    }


def test_each_function_has_a_role_of_its_own() -> None:
    made = template.transformed()
    functions = [each for each in made.values() if each["Type"] == "AWS::Lambda::Function"]
    named = {each["Properties"]["Role"]["Fn::GetAtt"][0] for each in functions}
    assert len(named) == len(functions) >= 10
    assert roles().keys() == set(FUNCTIONS)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_actions_of_managed_policies_are_denied_except_on_own_resources(function: str) -> None:
    own = {
        "logs": [function.removesuffix("Function") + "Logs", "Arn"],
        "dynamodb": ["EventsTable", "StreamArn"],
        "sqs": ["WebhookQueue", "Arn"],
    }
    kept = dict(_denials(roles()[function]))
    for arn in roles()[function]["ManagedPolicyArns"]:
        for action in MANAGED[arn.rpartition("/")[2]] - HARMLESS:
            service = action.partition(":")[0]
            where = kept.get(action) or kept.get(f"{service}:*")
            assert where == {"Fn::GetAtt": own[service]}, action


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_policy_allows_all_actions_or_all_resources(function: str) -> None:
    for policy in roles()[function]["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            assert "*" not in (statement.get("Resource"), statement.get("Action"))


def _denials(role: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield each action that is denied everywhere except on a resource, with that resource."""
    for policy in role["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            if statement.get("Effect") == "Deny":
                actions = statement["Action"]
                for action in [actions] if isinstance(actions, str) else actions:
                    yield action, statement["NotResource"]
