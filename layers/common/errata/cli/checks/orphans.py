"""Find what deleted stacks of Errata have left behind. It may cost money, but breaks nothing.

Reports only what certainly belongs to Errata. It recognises a table by its indexes, a usage plan
and a gateway key by their names and descriptions, and an SSM parameter by its path.
"""

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from errata.cli.checks.base import Deployment, Finding, note

_TABLE = re.compile(r"(?P<stack>.+)-(?P<kind>Projects|Events|Issues)Table-[0-9A-Z]+")
# An index that only this table of Errata has, in every release.
_INDEX = {"Projects": "listing", "Events": "by_issue", "Issues": "by_last_seen"}
_PARAMETER = re.compile(r"/errata/(?P<stack>[^/]+)/(webhooks|sign-in)/.+")
_KEY = re.compile(r"(?P<stack>.+)-project-\d+-[0-9a-f]{12}")
_PLAN = re.compile(r"\d+ requests a minute for each project key\.")
_MOST_SHOWN = 20
# The default is 25 items per page, and API Gateway soon throttles many calls.
_LARGE: dict[str, Any] = {"PaginationConfig": {"PageSize": 500}}


def find(deployment: Deployment) -> Iterator[Finding]:
    """Report the tables, user pools, parameters, keys and plans of deleted stacks."""
    notes = list(_Account(deployment).orphans())
    yield from notes[:_MOST_SHOWN]
    if len(notes) > _MOST_SHOWN:
        yield note(f"{len(notes) - _MOST_SHOWN} more.", "Delete these first, then run it again.")
    yield Finding("none")


class _Account:
    """The account and region of a stack, with all that may be left there."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._own_stack = deployment.gateway.stack
        self._gone: set[str] = set()

    def orphans(self) -> Iterator[Finding]:
        yield from self._tables()
        yield from self._parameters()
        yield from self._keys()
        yield from self._plans()
        yield from self._pools()  # last: it needs to know which stacks are gone

    def _pages(self, service: str, operation: str, items: str, **request: Any) -> Iterator[Any]:
        for page in self._deployment.client(service).get_paginator(operation).paginate(**request):
            yield from page[items]

    @cached_property
    def _stacks(self) -> set[str]:
        found = self._pages("cloudformation", "list_stacks", "StackSummaries")
        return {each["StackName"] for each in found if each["StackStatus"] != "DELETE_COMPLETE"}

    def _is_gone(self, stack: str) -> bool:
        if stack in self._stacks:
            return False
        self._gone.add(stack)
        return True

    def _own(self, resource_type: str) -> set[str]:
        return {each for _, each in self._deployment.resources.get(resource_type, [])}

    def _tables(self) -> Iterator[Finding]:
        client = self._deployment.client("dynamodb")
        for name in self._pages("dynamodb", "list_tables", "TableNames"):
            found = _TABLE.fullmatch(name)
            if not found or name in self._own("AWS::DynamoDB::Table"):
                continue
            stack = found["stack"]
            # A stack of the same name that was deleted before has left its tables, too.
            if stack != self._own_stack and stack in self._stacks:
                continue
            indexes = client.describe_table(TableName=name)["Table"].get(
                "GlobalSecondaryIndexes", []
            )
            if _INDEX[found["kind"]] in {each["IndexName"] for each in indexes}:
                self._is_gone(stack)
                yield note(
                    f"The table {name} belongs to no stack.",
                    f"If nobody needs its data: aws dynamodb delete-table --table-name {name}",
                )

    def _parameters(self) -> Iterator[Finding]:
        path = [{"Key": "Path", "Option": "Recursive", "Values": ["/errata"]}]
        for each in self._pages("ssm", "describe_parameters", "Parameters", ParameterFilters=path):
            found = _PARAMETER.fullmatch(each["Name"])
            if found and self._is_gone(found["stack"]):
                yield note(
                    f"The SSM parameter {each['Name']} belongs to no stack.",
                    f"aws ssm delete-parameter --name {each['Name']}",
                )

    def _keys(self) -> Iterator[Finding]:
        for each in self._pages("apigateway", "get_api_keys", "items", **_LARGE):
            found = _KEY.fullmatch(each.get("name", ""))
            if found and self._is_gone(found["stack"]):
                yield note(
                    f"The gateway key {each['name']} belongs to no stack.",
                    f"aws apigateway delete-api-key --api-key {each['id']}",
                )

    def _plans(self) -> Iterator[Finding]:
        apis = {
            each["id"] for each in self._pages("apigateway", "get_rest_apis", "items", **_LARGE)
        }
        for each in self._pages("apigateway", "get_usage_plans", "items", **_LARGE):
            if not _PLAN.fullmatch(each.get("description", "")):
                continue
            if not any(stage["apiId"] in apis for stage in each.get("apiStages", [])):
                yield note(
                    f"The usage plan {each['name']} has no API.",
                    f"aws apigateway delete-usage-plan --usage-plan-id {each['id']}",
                )

    def _pools(self) -> Iterator[Finding]:
        # A pool has the name of its stack. Pools of other applications may have such a name, too.
        # So report a pool only if its stack has also left something else.
        pages = self._pages(
            "cognito-idp", "list_user_pools", "UserPools", PaginationConfig={"PageSize": 60}
        )
        for each in pages:
            if each["Name"] in self._gone and each["Id"] not in self._own("AWS::Cognito::UserPool"):
                yield note(
                    f"The user pool {each['Id']} ({each['Name']}) belongs to no stack.",
                    "If nobody needs its accounts: aws cognito-idp delete-user-pool"
                    f" --user-pool-id {each['Id']}",
                )
