"""Makes an event like an SDK's of a failure in the logs.

Source of the form: the SDK development documentation, "Event Payloads".
"""

import hashlib
import re
from typing import Any

from errata.logs import failure
from errata.logs.batch import LogBatch, LogLine
from errata.logs.console import CONTEXT
from errata.logs.invocation import Captured
from errata.models.event import Fields
from errata.protocol.read import iso

# `2026/11/30/shop-checkout[$LATEST]0f3c…`: the name is missing in a log group of one function.
_STREAM = re.compile(r"\d{4}/\d\d/\d\d/([\w-]{0,64})\[(\$LATEST|\d{1,10})\]")
_FUNCTION_GROUP = "/aws/lambda/"
_MAX_BREADCRUMB = 500
# Failures that end the process. All others have the level error.
_LEVELS = {failure.TIMED_OUT: "fatal", failure.OUT_OF_MEMORY: "fatal", failure.EXITED: "fatal"}


def event_id(batch: LogBatch, line: LogLine) -> str:
    """Return the SDK event id of the event of a line: the same however often it is delivered."""
    named = "\n".join((batch.owner, batch.group, batch.stream, line.id))
    return hashlib.sha256(named.encode()).hexdigest()[:32]


def to_event(batch: LogBatch, captured: Captured, region: str) -> Fields:
    """Return a failure as an event of an SDK."""
    reported = captured.failure
    function, version = _function(batch, captured)
    event: Fields = {
        "event_id": event_id(batch, captured.line),
        "timestamp": iso(captured.line.at_ms),
        "platform": reported.platform or "other",
        "level": _LEVELS.get(reported.kind, "error"),
        "logger": batch.group,
        "exception": {"values": _exceptions(captured)},
        "tags": _tags(batch, captured, region, function, version),
        "contexts": {CONTEXT: _context(batch, captured, region)},
    }
    if function:
        event["server_name"] = function
        event["transaction"] = function
    if reported.logged:
        event["logentry"] = {"formatted": reported.logged}
    if reported.by_lambda:
        # One issue for each function: there is no stack trace, and all timeouts have one message.
        event["fingerprint"] = ["aws lambda", function or batch.group, reported.kind]
    if captured.before:
        event["breadcrumbs"] = {"values": [_breadcrumb(*line) for line in captured.before]}
    return event


def _function(batch: LogBatch, captured: Captured) -> tuple[str, str]:
    """Return the name and the version of the Lambda function, "" if the log is not of one."""
    stream = _STREAM.match(batch.stream)
    name = ""
    if batch.group.startswith(_FUNCTION_GROUP):
        name = batch.group.removeprefix(_FUNCTION_GROUP)
    elif stream:
        name = stream[1]
    return name, captured.version or (stream[2] if stream else "")


def _exceptions(captured: Captured) -> list[Fields]:
    reported = captured.failure
    made = [{**each} for each in reported.exceptions]
    made = made or [{"type": reported.kind, "value": reported.value}]
    mechanism = "aws lambda" if reported.by_lambda else "log line"
    made[-1]["mechanism"] = {"type": mechanism, "handled": reported.handled}
    return made


def _tags(
    batch: LogBatch, captured: Captured, region: str, function: str, version: str
) -> dict[str, str]:
    report = captured.report
    tags = {
        "function": function,
        "function_version": version,
        "request_id": captured.request_id,
        "region": region,
        "account": batch.owner,
        "log_group": batch.group,
    }
    if captured.cold_start is not None:
        tags["cold_start"] = "yes" if captured.cold_start else "no"
    if report:
        for name, value in (
            ("memory_mb", report.memory_mb),
            ("memory_used_mb", report.used_mb),
            ("duration_ms", report.duration_ms),
            ("init_ms", report.init_ms),
        ):
            if value is not None:
                tags[name] = f"{value:g}" if value < 1_000_000 else f"{value:.0f}"
    # SDKs keep values of tags shorter than this.
    return {name: value[:200] for name, value in tags.items() if value}


def _context(batch: LogBatch, captured: Captured, region: str) -> dict[str, Any]:
    return {
        "type": "log",
        "log_group": batch.group,
        "log_stream": batch.stream,
        "region": region,
        "at": captured.line.at_ms,
    }


def _breadcrumb(at_ms: int, text: str) -> Fields:
    message = text.strip()
    if len(message) > _MAX_BREADCRUMB:
        message = message[:_MAX_BREADCRUMB] + "…"
    return {"timestamp": iso(at_ms), "category": "log", "message": message}
