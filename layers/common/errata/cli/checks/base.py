"""Shared by all checks: their results, the deployment to check, and the function that runs them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import botocore.session

from errata.cli import aws_failures, failures
from errata.cli.stack import DEFAULT_STACK, DeployedStack
from errata.errors import ErrataError
from errata.models.gateway_key import Gateway


@dataclass(frozen=True, slots=True)
class Check:
    """The result of a check. `remedy` says what to do. A check that is `ok` may have a remedy."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check looked at.

    `remedy` is "" if nothing needs to be done. `ok` with a remedy is a note: nothing is broken, but
    something costs money or will become a problem.
    """

    detail: str
    remedy: str = ""
    ok: bool = True


def finding(ok: bool, good: str, bad: str, remedy: str) -> Finding:
    """Return `good`, or else `bad` with its remedy."""
    return Finding(good) if ok else Finding(bad, remedy, ok=False)


def note(detail: str, remedy: str) -> Finding:
    """Return a finding that is not an error but needs attention."""
    return Finding(detail, remedy)


@dataclass(frozen=True)
class Deployment:
    """A stack that is checked."""

    stack: DeployedStack
    local: bool

    @property
    def gateway(self) -> Gateway:
        """The stack's name and its API."""
        return self.stack.gateway

    def make_deploy(self, settings: str = "") -> str:
        """Return the command that deploys this stack."""
        other = not self.local and self.gateway.stack != DEFAULT_STACK
        stack = f" STACK={self.gateway.stack}" if other else ""
        return f"make deploy{stack}" + (f' SET="{settings}"' if settings else "")

    def client(self, service: str) -> Any:
        """Return a client of AWS with the caller's credentials."""
        return self._session.create_client(service)

    @cached_property
    def _session(self) -> botocore.session.Session:
        # One for all clients: each session loads the endpoints and service models again.
        return botocore.session.get_session()

    @cached_property
    def description(self) -> dict[str, Any]:
        """The stack as CloudFormation describes it."""
        (found,) = self.client("cloudformation").describe_stacks(StackName=self.gateway.stack)[
            "Stacks"
        ]
        described: dict[str, Any] = found
        return described

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

    @property
    def parameters(self) -> dict[str, str]:
        """The values of the stack's parameters."""
        return {
            each["ParameterKey"]: each.get("ParameterValue", "")
            for each in self.description.get("Parameters", [])
        }

    @property
    def account(self) -> tuple[str, str, str]:
        """The partition, the region and the account of the stack."""
        _, partition, _, region, account, _ = self.description["StackId"].split(":", 5)
        return partition, region, account

    @property
    def deployed_at(self) -> datetime:
        """When the last deployment began."""
        at: datetime = self.description.get("LastUpdatedTime") or self.description["CreationTime"]
        return at


def run[T](
    checks: Mapping[str, Callable[[T], Iterator[Finding]]], subject: T, *, local: bool
) -> Iterator[Check]:
    """Make every check, and yield what each has found. A check that AWS refuses is not ok.

    A check that finds nothing was not made, because something before it is wrong.
    """
    for name, check in checks.items():
        try:
            found = list(check(subject))
        except (ErrataError, *aws_failures.FAILURES) as error:
            reason = " ".join(failures.explain(error, local))
            yield Check(name, False, f"Not checked: {reason}", "Fix that and run it again.")
            continue
        reported = [each for each in found if each.remedy]
        yield from (Check(name, each.ok, each.detail, each.remedy) for each in reported)
        if found and not reported:
            yield Check(name, True, "; ".join(each.detail for each in found if each.detail))
