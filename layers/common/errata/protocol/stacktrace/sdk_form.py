"""Exceptions and frames in the form of SDKs, made of the text of a stack trace.

Source: the SDK development documentation, "Exception Interface" and "Stack Trace Interface".
"""

import re

from errata.models.event import Fields
from errata.protocol.stacktrace import ExceptionTrace, Frame, Trace, parse_trace

MAX_FRAMES = 100
_MAX_TITLE = 8_192
# `ValueError: bad input`, `com.acme.CheckoutException: cannot pay`, `Acme\Error`, `Shop::NoPrice`
_TITLE = re.compile(r"([A-Za-z_$][\w$.:\\]*?)(?:: (.*)|:?)$", re.DOTALL)
# `checkout failed TypeError: no price`: what a program logs before the error
_NAMED = re.compile(r"\s((?:[A-Za-z_$][\w$.]*)?(?:Error|Exception)): (.*)", re.DOTALL)
_SOURCES = {"during handling of": "__context__", "suppressed": "__suppressed__"}
_PLATFORMS = {"javascript": "node"}
# Their SDKs send the class of a method as the module of its frame.
_CLASSES = ("java", "csharp")
# Where Lambda has its runtimes and their libraries.
_RUNTIME = re.compile(r"/var/(?:runtime|lang)/|/aws[-_]lambda[-_]ric/|/awslambdaric/")


def of_text(text: str) -> tuple[str, list[Fields]] | None:
    """Return the platform of a stack trace and its exceptions, the main one last.

    None if the text has no stack trace.
    """
    trace = parse_trace(text.replace("\xa0", " "))
    if trace is None or not any(each.frames for each in trace.exceptions):
        return None
    return _PLATFORMS.get(trace.language, trace.language), _exceptions(trace)


def titled(title: str) -> tuple[str, str]:
    """Return the type and the message of an exception by its title. The type is "" if unknown."""
    match = _TITLE.match(title.strip())
    if match and (match[2] is not None or match[1].endswith(("Error", "Exception"))):
        return match[1].removesuffix(":"), match[2] or ""
    if named := _NAMED.search(title[:_MAX_TITLE]):
        return named[1], named[2]
    return "", title.strip()


def exception(kind: str, value: str) -> Fields:
    """Return an exception without a stack trace."""
    return {"type": kind, "value": value}


def _exceptions(trace: Trace) -> list[Fields]:
    made: list[Fields] = []
    for each in trace.exceptions:
        if each.relation != "alongside":
            made.insert(0, _of_trace(each, trace.language))
    return made


def _of_trace(each: ExceptionTrace, language: str) -> Fields:
    kind, value = titled(each.title)
    if language == "go":
        kind, value = "panic", each.title.removeprefix("panic: ")
    made = exception(kind or "Error", value)
    if language == "java" and "." in kind:
        made["module"], _, made["type"] = kind.rpartition(".")
    frames = each.frames[:MAX_FRAMES][::-1]
    made["stacktrace"] = {"frames": [_frame(frame, language) for frame in frames]}
    if source := _SOURCES.get(each.relation):
        made["mechanism"] = {"type": "chained", "source": source, "handled": True}
    return made


def _frame(frame: Frame, language: str) -> Fields:
    in_app = frame.in_app and not _RUNTIME.search(frame.file)
    made: Fields = {"filename": frame.file, "in_app": in_app}
    if frame.function:
        made["function"] = frame.function
    if language in _CLASSES and "." in frame.function:
        made["module"], _, made["function"] = frame.function.rpartition(".")
    if frame.line is not None:
        made["lineno"] = frame.line
    if frame.column is not None:
        made["colno"] = frame.column
    if frame.source:
        made["context_line"] = frame.source
    return made
