"""The lines that Lambda itself logs about an invocation, as text and as JSON.

Source: AWS Lambda Developer Guide, "Using Lambda function logs", "JSON format system logs" and
"Lambda Telemetry API Event schema reference".

    START RequestId: 8f50… Version: $LATEST
    END RequestId: 8f50…
    REPORT RequestId: 8f50…  Duration: 12.5 ms  Billed Duration: 13 ms  Memory Size: 128 MB
      Max Memory Used: 40 MB  Init Duration: 150.1 ms  Status: timeout
    INIT_START Runtime Version: python:3.13.v10
    INIT_REPORT Init Duration: 10000.37 ms  Phase: init  Status: timeout
"""

import re
from dataclasses import dataclass
from typing import Any

_REQUEST = re.compile(r"(START|END|REPORT) RequestId: (\S{1,100})")
_VERSION = re.compile(r"Version: (\S{1,100})")
# The fields of a report have tabs between them.
_FIELD = re.compile(
    r"(Duration|Memory Size|Max Memory Used|Init Duration): ([\d.]{1,15}) (?:ms|MB)"
)
_STATUS = re.compile(r"\bStatus: (\w{1,20})")
_TYPE = re.compile(r"\bError Type: ([\w.]{1,200})")
_PHASE = re.compile(r"\bPhase: (\w{1,20})")
_KINDS = {
    "platform.start": "start",
    "platform.report": "report",
    "platform.end": "end",
    "platform.initStart": "init_start",
    "platform.initReport": "init_report",
    "platform.runtimeDone": "done",
    "platform.initRuntimeDone": "init_done",
}
_MOST = 10**12


@dataclass(frozen=True, slots=True)
class PlatformLine:
    """A line of Lambda about an invocation, or about the start of an execution environment.

    `kind` is start, end, report, init_start, init_report, done or init_done. Durations are in
    milliseconds, memory is in MB; None if unknown. `status` is "" or success, failure, error or
    timeout.
    """

    kind: str
    request_id: str = ""
    status: str = ""
    error_type: str = ""
    phase: str = ""
    version: str = ""
    function: str = ""
    duration_ms: float | None = None
    memory_mb: int | None = None
    used_mb: int | None = None
    init_ms: float | None = None


def of_text(text: str) -> PlatformLine | None:
    """Return what a line in text format says, None if it is not from Lambda itself."""
    if text.startswith("INIT_START "):
        return PlatformLine("init_start")
    match = _REQUEST.match(text)
    kind = match[1].lower() if match else "init_report"
    if not match and not text.startswith("INIT_REPORT "):
        return None
    # Only the first of a name counts: `Billed Duration` comes after `Duration`.
    fields: dict[str, float] = {}
    for name, value in _FIELD.findall(text[:2_000]):
        if (number := _float(value)) is not None:
            fields.setdefault(name, number)
    return PlatformLine(
        kind,
        match[2] if match else "",
        _group(_STATUS, text),
        _group(_TYPE, text),
        _group(_PHASE, text),
        _group(_VERSION, text) if kind == "start" else "",
        "",
        fields.get("Duration"),
        _whole(fields.get("Memory Size")),
        _whole(fields.get("Max Memory Used")),
        fields.get("Init Duration"),
    )


def of_json(sent: dict[str, Any]) -> PlatformLine | None:
    """Return what a line in JSON format says, None if it is not from Lambda itself."""
    kind, record = sent.get("type"), sent.get("record")
    if (
        not isinstance(kind, str)
        or not kind.startswith("platform.")
        or not isinstance(record, dict)
    ):
        return None
    metrics = record.get("metrics")
    metrics = metrics if isinstance(metrics, dict) else {}
    duration = _number(metrics.get("durationMs"))
    named = _KINDS.get(kind, "other")
    return PlatformLine(
        named,
        _text(record.get("requestId")),
        _text(record.get("status")),
        _text(record.get("errorType")),
        _text(record.get("phase")),
        _text(record.get("version") or record.get("functionVersion")),
        _text(record.get("functionName")),
        None if named.startswith("init") else duration,
        _whole(_number(metrics.get("memorySizeMB"))),
        _whole(_number(metrics.get("maxMemoryUsedMB"))),
        duration if named == "init_report" else _number(metrics.get("initDurationMs")),
    )


def _group(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text[:2_000])
    return match[1] if match else ""


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _text(value: Any) -> str:
    return value[:200] if isinstance(value, str) else ""


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and 0 <= value < _MOST else None


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)
