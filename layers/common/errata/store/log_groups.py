"""CloudWatch Logs: log groups and their subscription filters. Only for operators.

A log group has at most two subscription filters.
"""

from collections.abc import Iterator

from errata.errors import NotFoundError, StoreError
from errata.store import clients

_MISSING = "ResourceNotFoundException"


def names(prefix: str = "") -> Iterator[str]:
    """Yield the names of the log groups of the account and region that begin with a prefix."""
    pages = clients.logs_patient().get_paginator("describe_log_groups")
    options = {"logGroupNamePrefix": prefix} if prefix else {}
    for page in pages.paginate(**options):
        for each in page["logGroups"]:
            yield each["logGroupName"]


def filters(group: str) -> dict[str, str]:
    """Return the destinations of the subscription filters of a log group, by the filters' names.

    Empty if the log group does not exist.
    """
    try:
        found = clients.logs_patient().describe_subscription_filters(logGroupName=group)
    except StoreError as error:
        if error.code == _MISSING:
            return {}
        raise
    return {each["filterName"]: each["destinationArn"] for each in found["subscriptionFilters"]}


def put_filter(group: str, name: str, pattern: str, function_arn: str) -> None:
    """Subscribe a function to the matching lines of a log group. Replaces a filter of this name.

    Raises:
        NotFoundError: there is no such log group.
        StoreError: `LimitExceededException` if the log group has two others.
    """
    try:
        clients.logs_patient().put_subscription_filter(
            logGroupName=group,
            filterName=name,
            filterPattern=pattern,
            destinationArn=function_arn,
        )
    except StoreError as error:
        if error.code == _MISSING:
            raise NotFoundError(f"There is no log group {group} in this region.") from error
        raise


def delete_filter(group: str, name: str) -> None:
    """Delete a subscription filter. No-op if it, or the log group, does not exist."""
    try:
        clients.logs_patient().delete_subscription_filter(logGroupName=group, filterName=name)
    except StoreError as error:
        if error.code != _MISSING:
            raise


def log_line(group: str, stream: str, at_ms: int, text: str) -> None:
    """Log a line to a new log stream of a log group.

    Raises:
        NotFoundError: there is no such log group.
    """
    logs = clients.logs_patient()
    try:
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
    except StoreError as error:
        if error.code == _MISSING:
            raise NotFoundError(f"There is no log group {group} in this region.") from error
        raise
    logs.put_log_events(
        logGroupName=group,
        logStreamName=stream,
        logEvents=[{"timestamp": at_ms, "message": text}],
    )


def delete_stream(group: str, stream: str) -> None:
    """Delete a log stream."""
    clients.logs_patient().delete_log_stream(logGroupName=group, logStreamName=stream)
