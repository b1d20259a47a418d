"""The stack: its state, its parameters, its account, and what calls its functions."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from errata.cli.checks.base import Deployment, Finding, finding, note

# AWS gives new accounts less, and a burst of events needs more.
LEAST_CONCURRENCY = 100
# What `make deploy` writes into its checkout.
_RECORDS = "deployments.json"


def status(deployment: Deployment) -> Iterator[Finding]:
    """Check whether the last deployment succeeded. A stack without outputs is never checked."""
    found = deployment.description["StackStatus"]
    yield finding(
        found in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"),
        f"{found}, {len(deployment.description['Outputs'])} outputs",
        f"The stack is {found}.",
        "Read why in the stack's events in the CloudFormation console, then deploy again.",
    )


def parameters(deployment: Deployment) -> Iterator[Finding]:
    """Check whether the stack has the values that were last deployed from this checkout."""
    now = deployment.parameters
    _, region, account = deployment.account
    saved = _saved(f"{account} {region} {deployment.gateway.stack}")
    if saved is None:
        yield Finding(f"{len(now)}; no deployments.json here to compare with")
        return
    changed = {name: value for name, value in now.items() if saved.get(name, value) != value}
    for name, value in changed.items():
        yield note(
            f"{name} is {value or 'empty'}; make deploy had set it to {saved[name] or 'empty'}.",
            "Somebody has changed it. make deploy keeps that. To undo it: "
            + deployment.make_deploy(f"{name}={saved[name]}"),
        )
    yield Finding(f"{len(now)}, as make deploy has set them")


def _saved(name: str) -> dict[str, str] | None:
    """Return the parameters in the `deployments.json` of this folder or a parent, or None."""
    for folder in (Path.cwd(), *Path.cwd().parents):
        try:
            found: Any = json.loads((folder / _RECORDS).read_text())
            deployed = found[name]["deployed"]
            return {str(each): str(value) for each, value in deployed.items()}
        except FileNotFoundError:
            continue
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None  # of another stack, or damaged: make deploy says so
    return None


def concurrency(deployment: Deployment) -> Iterator[Finding]:
    """Check whether the account runs enough functions at once."""
    limits = deployment.client("lambda").get_account_settings()["AccountLimit"]
    number = limits["ConcurrentExecutions"]
    yield finding(
        number >= LEAST_CONCURRENCY,
        f"{number} functions at once",
        f"The account runs only {number} functions at once. A burst gets 503.",
        "Ask for more: Service Quotas, AWS Lambda, Concurrent executions.",
    )


def triggers(deployment: Deployment) -> Iterator[Finding]:
    """Check whether stream, queue and logs call their functions, and how the last call ended."""
    yield from _mappings(deployment)
    yield from _subscriptions(deployment)


def _mappings(deployment: Deployment) -> Iterator[Finding]:
    client = deployment.client("lambda")
    for name, mapping_id in deployment.resources.get("AWS::Lambda::EventSourceMapping", []):
        try:
            found = client.get_event_source_mapping(UUID=mapping_id)
        except client.exceptions.ResourceNotFoundException:
            found = {"State": "Deleted"}
        state = found["State"].lower()
        yield finding(
            state in ("enabled", "enabling", "creating", "updating"),
            f"{name} {state}",
            f"The trigger {name} is {state}: its function gets nothing.",
            _restore(deployment, name)
            if state in ("deleted", "deleting")
            else f"aws lambda update-event-source-mapping --uuid {mapping_id} --enabled",
        )
        result = found.get("LastProcessingResult", "")
        yield finding(
            not result.startswith("PROBLEM"),
            "",
            f"The trigger {name} reports: {result}",
            "Read the log of its function. It tries again by itself.",
        )


def _subscriptions(deployment: Deployment) -> Iterator[Finding]:
    expected = dict(deployment.resources.get("AWS::Logs::SubscriptionFilter", []))
    ledger = dict(deployment.resources.get("AWS::Lambda::Function", [])).get("LedgerFunction", "")
    client = deployment.client("logs")
    present = {}
    for _, group in deployment.resources.get("AWS::Logs::LogGroup", []):
        try:
            filters = client.describe_subscription_filters(logGroupName=group)
        except client.exceptions.ResourceNotFoundException:
            continue  # its filter is missing, too
        for each in filters["subscriptionFilters"]:
            present[each["filterName"]] = each["destinationArn"].rpartition(":")[2]
    for name, physical in expected.items():
        if present.get(physical) != ledger:
            yield Finding(
                f"The subscription filter {name} is gone: errata stats misses lost events.",
                _subscribe(deployment, name, physical, ledger),
                ok=False,
            )
    yield Finding(f"{len(expected)} subscription filters")


def _subscribe(deployment: Deployment, name: str, physical: str, function: str) -> str:
    """Return the command that makes a subscription filter again."""
    found = deployment.client("cloudformation").get_template(
        StackName=deployment.gateway.stack, TemplateStage="Processed"
    )["TemplateBody"]
    template: Any = found if isinstance(found, dict) else json.loads(found)
    properties = template["Resources"][name]["Properties"]
    groups = dict(deployment.resources.get("AWS::Logs::LogGroup", []))
    partition, region, account = deployment.account
    words = [
        *("aws", "logs", "put-subscription-filter", "--filter-name", physical),
        *("--log-group-name", groups[properties["LogGroupName"]["Ref"]]),
        *("--filter-pattern", properties["FilterPattern"]),
        *("--destination-arn", f"arn:{partition}:lambda:{region}:{account}:function:{function}"),
    ]
    return shlex.join(words)


def _restore(deployment: Deployment, name: str) -> str:
    # CloudFormation does not notice what others delete: a deployment alone changes nothing.
    deploy = deployment.make_deploy()
    return (
        f"Take {name} out of template.yaml, {deploy}, put it back, {deploy}. To find"
        " more missing resources: aws cloudformation detect-stack-drift --stack-name "
        + deployment.gateway.stack
    )
