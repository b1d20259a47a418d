"""Compute the title of an event, which says what broke, and its culprit, which says where."""

import re
from collections.abc import Mapping
from typing import Any

type _Fields = Mapping[str, Any]

MAX_LINE = 200
_MAX_READ = 2_000
# How many frames and exceptions are read, the innermost first. A person reads no more.
_MAX_FRAMES = 1_000
_MAX_EXCEPTIONS = 50
# The cause of an exception group is not one of its members.
_NO_MEMBERS = ("__cause__", "__context__", "cause")
_PLACEHOLDER = re.compile(r"\{(\w{1,50})(?:[,:][^{}]{0,20})?\}")
# SDKs' mechanisms for crashes of native code. Their value has an address or the signal's name.
_CRASHES = ("signalhandler", "mach", "minidump", "cpp_exception", "signal")
_NAMELESS = ("", "?", "<unknown>", "<anonymous>", "<redacted>")


def title(event: _Fields) -> str:
    """Return the error in one line, such as `ValueError: bad input`, at most 200 characters.

    One that is cut ends in “…”. An exception group is named by its first member: `ValueError: bad
    input (and 2 more)`. A crash of native code is named by the function that crashed:
    `EXC_BAD_ACCESS in Cart.total()`.
    """
    if isinstance(event.get("title"), str):
        return str(event["title"])
    message, kind = _text(event.get("message")), _text(event.get("exception_class"))
    exceptions = _objects(event.get("exceptions"))[: -_MAX_EXCEPTIONS - 1 : -1]
    more = 0
    if exceptions:
        main, more = _first_member(exceptions)
        if more:
            kind, message = _text(main.get("type")) or "Error", _text(main.get("value"))
        elif function := _crashed(event, main):
            return _shortened(f"{kind} in {function}")
    else:
        message = _filled(message, event.get("logentry"))
    line = _one_line(kind, message)
    if not more:
        return _shortened(line)
    rest = f" (and {more - 1} more)" if more > 1 else ""
    return _shortened(line, MAX_LINE - len(rest)) + rest


def short_text(value: object) -> str:
    """Return the first 200 characters of a text, "" for a value of another type."""
    return _text(value)[:MAX_LINE]


def _one_line(kind: str, message: str) -> str:
    message = message.strip()
    joined = f"{kind}: {message}" if kind and message else kind
    lines = (joined or message).split("\n", 1)
    return lines[0].strip() or "(no message)"


def _shortened(text: str, most: int = MAX_LINE) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def culprit(event: _Fields) -> str:
    """Return where the error happened, at most 200 characters.

    This is the innermost in-app place of an event from an SDK, such as `shop.cart in total`,
    otherwise its transaction. Other events have a file and line, such as `app/views.py:42`, or
    else the URL.
    """
    if isinstance(event.get("culprit"), str):
        return str(event["culprit"])
    frames = _frames(event)[: -_MAX_FRAMES - 1 : -1]
    inner = next((each for each in frames if each.get("in_app")), None)
    if (inner is not None and (place := _place(inner))) or (
        frames and (place := _text(event.get("transaction")))
    ):
        return place[:MAX_LINE]
    if file := _text(event.get("file")):
        line = event.get("line")
        # Keep the end of a long path: it is more specific than the beginning.
        return (f"{file}:{line}" if line is not None else file)[-MAX_LINE:]
    return (_text(event.get("transaction")) or _text(event.get("url")))[:MAX_LINE]


def _place(frame: _Fields) -> str:
    """Return `module in function` of a frame. "" if it does not name a function."""
    function = _text(frame.get("function"))
    if function in _NAMELESS:
        return ""
    where = _text(frame.get("module")) or _text(frame.get("filename"))
    if not where:
        return function
    # Keep the end of a long path.
    return f"{where[-MAX_LINE + 50 :]} in {function}"


def _first_member(exceptions: list[_Fields]) -> tuple[_Fields, int]:
    """Return the first member of the main exception group, and its size: 0 without a group.

    Source: Sentry's RFC 79, "Exception Groups": a member has its group's id in `parent_id`.
    """
    main, number = exceptions[0], 0
    for _ in exceptions:  # ends even if the parents form a cycle
        group = _mechanism(main)
        if not group.get("is_exception_group") or group.get("exception_id") is None:
            break
        members = [
            each
            for each in exceptions
            if each is not main
            and _mechanism(each).get("parent_id") == group["exception_id"]
            and _mechanism(each).get("source") not in _NO_MEMBERS
        ]
        if not members:
            break
        main, number = members[0], number or len(members)
    return main, number


def _crashed(event: _Fields, main: _Fields) -> str:
    """Return the function in which native code crashed, "" for other errors."""
    if _mechanism(main).get("type") not in _CRASHES:
        return ""
    frames = _frames(event)[: -_MAX_FRAMES - 1 : -1]
    named = [each for each in frames if _text(each.get("function")) not in _NAMELESS]
    inner = next((each for each in named if each.get("in_app")), named[0] if named else {})
    return _text(inner.get("function"))


def _frames(event: _Fields) -> list[_Fields]:
    """Return the frames of the main exception, of the event, or of the crashed thread."""
    exceptions = _objects(event.get("exceptions"))
    if exceptions and (frames := _objects(exceptions[-1].get("frames"))):
        return frames
    if frames := _objects(event.get("frames")):
        return frames
    threads = _objects(event.get("threads"))
    crashed = next((each for each in threads if each.get("crashed")), {})
    return _objects(crashed.get("frames"))


def _filled(message: str, entry: object) -> str:
    """Return a message with its named parameters in place of `{name}`."""
    params = entry.get("params") if isinstance(entry, dict) else None
    if not isinstance(params, dict) or "{" not in message:
        return message

    def value(placeholder: re.Match[str]) -> str:
        found = params.get(placeholder[1])
        # A list or an object may be large, and printing it for many placeholders takes long.
        return str(found)[:MAX_LINE] if isinstance(found, str | int | float) else placeholder[0]

    # A title has at most MAX_LINE characters, so no more placeholders than that can matter.
    return _PLACEHOLDER.sub(value, message[:_MAX_READ], count=MAX_LINE)


def _mechanism(exception: _Fields) -> _Fields:
    found = exception.get("mechanism")
    return found if isinstance(found, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _objects(value: object) -> list[_Fields]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
