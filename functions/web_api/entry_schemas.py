"""The entries of an event: exceptions, message, threads, request and breadcrumbs.

A sender may choose any value, so no value raises an exception. Frames are outermost first.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from errata.models.event import StoredEvent
from errata.protocol.read import iso
from errata.protocol.stacktrace import ExceptionTrace, parse_trace
from functions.web_api.fields import Json
from functions.web_api.schemas import Schema

# The year 2100.
_MAX_SECONDS = 4_102_444_800
_NAMES = ("type", "value", "module", "mechanism")


class FrameSchema(Schema):
    """A call in a stack trace. `context` has numbered lines of code."""

    filename: str | None
    abs_path: str | None
    module: str | None
    package: str | None
    platform: str | None
    instruction_addr: str | None
    symbol_addr: str | None
    function: str | None
    raw_function: str | None
    context: list[tuple[int, str]]
    line_no: int | None
    col_no: int | None
    in_app: bool
    vars: Json = None


class StackTraceSchema(Schema):
    """The frames of an exception or thread."""

    frames: list[FrameSchema]
    frames_omitted: None = None
    registers: None = None
    has_system_frames: bool


class Entry(Schema):
    """A part of an event. `data` depends on the type."""

    type: Literal["exception", "message", "threads", "request", "breadcrumbs", "stacktrace"]
    data: dict[str, Json]


def entries_of(fields: StoredEvent) -> list[Entry]:
    """Return the entries of an event, those that it has."""
    readers: dict[str, Callable[[Mapping[str, Any]], dict[str, Any] | None]] = {
        "exception": _exceptions,
        "stacktrace": _stack_trace,
        "message": _message,
        "threads": _threads,
        "request": _request,
        "breadcrumbs": _breadcrumbs,
    }
    found = ((kind, read(fields)) for kind, read in readers.items())
    return [Entry.model_validate({"type": kind, "data": data}) for kind, data in found if data]


def _exceptions(fields: Mapping[str, Any]) -> dict[str, Any] | None:
    sent = _objects(fields.get("exceptions"))
    values = [
        {
            **{name: each.get(name) for name in _NAMES},
            "threadId": each.get("thread_id"),
            "stacktrace": _stack(each.get("frames")),
            "rawStacktrace": None,
        }
        for each in sent
    ] or _parsed(fields)
    if not values:
        return None
    system = any(not frame["inApp"] for each in values for frame in _frames_of(each["stacktrace"]))
    return {"values": values, "hasSystemFrames": system, "excOmitted": None}


def _parsed(fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the exceptions of an event without structured ones, from its class and stack trace."""
    kind, message = _text(fields.get("exception_class")), _text(fields.get("message"))
    stack = fields.get("stack_trace") or fields.get("minified_stack")
    trace = parse_trace(stack) if isinstance(stack, str) else None
    traces = trace.exceptions if trace else ()
    if not (kind or traces):
        return []
    # Sentry has the exception that ended the program last.
    others = [_of_trace(each) for each in traces[:0:-1]]
    main = {
        "type": kind or None,
        "value": message or None,
        "module": None,
        "mechanism": None,
        "threadId": None,
        "stacktrace": _stack_of(traces[0]) if traces else None,
        "rawStacktrace": None,
    }
    return [*others, main]


def _of_trace(trace: ExceptionTrace) -> dict[str, Any]:
    kind, _, value = trace.title.partition(": ")
    return {
        "type": kind or None,
        "value": value or None,
        "module": None,
        "mechanism": None,
        "threadId": None,
        "stacktrace": _stack_of(trace),
        "rawStacktrace": None,
    }


def _stack_of(trace: ExceptionTrace) -> dict[str, Any]:
    return (
        _stack(
            [
                {
                    "filename": each.file,
                    "lineno": each.line,
                    "colno": each.column,
                    "function": each.function or None,
                    "context_line": each.source or None,
                    "in_app": each.in_app,
                }
                for each in reversed(trace.frames)
            ]
        )
        or {}
    )


def _stack_trace(fields: Mapping[str, Any]) -> dict[str, Any] | None:
    return _stack(fields.get("frames"))


def _message(fields: Mapping[str, Any]) -> dict[str, Any] | None:
    entry = fields.get("logentry")
    if isinstance(entry, dict):
        formatted = entry.get("formatted") or fields.get("message")
        return {
            "formatted": formatted,
            "message": entry.get("message"),
            "params": entry.get("params"),
        }
    if fields.get("exceptions") or fields.get("exception_class"):
        return None
    text = _text(fields.get("message"))
    return {"formatted": text, "message": text, "params": None} if text else None


def _threads(fields: Mapping[str, Any]) -> dict[str, Any] | None:
    values = [
        {
            "id": each.get("id"),
            "name": each.get("name"),
            "current": each.get("current") is True,
            "crashed": each.get("crashed") is True,
            "state": each.get("state"),
            "stacktrace": _stack(each.get("frames")),
            "rawStacktrace": None,
        }
        for each in _objects(fields.get("threads"))
    ]
    return {"values": values} if values else None


def _request(fields: Mapping[str, Any]) -> dict[str, Any] | None:
    context = fields.get("context")
    request = context.get("request") if isinstance(context, dict) else None
    if not isinstance(request, dict) or not request:
        return None
    return {
        "method": request.get("method"),
        "url": _text(request.get("url")) or _text(fields.get("url")) or None,
        "query": _pairs(request.get("query_string")),
        "fragment": None,
        "data": request.get("data"),
        "headers": _pairs(request.get("headers")),
        "cookies": _pairs(request.get("cookies")),
        "env": request.get("env"),
        "inferredContentType": None,
    }


def _breadcrumbs(fields: Mapping[str, Any]) -> dict[str, Any] | None:
    values = [
        {
            "type": _text(each.get("type")) or "default",
            "timestamp": _iso(each.get("timestamp")),
            "level": _text(each.get("level")) or "info",
            "message": each.get("message"),
            "category": each.get("category"),
            "data": each.get("data"),
            "event_id": None,
        }
        for each in _objects(fields.get("breadcrumbs"))
    ]
    return {"values": values} if values else None


def _stack(sent: Any) -> dict[str, Any] | None:
    frames = [_frame(each) for each in _objects(sent)]
    if not frames:
        return None
    system = any(not each.in_app for each in frames)
    return StackTraceSchema(frames=frames, has_system_frames=system).model_dump(by_alias=True)


def _frame(sent: dict[str, Any]) -> FrameSchema:
    line = sent.get("lineno")
    number = line if type(line) is int else None
    column = sent.get("colno")
    return FrameSchema(
        filename=_text(sent.get("filename")) or None,
        abs_path=_text(sent.get("abs_path")) or _text(sent.get("filename")) or None,
        module=_text(sent.get("module")) or None,
        package=_text(sent.get("package")) or None,
        platform=_text(sent.get("platform")) or None,
        instruction_addr=_text(sent.get("instruction_addr")) or None,
        symbol_addr=_text(sent.get("symbol_addr")) or None,
        function=_text(sent.get("function")) or None,
        raw_function=_text(sent.get("raw_function")) or None,
        context=_code(sent, number),
        line_no=number,
        col_no=column if type(column) is int else None,
        in_app=sent.get("in_app") is not False,
        vars=sent.get("vars"),
    )


def _code(sent: Mapping[str, Any], number: int | None) -> list[tuple[int, str]]:
    """Return the lines of code around a frame's line, with their numbers."""
    line = sent.get("context_line")
    if number is None or not isinstance(line, str):
        return []
    before, after = _lines(sent.get("pre_context")), _lines(sent.get("post_context"))
    lines = [*before, line, *after]
    return [(number - len(before) + at, text) for at, text in enumerate(lines)]


def _lines(value: Any) -> list[str]:
    return [_text(each) for each in value] if isinstance(value, list) else []


def _frames_of(stack: Any) -> Iterable[dict[str, Any]]:
    return stack.get("frames", ()) if isinstance(stack, dict) else ()


def _pairs(sent: Any) -> list[tuple[str, Any]] | str | None:
    """Return an object as pairs, as Sentry does with headers. A text stays as it is."""
    if isinstance(sent, dict):
        return list(sent.items())
    return sent if isinstance(sent, str | list) else None


def _iso(value: Any) -> str | None:
    if type(value) in (int, float) and 0 < value < _MAX_SECONDS:
        return iso(round(value * 1000))
    return _text(value) or None


def _objects(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
