"""The templates as tests read them: the only list of tables, routes and functions.

`stack` is the logical id of a nested stack. The root stack (`template.yaml`) is the default.
"""

from functools import cache
from typing import Any

from dev.process import ROOT as ROOT
from dev.template import ROOT_STACK, load, nested


@cache
def resources(stack: str = ROOT_STACK) -> dict[str, dict[str, Any]]:
    """Return a template's resources by logical id. A reference stays as `{"Ref": ...}`."""
    found: dict[str, dict[str, Any]] = load(stack)["Resources"]
    return found


class _NoAccount:
    """Stands in for IAM: the transform asks IAM for managed policies by their short names."""

    def load(self) -> dict[str, str]:
        return {}


@cache
def transformed(stack: str = ROOT_STACK) -> dict[str, dict[str, Any]]:
    """Return the resources that CloudFormation gets for one stack, by logical id.

    The root stack's resources include each nested stack as one resource, without its content.
    """
    return processed(load(stack))


def processed(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Transform a parsed template with SAM, in place. Return the resources by logical id."""
    # Takes longer to import than most test modules.
    from samtranslator.translator.transform import transform

    for resource in template["Resources"].values():
        if code := _CODE.get(resource["Type"]):
            # As `sam package` would set it.
            resource["Properties"][code] = "s3://bucket/code"
    found: dict[str, dict[str, Any]] = transform(template, {}, _NoAccount())["Resources"]
    return found


# The property that names a resource's code.
_CODE = {"AWS::Serverless::Function": "CodeUri", "AWS::Serverless::LayerVersion": "ContentUri"}


def of_type(kind: str, stack: str = ROOT_STACK) -> dict[str, dict[str, Any]]:
    """Return the properties of every resource of a type, by logical id."""
    return {name: r["Properties"] for name, r in resources(stack).items() if r["Type"] == kind}


def tables() -> dict[str, dict[str, Any]]:
    """Return each table as arguments of `create_table`, named by its logical id."""
    kept = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
    return {
        name: {"TableName": name, **{key: table[key] for key in kept if key in table}}
        | (
            {"StreamSpecification": {"StreamEnabled": True, **table["StreamSpecification"]}}
            if "StreamSpecification" in table
            else {}
        )
        for name, table in of_type("AWS::DynamoDB::Table").items()
    }


def statements(function: str) -> list[dict[str, Any]]:
    """Return the statements of a function's own policies, also of one in a nested stack."""
    if function in of_type("AWS::Serverless::Function"):
        policies = of_type("AWS::Serverless::Function")[function]["Policies"]
        return [each for policy in policies for each in policy["Statement"]]
    for stack in nested():
        if function in of_type("AWS::Lambda::Function", stack):
            arn = of_type("AWS::Lambda::Function", stack)[function]["Role"]["Fn::Sub"]
            role = arn.rpartition("role/${")[2].removesuffix("}")
            policies = of_type("AWS::IAM::Role", stack)[role]["Policies"]
            return [each for policy in policies for each in policy["PolicyDocument"]["Statement"]]
    raise KeyError(function)


def routes() -> dict[tuple[str, str], str]:
    """Return the function's logical id for each (method, path)."""
    return {
        (event["Properties"]["Method"], event["Properties"]["Path"]): name
        for name, function in of_type("AWS::Serverless::Function").items()
        for event in function.get("Events", {}).values()
        if event["Type"] == "Api"
    }


def is_open(method: str, path: str) -> bool:
    """Whether a route has no authorizer."""
    return any(
        event["Properties"].get("Auth", {}).get("Authorizer") == "NONE"
        for function in of_type("AWS::Serverless::Function").values()
        for event in function.get("Events", {}).values()
        if event["Type"] == "Api"
        and (event["Properties"]["Method"], event["Properties"]["Path"]) == (method, path)
    )


def folder(function: str) -> str:
    """Return the folder of a function: `LegacyApiFunction` → `legacy_api`."""
    handler: str = of_type("AWS::Serverless::Function")[function]["Handler"]
    return handler.split(".")[1]
