"""What a log line says went wrong: a crash that Lambda reports, or an exception.

Text and JSON formats of Lambda's runtimes (Python, Node, Java, Go, Ruby, .NET), and stack traces
that other programs log as one line. tests/fixtures/logs has real lines with their sources.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from errata.errors import HTTPError
from errata.logs import platform, traces
from errata.logs.platform import PlatformLine
from errata.models.event import Fields
from errata.protocol.body import parse_object
from errata.protocol.stacktrace import sdk_form

TIMED_OUT = "Sandbox.Timedout"
OUT_OF_MEMORY = "Runtime.OutOfMemory"
EXITED = "Runtime.ExitError"
INIT_TIMED_OUT = "Init.Timedout"
# No other line may report these. So a REPORT line with one of them counts as a failure.
_OF_REPORTS = {"timeout": TIMED_OUT, OUT_OF_MEMORY: OUT_OF_MEMORY}

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_TIMED_OUT = re.compile(rf"\S{{1,40}} ({_UUID}) (Task timed out after [\d.]{{1,12}} seconds)")
_EXITED = re.compile(rf"RequestId: ({_UUID}) (?:Error: )?(Runtime exited.*|Process exited.*)")
_FAULT = re.compile(rf"RequestId: ({_UUID}) Error: (.+)")
# `2026-11-30T16:45:24.277Z⇥b8f7…⇥ERROR⇥Invoke Error ⇥{…}` (Node), `…⇥fail⇥…` (.NET)
_FIELDS = re.compile(
    rf"\d{{4}}-\d\d-\d\dT[\d:.]{{8,15}}Z\t({_UUID}|undefined|)\t(\w{{4,5}})\t(.*)", re.DOTALL
)
# `[ERROR]⇥2026-11-30T16:46:48.744Z⇥b8f7…⇥message` (Python's logging)
_LOGGED = re.compile(rf"\[(\w{{4,8}})\]\t[\dT:.-]{{19,27}}Z\t({_UUID}|)\t(.*)", re.DOTALL)
# `[ERROR] KeyError: 'lamp'`, then a header without indentation (Python's runtime interface client)
_PYTHON = "[ERROR] "
_HEADER = "\nTraceback (most recent call last):"
_NODE = ("Invoke Error", "Uncaught Exception", "Unhandled Promise Rejection")
# The standard logger of Go begins a line with the time.
_TIME = re.compile(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d(?:\.\d{1,9})? ")
# The first line of Java's runtime, above the trace: `cannot pay: java.lang.IllegalStateException`
_JAVA = re.compile(r".*: ((?:[\w$]+\.)+[\w$]+)\n(?=\1[:\n])", re.DOTALL)
# Ruby: `Function<ZeroDivisionError>`, `Init<LoadError>`
_RUBY = re.compile(r"(Function|Init)<(.+)>$")
_ERRORS = ("error", "fatal", "critical", "fail", "crit")
# Fields of structured loggers that contain a stack trace as text.
_TRACE_FIELDS = ("exception", "stack_trace", "stacktrace", "exc_info", "stack", "stackTrace")
_MAX_VALUE = 8_192


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure that a log line reports.

    Attributes:
        kind: the type of the main exception, or Lambda's name of the failure.
        value: its message.
        platform: the language, "" if unknown.
        exceptions: in the form of SDKs, the main one last; without frames if Lambda reports it.
        request_id: of the invocation; "" if the line does not say it.
        handled: False if the runtime reports it, True if the program itself logged it.
        logged: what the program logged beside the exception.
        by_lambda: True if Lambda itself reports it, from outside of the program.
        report: what Lambda reports in the same line.
    """

    kind: str
    value: str
    platform: str = ""
    exceptions: tuple[Fields, ...] = ()
    request_id: str = ""
    handled: bool = False
    logged: str = ""
    by_lambda: bool = False
    report: PlatformLine | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ReadLine:
    """What a line reports: a failure, Lambda's data about an invocation, both, or neither."""

    failure: Failure | None = None
    platform: PlatformLine | None = None


def read(text: str) -> ReadLine:
    """Return what a line says."""
    text = text.strip()
    body = _TIME.sub("", text, count=1)
    if body.startswith("{"):
        return _of_json(body)
    if line := platform.of_text(text):
        return ReadLine(_of_platform(line), line)
    return ReadLine(_of_lambda(text) or _of_program(text))


def _of_json(text: str) -> ReadLine:
    try:
        sent = parse_object(text.encode("utf-8", "replace"))
    except HTTPError:
        return ReadLine()
    if line := platform.of_json(sent):
        return ReadLine(_of_platform(line), line)
    return ReadLine(_of_record(sent))


def _of_platform(line: PlatformLine) -> Failure | None:
    """Return the failure that a line of Lambda reports, None if other lines report it."""
    if line.kind == "report":
        kind = _OF_REPORTS.get(line.status) or _OF_REPORTS.get(line.error_type)
        if kind is None:
            return None
        seconds = f" after {line.duration_ms / 1000:.2f} seconds" if line.duration_ms else ""
        value = (
            f"Task timed out{seconds}" if kind == TIMED_OUT else "The function ran out of memory"
        )
        return _by_lambda(kind, value, line.request_id, line)
    if line.kind != "init_report" or line.phase == "invoke":
        return None  # the lines of the invocation report it
    if line.status == "timeout":
        seconds = f" after {line.init_ms / 1000:.2f} seconds" if line.init_ms else ""
        return _by_lambda(INIT_TIMED_OUT, f"Initialisation timed out{seconds}", "", line)
    if line.status == "error" and line.error_type:
        return _by_lambda(line.error_type, "Initialisation failed", "", line)
    return None


def _by_lambda(
    kind: str, value: str, request_id: str, report: PlatformLine | None = None
) -> Failure:
    return Failure(kind, value, "", (), request_id, False, "", True, report)


def _of_lambda(text: str) -> Failure | None:
    """Return a failure that Lambda reports in a line of its own."""
    if match := _TIMED_OUT.match(text):
        return _by_lambda(TIMED_OUT, match[2], match[1])
    if match := _EXITED.match(text):
        kind = OUT_OF_MEMORY if "signal: killed" in match[2] else EXITED
        return _by_lambda(kind, match[2][:_MAX_VALUE].removesuffix(f" {EXITED}"), match[1])
    if match := _FAULT.match(text):
        last = text.rpartition("\n")[2].strip()
        kind = last if re.fullmatch(r"\w{1,40}\.\w{1,80}", last) else "Runtime.Unknown"
        return _by_lambda(kind, match[2][:_MAX_VALUE], match[1])
    return None


def _of_program(text: str) -> Failure | None:
    """Return an exception that a runtime or a program logs as text."""
    if match := _FIELDS.match(text):
        request_id = match[1] if match[1] != "undefined" else ""
        title, _, rest = match[3].partition("\t")
        if title.strip() in _NODE:
            return _of_node(rest.strip(), request_id)
        handled = match[2] not in ("fail", "crit")
        return _traced(match[3], request_id, handled=handled, logged=_message(match[3]))
    if match := _LOGGED.match(text):
        return _traced(match[3], match[2], handled=True, logged=_message(match[3]))
    if text.startswith(_PYTHON) and _HEADER in text.replace("\r", "\n"):
        return _of_python(text.replace("\r", "\n").removeprefix(_PYTHON))
    java = _JAVA.match(text)
    return _traced(text[java.end() :] if java else text, "", handled=not java)


def _of_python(text: str) -> Failure:
    title, _, trace = text.partition(_HEADER)
    kind, value = sdk_form.titled(title)
    kind = kind or "Error"
    lines = trace.replace("\xa0", " ").split("\n")
    _, exceptions = traces.of_lines([*lines], kind, value[:_MAX_VALUE])
    return Failure(kind, value[:_MAX_VALUE], "python", tuple(exceptions))


def _of_node(text: str, request_id: str) -> Failure | None:
    """Return the exception after `Invoke Error` and the like."""
    try:
        sent = parse_object(text.encode("utf-8", "replace"))
    except HTTPError:
        return _traced(text, request_id, handled=False)
    # An unhandled rejection has the error with which the promise was rejected.
    reason = sent.get("reason")
    if isinstance(reason, dict) and reason.get("errorType"):
        sent = reason
    return _of_record({**sent, "requestId": request_id}, default="node")


def _of_record(sent: Fields, default: str = "") -> Failure | None:
    """Return the exception in a line of JSON."""
    inner = sent.get("message")
    within = inner if isinstance(inner, dict) and "errorType" in inner else sent
    request_id = _text(sent.get("requestId") or sent.get("AWSRequestId"), 100)
    kind, value = _text(within.get("errorType")), _text(within.get("errorMessage"))
    lines = next(
        (within[name] for name in ("stackTrace", "stack") if isinstance(within.get(name), list)),
        None,
    )
    message = _text(inner)
    if kind and (lines is not None or value):
        language = ""
        if match := _RUBY.match(kind):
            kind, language = match[2], "ruby"
        kind = kind.removeprefix("Runtime.") if default == "node" else kind
        found, exceptions = traces.of_lines(lines or (), kind, value)
        # Only what the program itself logs has a message beside the error.
        return Failure(
            kind,
            value,
            found or language or default,
            tuple(exceptions),
            request_id,
            handled=bool(message),
            logged=message,
        )
    trace = next((sent[name] for name in _TRACE_FIELDS if isinstance(sent.get(name), str)), "")
    level = _text(sent.get("level") or sent.get("severity")).lower()
    if trace:
        return _traced(trace, request_id, handled=True, logged=message)
    # Java's runtime logs the trace as the message.
    java = _JAVA.match(message)
    if level in _ERRORS or java:
        return _traced(message[java.end() :] if java else message, request_id, handled=not java)
    return None


def _traced(text: str, request_id: str, *, handled: bool, logged: str = "") -> Failure | None:
    """Return the exceptions of a text with a stack trace, None without one."""
    found = sdk_form.of_text(text)
    if found is None:
        return None
    language, exceptions = found
    main = exceptions[-1]
    if main["type"] == "Error" and not main["value"] and not logged:
        return None  # the frames belong to no named exception
    return Failure(
        main["type"],
        main["value"][:_MAX_VALUE],
        language,
        tuple(exceptions),
        request_id,
        handled,
        logged[:_MAX_VALUE],
    )


def _message(text: str) -> str:
    """Return what a logger wrote above a stack trace, "" if it is only the exception."""
    first = text.split("\n", 1)[0].strip()
    return "" if sdk_form.titled(first)[0] or first.startswith("Traceback ") else first


def _text(value: Any, most: int = _MAX_VALUE) -> str:
    return value[:most] if isinstance(value, str) else ""
