"""The template as tests read it: it is the only list of tables, routes and functions."""

from functools import cache
from pathlib import Path
from typing import Any

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).parents[2]


def _parsed() -> dict[str, Any]:
    template: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text())
    return template


@cache
def resources() -> dict[str, dict[str, Any]]:
    """The template's resources by logical id; a reference stays as `{"Ref": ...}`."""
    found: dict[str, dict[str, Any]] = _parsed()["Resources"]
    return found


class _NoAccount:
    """Stands for IAM, which the transform asks for policies that a template names in short."""

    def load(self) -> dict[str, str]:
        return {}


@cache
def transformed() -> dict[str, dict[str, Any]]:
    """What SAM makes of the template: the resources that CloudFormation gets, by logical id."""
    return processed(_parsed())


def processed(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what SAM makes of a parsed template, which it changes: the resources by logical id."""
    for resource in template["Resources"].values():
        for code in {"CodeUri", "ContentUri"} & set(resource["Properties"]):
            # As `sam package` leaves it.
            resource["Properties"][code] = "s3://bucket/code"
    found: dict[str, dict[str, Any]] = transform(template, {}, _NoAccount())["Resources"]
    return found


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    """The properties of every resource of a type, by logical id."""
    return {name: r["Properties"] for name, r in resources().items() if r["Type"] == kind}


def tables() -> dict[str, dict[str, Any]]:
    """Each table as arguments of `create_table`, named by its logical id."""
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


def routes() -> dict[tuple[str, str], str]:
    """The function's logical id behind each (method, path)."""
    return {
        (event["Properties"]["Method"], event["Properties"]["Path"]): name
        for name, function in of_type("AWS::Serverless::Function").items()
        for event in function.get("Events", {}).values()
        if event["Type"] == "Api"
    }


def is_open(method: str, path: str) -> bool:
    """Whether a route asks the authorizer for nothing."""
    return any(
        event["Properties"].get("Auth", {}).get("Authorizer") == "NONE"
        for function in of_type("AWS::Serverless::Function").values()
        for event in function.get("Events", {}).values()
        if event["Type"] == "Api"
        and (event["Properties"]["Method"], event["Properties"]["Path"]) == (method, path)
    )


def folder(function: str) -> str:
    """The folder of a function: `LegacyApiFunction` → `legacy_api`."""
    handler: str = of_type("AWS::Serverless::Function")[function]["Handler"]
    return handler.split(".")[1]
