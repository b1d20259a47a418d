"""Enforce the permissions that the template gives a function, as AWS does."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from errata.config import settings
from tests.support import template
from tests.support.calls import Call

# Cognito accepts these from anybody, without credentials.
_OPEN = {
    *("AssociateSoftwareToken", "ChangePassword", "ConfirmForgotPassword", "ForgotPassword"),
    *("RevokeToken", "SetUserMFAPreference", "VerifySoftwareToken"),
}
# An emulator that listens has tables and queues of several tests (tests/support/account.py).
SUFFIX = "--"
_SUFFIXED = re.compile(f"{SUFFIX}[0-9a-f]{{8}}")
# S3 checks HeadObject like GetObject, and DeleteObjects like DeleteObject for each key.
_OF_S3 = {
    "DeleteObjects": "DeleteObject",
    "HeadObject": "GetObject",
    "ListObjectsV2": "ListBucket",
}
# SQS checks a batch like its single messages (Service Authorization Reference).
_ACTIONS = {"SendMessageBatch": "SendMessage", "DeleteMessageBatch": "DeleteMessage"}


def check(call: Call) -> None:
    """Fail at a call that the policy of the calling function does not allow."""
    if call.function is None:
        return
    for action, resource, keys in _wanted(call):
        assert any(
            condition is None or condition.holds(keys)
            for condition in _conditions(call.function, action, resource)
        ), f"{call.function} may not {action} on {resource} {keys}"


@dataclass(frozen=True)
class LeadingKeys:
    """A condition on the partition keys of a call to DynamoDB."""

    operator: str
    patterns: tuple[str, ...]

    def holds(self, keys: list[str]) -> bool:
        """Return whether the condition is true. It is false if the keys are unknown here."""
        assert self.operator in ("ForAllValues:StringLike", "ForAllValues:StringNotLike")
        wanted = self.operator.endswith(":StringLike")
        return bool(keys) and all(
            any(fnmatchcase(key, pattern) for pattern in self.patterns) is wanted for key in keys
        )


@cache
def _conditions(function: str, action: str, resource: str) -> list[LeadingKeys | None]:
    """Return the conditions of the statements that allow an action on a resource."""
    return [
        condition
        for allowed, pattern, condition in policy(function)
        if fnmatchcase(action, allowed) and fnmatchcase(_SUFFIXED.sub("", resource), pattern)
    ]


@cache
def policy(function: str) -> set[tuple[str, str, LeadingKeys | None]]:
    """Return the allowed actions, each with a resource and a condition on partition keys.

    A resource is a logical id, or the end of an ARN.
    """
    return {
        (action, _resource(resource), _leading_keys(statement))
        for given in template.statements(function)
        for statement in [given["Fn::If"][1] if "Fn::If" in given else given]
        if statement["Effect"] == "Allow"
        for action in _list(statement["Action"])
        for resource in _list(statement["Resource"])
    }


def _leading_keys(statement: dict[str, Any]) -> LeadingKeys | None:
    if "Condition" not in statement:
        return None
    ((operator, condition),) = statement["Condition"].items()
    if "iam:PassedToService" in condition:
        return None
    return LeadingKeys(operator, tuple(condition["dynamodb:LeadingKeys"]))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _resource(resource: dict[str, Any] | str) -> str:
    if isinstance(resource, str):
        return resource
    if "Fn::GetAtt" in resource:
        logical_id: str = resource["Fn::GetAtt"][0]
        return logical_id
    if "Ref" in resource:
        parameter: str = resource["Ref"]
        return parameter
    text: str = resource["Fn::Sub"]
    # The stack in the tests' account is named errata, and its secrets have names below that.
    text = text.replace("${AWS::StackName}", "errata").replace(".Arn}", "}")
    text = text.replace("${StripeWebhookSecretParameter}", "/errata/*")
    text = re.sub(r"^arn:[^/]*:(s3::|dynamodb:[^/]*table)[:/]", "", text)
    return re.sub(r"^arn:.*(::|:parameter)(?=/)", "", text).replace("${", "").replace("}", "")


def _wanted(call: Call) -> Iterator[tuple[str, str, list[str]]]:
    """Yield each action of a call, its resource, and the partition keys that it names."""
    service = call.client.meta.service_model.service_name
    name = f"{service}:{_ACTIONS.get(call.operation, call.operation)}"
    match service:
        case "dynamodb":
            yield from _of_dynamodb(call, name)
        case "sqs":
            yield name, call.parameters["QueueUrl"].rpartition("/")[2], []
        case "s3":
            action = _OF_S3.get(call.operation, call.operation)
            for key in _keys_of_s3(call.parameters):
                yield f"s3:{action}", f"MapsBucket/{key}" if key else "MapsBucket", []
        case "ssm":
            yield name, call.parameters["Name"], []
        case "sesv2":
            yield "ses:SendEmail", "MailIdentityArn", []
        case "sns":
            # The ARN of a subscription begins with that of its topic.
            of = call.parameters.get("TopicArn") or call.parameters["SubscriptionArn"]
            is_alert = bool(settings().alert_topic) and of.startswith(settings().alert_topic)
            yield name, "AlertTopic" if is_alert else "AlarmTopicArn", []
        case "events":
            buses = {each.get("EventBusName", "default") for each in call.parameters["Entries"]}
            for bus in buses:
                where = "AWS::Partition:events:AWS::Region:AWS::AccountId"
                yield name, f"arn:{where}:event-bus/{bus}", []
        case "logs":
            where = "arn:AWS::Partition:logs:AWS::Region:AWS::AccountId"
            group, stream = call.parameters["logGroupName"], call.parameters["logStreamName"]
            yield name, f"{where}:log-group:{group}:log-stream:{stream}", []
        case "scheduler":
            where = "arn:AWS::Partition:scheduler:AWS::Region:AWS::AccountId:schedule"
            yield name, f"{where}/{call.parameters['GroupName']}/{call.parameters['Name']}", []
            if role := call.parameters.get("Target", {}).get("RoleArn"):
                where = "arn:AWS::Partition:iam::AWS::AccountId:role"
                yield "iam:PassRole", f"{where}/{role.rpartition('/')[2]}", []
        case "cognito-idp":
            if call.operation not in _OPEN:
                assert call.parameters["UserPoolId"] == settings().user_pool_id
                yield name, "UserPool", []
        case "apigateway":
            http = call.client.meta.service_model.operation_model(call.operation).http
            given = {key.lower(): str(value) for key, value in call.parameters.items()}
            path = re.sub(r"\{(\w+)\}", lambda m: _argument(given, m[1]), http["requestUri"])
            yield f"apigateway:{http['method']}", path, []
        case _:
            raise AssertionError(f"a call to {service}")


def _keys_of_s3(parameters: dict[str, Any]) -> list[str]:
    """Return the keys of objects that a call names. "" stands for the bucket."""
    if "Delete" in parameters:
        return [each["Key"] for each in parameters["Delete"]["Objects"]]
    return [parameters.get("Key", "")]


def _argument(given: dict[str, str], name: str) -> str:
    # "{usageplanId}" and "{api_Key}" are the arguments usagePlanId and apiKey.
    return given[name.replace("_", "").lower()]


def _of_dynamodb(call: Call, name: str) -> Iterator[tuple[str, str, list[str]]]:
    if "TransactItems" in call.parameters:
        for each in call.parameters["TransactItems"]:
            ((action, details),) = each.items()
            yield f"dynamodb:{action}Item", details["TableName"], [_key(details)]
    elif "RequestItems" in call.parameters:
        for table, asked in call.parameters["RequestItems"].items():
            rows = asked["Keys"] if isinstance(asked, dict) else map(_written, asked)
            yield name, table, [row["pk"]["S"] for row in rows]
    else:
        index = call.parameters.get("IndexName")
        table = call.parameters["TableName"]
        keys = [_key(call.parameters)] if {"Key", "Item"} & call.parameters.keys() else []
        if partition := re.match(r"pk = (:\w+)", call.parameters.get("KeyConditionExpression", "")):
            keys = [call.parameters["ExpressionAttributeValues"][partition[1]]["S"]]
        yield name, f"{table}/index/{index}" if index else table, keys


def _written(request: dict[str, Any]) -> dict[str, Any]:
    """Return the item or the key of a request in a BatchWriteItem."""
    ((_, details),) = request.items()
    row: dict[str, Any] = details.get("Item") or details["Key"]
    return row


def _key(details: dict[str, Any]) -> str:
    key: str = (details.get("Item") or details["Key"])["pk"]["S"]
    return key
