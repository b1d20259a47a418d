"""Read the tables, environments and logging settings from template.yaml."""

from functools import cache
from typing import Any

from dev.template import load, nested


@cache
def template() -> dict[str, Any]:
    """Return the whole template of the root stack. A reference stays as `{"Ref": ...}`."""
    return load()


@cache
def stacks() -> list[dict[str, Any]]:
    """Return the templates of the root stack and of all nested ones."""
    return [template(), *map(load, nested())]


@cache
def properties(name: str) -> dict[str, Any]:
    """Return the properties of a resource, also of one in a nested stack."""
    found: dict[str, Any] = next(
        each["Resources"][name]["Properties"] for each in stacks() if name in each["Resources"]
    )
    return found


def value(node: Any) -> str:
    """Return a text, or the target of a reference: a parameter's default, or a logical id."""
    if isinstance(node, dict) and "Ref" in node:
        parameter = template()["Parameters"].get(node["Ref"])
        return str(parameter["Default"] if parameter else node["Ref"])
    return node if isinstance(node, str) else "made-by-the-deployment"


def environment(function: str) -> dict[str, str]:
    """Return a function's environment: the template's variables, and some of Lambda's own."""
    common = template()["Globals"]["Function"]["Environment"]["Variables"]
    own = properties(function).get("Environment", {}).get("Variables", {})
    variables = {name: value(node) for name, node in {**common, **own}.items()}
    return {**variables, "AWS_LAMBDA_LOG_LEVEL": value(logging(function)["ApplicationLogLevel"])}


def logging(function: str) -> dict[str, Any]:
    """Return a function's LoggingConfig, including what all functions share."""
    common = template()["Globals"]["Function"]["LoggingConfig"]
    return {**common, **properties(function)["LoggingConfig"]}


def tables() -> list[dict[str, Any]]:
    """Return each table as arguments of `create_table`, named by its logical id."""
    kept = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
    return [
        {"TableName": name, **{key: table[key] for key in kept if key in table}}
        for name, resource in template()["Resources"].items()
        if resource["Type"] == "AWS::DynamoDB::Table"
        for table in [resource["Properties"]]
    ]
