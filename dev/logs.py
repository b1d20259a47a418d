"""Read the functions' log lines from the local CloudWatch Logs."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from dev.stack import LocalStack

# Lambda's own lines before and after each invocation.
PLATFORM = re.compile(r"(START|END|REPORT) RequestId: ")
# The start of an entry in MiniStack's log.
OWN_LINE = re.compile(r"\d{4}-\d\d-\d\d \S+ (WARNING|ERROR|CRITICAL) ")
# A line may appear with a timestamp slightly older than one that was already read.
OVERLAP_MS = 2000


class LogTail:
    """Reads new lines of a log group. Each invocation writes one stream, all at once."""

    def __init__(self, group: str, start_ms: int) -> None:
        self.group = group
        self._latest = start_ms
        self._seen: dict[str, int] = {}

    def read(self, logs: Any) -> list[tuple[int, str]]:
        """Return new lines with timestamps in milliseconds. `logs` is a CloudWatch Logs client."""
        since = max(0, self._latest - OVERLAP_MS)
        response = logs.filter_log_events(logGroupName=self.group, startTime=since)
        return list(self.new(response["events"]))

    def new(self, events: Iterable[dict[str, Any]]) -> Iterator[tuple[int, str]]:
        """Yield the lines of streams that were not read before."""
        fresh = [event for event in events if event["logStreamName"] not in self._seen]
        for event in fresh:
            self._seen[event["logStreamName"]] = event["timestamp"]
            self._latest = max(self._latest, event["timestamp"])
            if not PLATFORM.match(event["message"]):
                yield event["timestamp"], event["message"]
        oldest = self._latest - OVERLAP_MS
        self._seen = {stream: time for stream, time in self._seen.items() if time >= oldest}


class StackLogs:
    """The logs of all functions of a stack from `start_ms` on, and MiniStack's log from now on."""

    def __init__(self, stack: LocalStack, start_ms: int) -> None:
        self._own = OwnLog(stack.emulator.log)
        self._logs = stack.client("logs")
        self._tails = {name: LogTail(group, start_ms) for name, group in log_groups(stack).items()}
        self._width = max(map(len, self._tails))

    def read(self) -> list[str]:
        """Return new lines, oldest first, each after the name of its function."""
        lines = [
            (time, name, line)
            for name, tail in self._tails.items()
            for time, line in tail.read(self._logs)
        ]
        lines.sort(key=lambda entry: entry[0])
        named = [(name, line) for _, name, line in lines]
        named += [("ministack", line) for line in self._own.read()]
        return [f"{name:<{self._width}} | {line}" for name, line in named]


class OwnLog:
    """MiniStack's log file. Only this file mentions a function that cannot even be imported."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._position = file.stat().st_size

    def read(self) -> list[str]:
        """Return new warnings and errors. A function's own lines are in its log group."""
        with self._file.open("rb") as log:
            log.seek(self._position)
            new = log.read()
        complete = new[: new.rfind(b"\n") + 1]
        self._position += len(complete)
        lines = complete.decode(errors="replace").splitlines()
        return [line for line in lines if OWN_LINE.match(line)]


def log_groups(stack: LocalStack) -> dict[str, str]:
    """Return each function's log group by its short name: IngestFunction is `ingest`."""
    resources = stack.client("cloudformation").describe_stack_resources(StackName=stack.stack_name)
    functions = stack.client("lambda")
    return {
        short_name(resource["LogicalResourceId"]): functions.get_function_configuration(
            FunctionName=resource["PhysicalResourceId"]
        )["LoggingConfig"]["LogGroup"]
        for resource in resources["StackResources"]
        if resource["ResourceType"] == "AWS::Lambda::Function"
    }


def short_name(logical_id: str) -> str:
    """Return the folder in functions/ of a function in the template."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", logical_id.removesuffix("Function")).lower()
