"""Enforce the permissions that the template gives a function, as AWS does."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from errata.config import settings
from tests.support import template
from tests.support.calls import Call, watched

# Cognito accepts these from anybody, without credentials.
_OPEN = {"ConfirmForgotPassword", "ForgotPassword", "RevokeToken"}
# SQS checks a batch like its single messages (Service Authorization Reference).
_ACTIONS = {"SendMessageBatch": "SendMessage", "DeleteMessageBatch": "DeleteMessage"}


@contextmanager
def permitted(function: str) -> Iterator[None]:
    """Fail at every call that the function's policy does not allow."""

    def watch(call: Call) -> Any:
        row = call.parameters.get("Key", {}).get("pk", {}).get("S", "")
        for action, resource in _wanted(call):
            assert any(
                fnmatchcase(action, allowed)
                and fnmatchcase(resource, pattern)
                and (keys is None or any(fnmatchcase(row, key) for key in keys))
                for allowed, pattern, keys in policy(function)
            ), f"{function} may not {action} on {resource} {row}"
        return call.send()

    with watched(watch):
        yield


@cache
def policy(function: str) -> set[tuple[str, str, tuple[str, ...] | None]]:
    """Return the allowed actions, each with a resource and patterns of partition keys.

    A resource is a logical id, or the end of an ARN.
    """
    properties = template.of_type("AWS::Serverless::Function")[function]
    return {
        (action, _resource(resource), _leading_keys(statement))
        for policies in properties["Policies"]
        for given in policies["Statement"]
        for statement in [given["Fn::If"][1] if "Fn::If" in given else given]
        if statement["Effect"] == "Allow"
        for action in _list(statement["Action"])
        for resource in _list(statement["Resource"])
    }


def _leading_keys(statement: dict[str, Any]) -> tuple[str, ...] | None:
    if "Condition" not in statement:
        return None
    ((_, condition),) = statement["Condition"].items()
    return tuple(condition["dynamodb:LeadingKeys"])


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _resource(resource: dict[str, Any]) -> str:
    if "Fn::GetAtt" in resource:
        logical_id: str = resource["Fn::GetAtt"][0]
        return logical_id
    text: str = resource["Fn::Sub"]
    # The stack in the tests' account is named errata.
    text = text.replace("${AWS::StackName}", "errata").replace(".Arn}", "}")
    return re.sub(r"^arn:.*(::|:parameter)(?=/)", "", text).replace("${", "").replace("}", "")


def _wanted(call: Call) -> Iterator[tuple[str, str]]:
    service = call.client.meta.service_model.service_name
    name = f"{service}:{_ACTIONS.get(call.operation, call.operation)}"
    match service:
        case "dynamodb":
            yield from _of_dynamodb(call, name)
        case "sqs":
            yield name, call.parameters["QueueUrl"].rpartition("/")[2]
        case "ssm":
            yield name, call.parameters["Name"]
        case "cognito-idp":
            if call.operation not in _OPEN:
                assert call.parameters["UserPoolId"] == settings().user_pool_id
                yield name, "UserPool"
        case "apigateway":
            http = call.client.meta.service_model.operation_model(call.operation).http
            given = {key.lower(): str(value) for key, value in call.parameters.items()}
            path = re.sub(r"\{(\w+)\}", lambda m: _argument(given, m[1]), http["requestUri"])
            yield f"apigateway:{http['method']}", path
        case _:
            raise AssertionError(f"a call to {service}")


def _argument(given: dict[str, str], name: str) -> str:
    # "{usageplanId}" and "{api_Key}" are the arguments usagePlanId and apiKey.
    return given[name.replace("_", "").lower()]


def _of_dynamodb(call: Call, name: str) -> Iterator[tuple[str, str]]:
    if call.operation == "TransactWriteItems":
        for each in call.parameters["TransactItems"]:
            ((action, details),) = each.items()
            yield f"dynamodb:{action}Item", details["TableName"]
    elif "RequestItems" in call.parameters:
        for table in call.parameters["RequestItems"]:
            yield name, table
    else:
        index = call.parameters.get("IndexName")
        table = call.parameters["TableName"]
        yield name, f"{table}/index/{index}" if index else table
