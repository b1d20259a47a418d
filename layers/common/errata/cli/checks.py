"""Checks of a deployment that change nothing, for `errata doctor`.

Each looks at what AWS says about the stack's resources, and knows what to do if that is not as the
template has it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import botocore.session

from errata.cli import failures
from errata.config import settings
from errata.models.gateway_key import Gateway
from errata.store import tables
from errata.usecases import projects, unclaimed, usage_keys
from errata.usecases.redrive import queue_urls

# AWS gives new accounts less, and a burst of events needs more.
LEAST_CONCURRENCY = 100
# Of one account and region. AWS does not raise it.
MOST_GATEWAY_KEYS = 10_000
_DEPLOY = "Deploy again: make deploy"


@dataclass(frozen=True, slots=True)
class Check:
    """What a check has found. `remedy` says what to do, "" if the check is `ok`."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


@dataclass(frozen=True)
class Deployment:
    """A stack that is checked."""

    gateway: Gateway
    local: bool

    def client(self, service: str) -> Any:
        """Return a client of AWS with the caller's credentials."""
        return self._session.create_client(service)

    @cached_property
    def _session(self) -> botocore.session.Session:
        # One for all clients: each session loads the endpoints and service models again.
        return botocore.session.get_session()

    @cached_property
    def stack(self) -> Any:
        """What CloudFormation says about the stack: its status and parameters."""
        (found,) = self.client("cloudformation").describe_stacks(StackName=self.gateway.stack)[
            "Stacks"
        ]
        return found

    @property
    def parameters(self) -> dict[str, str]:
        """The values of the template's parameters."""
        return {
            each["ParameterKey"]: each.get("ParameterValue", "")
            for each in self.stack.get("Parameters", [])
        }

    @cached_property
    def resources(self) -> dict[str, list[tuple[str, str]]]:
        """The stack's resources by type: (logical id, physical id)."""
        found: dict[str, list[tuple[str, str]]] = {}
        pages = self.client("cloudformation").get_paginator("list_stack_resources")
        for page in pages.paginate(StackName=self.gateway.stack):
            for each in page["StackResourceSummaries"]:
                ids = (each["LogicalResourceId"], each.get("PhysicalResourceId", ""))
                found.setdefault(each["ResourceType"], []).append(ids)
        return found


def run(deployment: Deployment) -> Iterator[Check]:
    """Make every check, and yield what each has found. A check that AWS refuses is not ok."""
    for name, check in CHECKS.items():
        try:
            found = list(check(deployment))
        except failures.Failure as error:
            reason = " ".join(failures.explain(error, deployment.local))
            yield Check(name, False, f"Could not look: {reason}", "Mend that and run it again.")
            continue
        wrong = [each for each in found if each.remedy]
        yield from (Check(name, False, each.detail, each.remedy) for each in wrong)
        if not wrong:
            yield Check(name, True, "; ".join(each.detail for each in found if each.detail))


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check looked at. `remedy` is "" if it is as it should be."""

    detail: str
    remedy: str = ""


def _finding(ok: bool, good: str, bad: str, remedy: str) -> Finding:
    return Finding(good) if ok else Finding(bad, remedy)


def _stack(deployment: Deployment) -> Iterator[Finding]:
    status = deployment.stack["StackStatus"]
    yield _finding(
        status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"),
        status,
        f"The stack is {status}.",
        "Read why in the stack's events in the CloudFormation console, then deploy again.",
    )


def _concurrency(deployment: Deployment) -> Iterator[Finding]:
    limits = deployment.client("lambda").get_account_settings()["AccountLimit"]
    number = limits["ConcurrentExecutions"]
    yield _finding(
        number >= LEAST_CONCURRENCY,
        f"{number} functions at once",
        f"The account runs only {number} functions at once. A burst gets 503.",
        "Ask for more: Service Quotas, AWS Lambda, Concurrent executions.",
    )


def _api(deployment: Deployment) -> Iterator[Finding]:
    api = deployment.client("apigateway").get_rest_api(restApiId=deployment.gateway.api_id)
    source = api.get("apiKeySource")
    yield _finding(
        source == "AUTHORIZER",
        "keys from the authorizer",
        f"The API takes gateway keys from {source} and not from AUTHORIZER.",
        _DEPLOY,
    )
    yield _finding(
        "*/*" in api.get("binaryMediaTypes", []),
        "binary bodies",
        "The API does not treat bodies as binary, so compressed ones are damaged.",
        _DEPLOY,
    )


def _triggers(deployment: Deployment) -> Iterator[Finding]:
    client = deployment.client("lambda")
    mappings = deployment.resources.get("AWS::Lambda::EventSourceMapping", [])
    for name, mapping_id in mappings:
        found = client.get_event_source_mapping(UUID=mapping_id)
        yield _finding(
            found["State"] in ("Enabled", "Enabling", "Creating", "Updating"),
            f"{name} {found['State'].lower()}",
            f"The trigger {name} is {found['State'].lower()}: its function gets nothing.",
            f"aws lambda update-event-source-mapping --uuid {mapping_id} --enabled",
        )
        result = found.get("LastProcessingResult", "")
        yield _finding(
            not result.startswith("PROBLEM"),
            "",
            f"The trigger {name} reports: {result}",
            "Read the log of its function. It tries again by itself.",
        )


def _gateway_keys(deployment: Deployment) -> Iterator[Finding]:
    number = 0
    for project in projects.list_projects():
        lost, counted = usage_keys.find_lost(deployment.gateway, project.id)
        number += counted
        yield _finding(
            not lost,
            "",
            f"Gateway keys of project {project.id} are gone: all its requests get 401.",
            f"errata keys repair {project.id}",
        )
    yield _finding(
        number < MOST_GATEWAY_KEYS * 0.9,
        f"{number} gateway keys in use",
        f"{number} gateway keys are in use. AWS allows {MOST_GATEWAY_KEYS} in a region.",
        "Revoke keys, or delete projects, that nobody uses.",
    )


def _unclaimed(_deployment: Deployment) -> Iterator[Finding]:
    number, most = len(projects.list_unclaimed()), unclaimed.MAX_UNCLAIMED
    yield _finding(
        number < most * 0.9,
        f"{number} of at most {most}",
        f"{number} of at most {most} projects belong to nobody. Soon api.php creates no more.",
        "errata projects list --unclaimed, then errata projects adopt, or delete --unclaimed",
    )


def _dead_letters(deployment: Deployment) -> Iterator[Finding]:
    client = deployment.client("sqs")
    for name, url in queue_urls().items():
        attribute = "ApproximateNumberOfMessages"
        found = client.get_queue_attributes(QueueUrl=url, AttributeNames=[attribute])
        number = int(found["Attributes"][attribute])
        yield _finding(
            number == 0,
            "",
            f"The dead-letter queue of {name} has {number} messages.",
            f"Mend the cause (docs/operations.md), then run: errata redrive {name}",
        )
    yield Finding("no dead letters")


def _expiry(deployment: Deployment) -> Iterator[Finding]:
    client = deployment.client("dynamodb")
    for name, table in (
        ("events", settings().events_table),
        ("issues", settings().issues_table),
        ("idempotency records", settings().idempotency_table),
        ("deliveries", settings().deliveries_table),
    ):
        found = client.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
        yield _finding(
            found["TimeToLiveStatus"] in ("ENABLED", "ENABLING"),
            "",
            f"The table of {name} does not expire its rows: they stay and cost.",
            f"aws dynamodb update-time-to-live --table-name {table}"
            " --time-to-live-specification Enabled=true,AttributeName=ttl",
        )
    yield Finding("rows expire")


def _recovery(deployment: Deployment) -> Iterator[Finding]:
    wanted = {"projects and keys": settings().projects_table}
    if deployment.parameters.get("PointInTimeRecovery") == "all":
        wanted |= {"events": settings().events_table, "issues": settings().issues_table}
    for name, table in wanted.items():
        found = deployment.client("dynamodb").describe_continuous_backups(TableName=table)
        state = found["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
        yield _finding(
            state.get("PointInTimeRecoveryStatus") == "ENABLED",
            f"{name} can be recovered to any second of the last 35 days",
            f"The table of {name} has no point-in-time recovery.",
            f"aws dynamodb update-continuous-backups --table-name {table}"
            " --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true",
        )


def _restore(_deployment: Deployment) -> Iterator[Finding]:
    yield _finding(
        tables.find_restore() is None,
        "none has begun that is not finished",
        "A restore into this stack has begun and is not finished.",
        "Run the same `errata restore` again.",
    )


# By the names that people and programs read.
CHECKS: dict[str, Callable[[Deployment], Iterator[Finding]]] = {
    "stack": _stack,
    "concurrency": _concurrency,
    "API": _api,
    "triggers": _triggers,
    "gateway keys": _gateway_keys,
    "unclaimed projects": _unclaimed,
    "dead letters": _dead_letters,
    "expiry": _expiry,
    "recovery": _recovery,
    "restore": _restore,
}
