"""An update from the release before loses nothing: the two templates, as SAM processes them."""

import copy
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from tests.support import template
from tests.support.template import ROOT, transformed
from tests.upgrades.release import HERE, newest
from tests.upgrades.templates import WITH_DATA, Resources, losses

type Change = Callable[[Resources], object]


def parsed() -> dict[str, Any]:
    """Return the template of the newest release."""
    found: dict[str, Any] = yaml_parse((HERE / newest() / "template.yaml").read_text())
    return found


@cache
def before() -> Resources:
    """Return the resources of the newest release."""
    return template.processed(parsed())


# SSM refuses its former name in stacks whose name begins with aws or ssm. CloudFormation writes its
# value. Until it has, for some seconds, nobody can sign in with an identity provider.
REPLACED = ["ProviderClientId: Name"]


def test_nothing_is_removed_or_replaced() -> None:
    assert losses(before(), transformed()) == REPLACED


def test_parameters_and_outputs_stay() -> None:
    # CloudFormation refuses a parameter that samconfig.toml still gives and the template has not;
    # an `errata` of the release before reads the stack's outputs.
    now = yaml_parse((ROOT / "template.yaml").read_text())
    for section in ("Parameters", "Outputs"):
        assert set(parsed()[section]) - set(now[section]) == set()


def test_nested_stacks_hold_no_data() -> None:
    nested = [
        resource["Properties"].get("Location") or resource["Properties"].get("TemplateURL")
        for resource in template.resources().values()
        if resource["Type"] in ("AWS::Serverless::Application", "AWS::CloudFormation::Stack")
    ]
    for location in nested:
        found = yaml_parse((ROOT / str(location)).read_text())["Resources"]
        kinds = {each["Type"] for each in found.values() if isinstance(each, dict)}
        assert kinds.isdisjoint(WITH_DATA), location


def remove(name: str) -> Change:
    return lambda resources: resources.pop(name)


def rename(name: str) -> Change:
    return lambda resources: resources.update({f"{name}2": resources.pop(name)})


def put(name: str, changed: str, value: Any) -> Change:
    return lambda resources: resources[name]["Properties"].update({changed: value})


def drop_indexes(number: int) -> Change:
    def change(resources: Resources) -> None:
        del resources["EventsTable"]["Properties"]["GlobalSecondaryIndexes"][:number]

    return change


def of_index(part: str, value: Any) -> Change:
    def change(resources: Resources) -> None:
        resources["EventsTable"]["Properties"]["GlobalSecondaryIndexes"][0][part] = value

    return change


def of_resource(name: str, part: str, value: Any) -> Change:
    return lambda resources: resources[name].update({part: value})


def of_attribute(resources: Resources) -> None:
    resources["IssuesTable"]["Properties"]["AttributeDefinitions"][2]["AttributeType"] = "S"


@pytest.mark.parametrize(
    ("change", "lost"),
    [
        (remove("ProjectsTable"), "ProjectsTable: removed"),
        (rename("WebhookQueue"), "WebhookQueue: removed"),
        (rename("DigestFunctionNewEvents"), "DigestFunctionNewEvents: removed"),
        (rename("UserPoolClient"), "UserPoolClient: removed"),
        (rename("Api"), "Api: removed"),
        (rename("ApiGatewayAccount"), "ApiGatewayAccount: removed"),
        (put("EventsTable", "TableName", "events"), "EventsTable: TableName"),
        (put("EventsTable", "KeySchema", []), "EventsTable: KeySchema"),
        (
            put("EventsTable", "StreamSpecification", {"StreamViewType": "KEYS_ONLY"}),
            "EventsTable: StreamSpecification",
        ),
        (put("WebhookQueue", "QueueName", "webhooks"), "WebhookQueue: QueueName"),
        (put("UserPool", "UsernameAttributes", ["phone_number"]), "UserPool: UsernameAttributes"),
        (put("ProviderClientId", "Name", "/other"), "ProviderClientId: Name"),
        (
            put("DigestFunctionNewEvents", "StartingPosition", "LATEST"),
            "DigestFunctionNewEvents: StartingPosition",
        ),
        (drop_indexes(2), "EventsTable: more than one index comes or goes"),
        (of_index("Projection", {"ProjectionType": "ALL"}), "EventsTable: Projection of the index"),
        (of_index("KeySchema", []), "EventsTable: KeySchema of the index"),
        (of_attribute, "IssuesTable: type of last_seen"),
        (of_resource("UserPool", "DeletionPolicy", "Delete"), "UserPool: DeletionPolicy"),
        (of_resource("UserPoolDomain", "Condition", "HasDomain"), "UserPoolDomain: Condition"),
    ],
)
def test_a_loss_is_named(change: Change, lost: str) -> None:
    after = copy.deepcopy(before())
    change(after)
    (found,) = losses(before(), after)
    assert found.startswith(lost)


def test_changes_that_lose_nothing_pass() -> None:
    after = copy.deepcopy(before())
    drop_indexes(1)(after)
    put("WebhookQueue", "VisibilityTimeout", 200)(after)
    put("DigestFunctionNewEvents", "BatchSize", 200)(after)
    remove("MeterFunction")(after)
    remove("DigestDeadLettersAlarm")(after)
    assert losses(before(), after) == []
