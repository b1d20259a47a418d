"""Batches of log lines as CloudWatch Logs delivers them, to the function that captures them."""

import base64
import gzip
import json
from typing import Any

from errata.models.capture import filter_name
from errata.models.ids import now_ms
from errata.store import clients
from functions.log_capture.handler import handler
from tests.support.account import Project
from tests.support.calls import calling_as

GROUP = "/aws/lambda/shop-checkout"
STREAM = "2026/11/30/[$LATEST]0f3c"
REQUEST_ID = "b8f7a3c2-6a41-4f0e-9d0c-5c1d2e3f4a5b"
START = f"START RequestId: {REQUEST_ID} Version: $LATEST\n"
REPORT = (
    f"REPORT RequestId: {REQUEST_ID}\tDuration: 12.50 ms\tBilled Duration: 13 ms\t"
    "Memory Size: 128 MB\tMax Memory Used: 40 MB\tInit Duration: 150.10 ms\t\n"
)
TIMED_OUT = f"2026-11-30T16:45:24.277Z {REQUEST_ID} Task timed out after 3.00 seconds\n\n"
RAISED = (
    "[ERROR] KeyError: 'lamp'\nTraceback (most recent call last):\n"
    '\xa0\xa0File "/var/task/shop.py", line 12, in total\n\xa0\xa0\xa0\xa0return prices[name]'
)


def line(text: str, number: int = 0, at_ms: int | None = None) -> dict[str, Any]:
    """Return a line that was logged now, with an id that depends on its number."""
    return {
        "id": f"3498462756170115644307748652694056292704736969776238{number:04}",
        "timestamp": now_ms() if at_ms is None else at_ms,
        "message": text,
    }


def batch(
    project: Project, *lines: dict[str, Any], group: str = GROUP, name: str = ""
) -> dict[str, Any]:
    """Return the Lambda event for these lines."""
    content = {
        "messageType": "DATA_MESSAGE",
        "owner": "123456789012",
        "logGroup": group,
        "logStream": STREAM,
        "subscriptionFilters": [name or filter_name("errata", project.id)],
        "logEvents": list(lines),
    }
    data = gzip.compress(json.dumps(content).encode())
    return {"awslogs": {"data": base64.b64encode(data).decode()}}


def deliver(event: dict[str, Any]) -> None:
    """Run the function with its permissions alone."""
    with calling_as("LogCaptureFunction"):
        handler(event, None)


def forget_lines() -> None:
    """Delete all log groups: the account of a test is new, but moto keeps these."""
    logs = clients.logs_patient()
    for each in logs.describe_log_groups()["logGroups"]:
        logs.delete_log_group(logGroupName=each["logGroupName"])


def put_lines(*lines: dict[str, Any], group: str = GROUP) -> None:
    """Log lines to the log stream, as the function that is captured has."""
    logs = clients.logs_patient()
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName=STREAM)
    logs.put_log_events(
        logGroupName=group,
        logStreamName=STREAM,
        logEvents=[{name: each[name] for name in ("timestamp", "message")} for each in lines],
    )
