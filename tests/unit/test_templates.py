"""The templates are short enough to read, and each nested stack gets its parameters."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dev.template import ROOT_STACK, TEMPLATE, load, nested
from tests.support.template import ROOT, resources, routes, transformed

NESTED = sorted((ROOT / "templates").iterdir())


@pytest.mark.parametrize("path", [TEMPLATE, *NESTED], ids=lambda path: path.name)
def test_a_template_is_short_enough_to_read(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert len(lines) <= (900 if path == TEMPLATE else 300)
    assert [number for number, line in enumerate(lines, 1) if len(line) >= 120] == []


def test_every_nested_template_is_deployed() -> None:
    assert NESTED
    assert sorted(nested().values()) == NESTED


@pytest.mark.parametrize("stack", nested())
def test_a_nested_stack_gets_a_value_for_every_parameter(stack: str) -> None:
    given = resources()[stack]["Properties"]["Parameters"]
    assert set(given) == set(load(stack)["Parameters"])


def test_every_function_has_the_layer_of_its_architecture() -> None:
    text = str({**resources(), "Globals": load(ROOT_STACK)["Globals"]})
    layers = "{'Fn::If': ['OnArm', {'Ref': 'CommonLayer'}, {'Ref': 'CommonLayerX86'}]}"
    assert text.count("{'Ref': 'CommonLayer'}") == text.count(layers) > 1
    conditions = load(ROOT_STACK)["Conditions"]
    for layer, condition, architecture in (
        ("CommonLayer", "OnArm", "arm64"),
        ("CommonLayerX86", "OnX86", "x86_64"),
    ):
        declared = load(ROOT_STACK)["Resources"][layer]
        assert declared["Condition"] == condition
        assert declared["Properties"]["CompatibleArchitectures"] == [architecture]
        assert conditions[condition] == {"Fn::Equals": [{"Ref": "Architecture"}, architecture]}


@pytest.mark.parametrize("stack", [ROOT_STACK, *nested()])
def test_a_template_uses_every_parameter(stack: str) -> None:
    template = load(stack)
    text = str({**template, "Parameters": {}, "Metadata": {}})
    # As {"Ref": "Name"}, or as ${Name} in a text.
    unused = [
        name
        for name in template["Parameters"]
        if f"'Ref': '{name}'" not in text and f"${{{name}}}" not in text
    ]
    assert unused == []


def test_the_root_stack_has_each_nested_stack_as_one_resource() -> None:
    made = transformed()
    for stack in nested():
        assert made[stack]["Type"] == "AWS::CloudFormation::Stack"


def test_the_body_of_the_api_has_the_settings_that_an_import_would_reset() -> None:
    """API Gateway resets these when an update imports a body without them.

    Source: API Gateway, PutRestApi with mode=overwrite; aws/serverless-application-model #1849.
    """
    (api,) = (
        each["Properties"]
        for each in transformed().values()
        if each["Type"] == "AWS::ApiGateway::RestApi"
    )
    body = api["Body"]
    assert body["x-amazon-apigateway-api-key-source"] == api["ApiKeySourceType"] == "AUTHORIZER"
    assert body["x-amazon-apigateway-binary-media-types"] == ["*/*"]
    assert api["BinaryMediaTypes"] == ["*~1*"]
    # The import keeps these: they are no part of an OpenAPI document.
    beside = {"Body", "Name", "Parameters", "EndpointConfiguration"}
    assert set(api) == beside | {"ApiKeySourceType", "BinaryMediaTypes"}


def test_ssm_accepts_the_parameter_names_of_any_stack() -> None:
    """SSM refuses names that begin with /aws or /ssm, and names of stacks may begin so.

    Source: SSM, PutParameter, Name.
    """
    functions = [
        each["Properties"].get("Environment", {}).get("Variables", {})
        for each in resources().values()
    ]
    names = [
        each[name]["Fn::Sub"]
        for each in functions
        for name in ("WEBHOOK_SECRETS", "SIGN_IN_CLIENT")
        if name in each
    ]
    names.append(resources()["ProviderClientId"]["Properties"]["Name"]["Fn::Sub"])
    assert len(names) == 5
    assert {name.split("${AWS::StackName}")[0] for name in names} == {"/errata/"}


def test_the_dashboard_reserves_concurrency_only_if_the_parameter_is_set() -> None:
    template = load(ROOT_STACK)
    assert template["Parameters"]["DashboardConcurrency"]["Default"] == ""
    assert template["Conditions"]["HasDashboardConcurrency"] == {
        "Fn::Not": [{"Fn::Equals": [{"Ref": "DashboardConcurrency"}, ""]}]
    }
    reserved = {
        name: each["Properties"]["ReservedConcurrentExecutions"]
        for name, each in transformed().items()
        if "ReservedConcurrentExecutions" in each["Properties"]
        and "Dashboard" in str(each["Properties"]["ReservedConcurrentExecutions"])
    }
    choice = ["HasDashboardConcurrency", {"Ref": "DashboardConcurrency"}, {"Ref": "AWS::NoValue"}]
    assert reserved == {"DashboardFunction": {"Fn::If": choice}}


def test_point_in_time_recovery_is_on_for_projects_and_optional_for_events_and_issues() -> None:
    tables = {
        name: each["Properties"].get("PointInTimeRecoverySpecification")
        for name, each in resources().items()
        if each["Type"] == "AWS::DynamoDB::Table"
    }
    chosen = {"PointInTimeRecoveryEnabled": {"Fn::If": ["RecoversAll", True, False]}}
    assert tables == {
        "ProjectsTable": {"PointInTimeRecoveryEnabled": True},
        "EventsTable": chosen,
        "IssuesTable": chosen,
        "IdempotencyTable": None,
        "DeliveriesTable": None,
        "ArtifactsTable": None,
    }
    conditions = load(ROOT_STACK)["Conditions"]
    assert conditions["RecoversAll"] == {"Fn::Equals": [{"Ref": "PointInTimeRecovery"}, "all"]}


def test_two_stacks_of_one_account_share_no_name() -> None:
    """A fixed name would keep a second stack from being created, or let both use one resource."""
    for stack in (ROOT_STACK, *nested()):
        for name, each in resources(stack).items():
            properties = each.get("Properties", {})
            fixed = [
                f"{key}: {value}"
                for key, value in properties.items()
                if (key.endswith("Name") and key not in _NO_OWN_NAME)
                if isinstance(value, str)
            ]
            assert not fixed, name


# Properties that end with "Name" and name something else, or only within the stack's own things.
_NO_OWN_NAME = {
    "AttributeName",
    "EventName",
    "MetricName",
    "StageName",
    "IndexName",
    "FunctionName",
}


@pytest.mark.parametrize("stack", [ROOT_STACK, *nested()])
def test_no_resource_depends_on_itself(stack: str) -> None:
    """CloudFormation refuses a circular dependency. `sam validate` does not see those of routes."""
    made = transformed(stack)
    waits = {name: set(_waits_for(each)) & made.keys() for name, each in made.items()}
    while ready := {name for name, others in waits.items() if not others}:
        waits = {name: others - ready for name, others in waits.items() if name not in ready}
    assert waits == {}


def _waits_for(value: Any) -> Iterator[str]:
    """Yield the names that a resource refers to."""
    if isinstance(value, list):
        for each in value:
            yield from _waits_for(each)
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        match key:
            case "Ref" | "Fn::GetAtt" | "DependsOn":
                yield from inner if isinstance(inner, list) else [inner.split(".")[0]]
            case "Fn::Sub":
                for text in inner if isinstance(inner, list) else [inner]:
                    yield from re.findall(r"\$\{([A-Za-z0-9]+)", str(text))
        yield from _waits_for(inner)


def test_no_route_is_for_any_method() -> None:
    # SAM merges it into the API's body under the name `any`, which API Gateway does not know.
    assert "ANY" not in {method.upper() for method, _ in routes()}
