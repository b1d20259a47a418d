"""What the yardsticks need of template.yaml: tables, environments, what is logged."""

from functools import cache
from typing import Any

from dev.template import load


@cache
def template() -> dict[str, Any]:
    """The whole template of the root stack; a reference stays as `{"Ref": ...}`."""
    return load()


def properties(name: str) -> dict[str, Any]:
    """The properties of a resource."""
    found: dict[str, Any] = template()["Resources"][name]["Properties"]
    return found


def value(node: Any) -> str:
    """A text, or what a reference leads to: a parameter's default, or a resource's logical id."""
    if isinstance(node, dict) and "Ref" in node:
        parameter = template()["Parameters"].get(node["Ref"])
        return str(parameter["Default"] if parameter else node["Ref"])
    return node if isinstance(node, str) else "made-by-the-deployment"


def environment(function: str) -> dict[str, str]:
    """The variables that a function finds: the template's, and those of Lambda that matter."""
    common = template()["Globals"]["Function"]["Environment"]["Variables"]
    own = properties(function).get("Environment", {}).get("Variables", {})
    variables = {name: value(node) for name, node in {**common, **own}.items()}
    return {**variables, "AWS_LAMBDA_LOG_LEVEL": value(logging(function)["ApplicationLogLevel"])}


def logging(function: str) -> dict[str, Any]:
    """A function's LoggingConfig, with what all functions share."""
    common = template()["Globals"]["Function"]["LoggingConfig"]
    return {**common, **properties(function)["LoggingConfig"]}


def tables() -> list[dict[str, Any]]:
    """Each table as arguments of `create_table`, named by its logical id."""
    kept = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
    return [
        {"TableName": name, **{key: table[key] for key in kept if key in table}}
        for name, resource in template()["Resources"].items()
        if resource["Type"] == "AWS::DynamoDB::Table"
        for table in [resource["Properties"]]
    ]
