"""Converts the exceptions, threads and frames of an SDK's event to the types of `trace`.

The input is a stored event (`errata.models.event`): frames are outermost first, and the main
exception is last. Clients can send any value in any place, so no value raises an exception.

Source: the SDK development documentation, "Exception Interface" and "Stack Trace Interface".
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from errata.models.event import Fields
from errata.protocol.stacktrace.trace import ExceptionTrace, Frame, Thread

MAX_FRAMES = 500
MAX_EXCEPTIONS = 50
MAX_THREADS = 100
_MAX_NUMBER = 10**9
# On these platforms the module of a frame is the class of the function.
_QUALIFYING = ("java", "csharp")
# The SDK of this platform sends the values of variables as expressions.
_EXPRESSIONS = "python"
# What SDKs write for a function without a name.
_UNKNOWN = "?"
# Maps `mechanism.source` (Python and JavaScript) to a relation: how an exception led to this one.
_SOURCES = {
    "__cause__": "caused by",
    "cause": "caused by",
    "__context__": "during handling of",
    "__suppressed__": "suppressed",
}


# How a group relates to its members.
_MEMBER = "including"


def exceptions(event: Mapping[str, Any]) -> tuple[ExceptionTrace, ...]:
    """Return the exceptions of an event, the main one first.

    Each exception is followed by its causes. An event with frames but without exceptions gives one
    `ExceptionTrace` without a title. Returns at most `MAX_EXCEPTIONS` exceptions and `MAX_FRAMES`
    frames in total.
    """
    platform = _text(event.get("platform"))
    sent = _objects(event.get("exceptions"), "value")[-MAX_EXCEPTIONS:]
    if not sent and event.get("frames"):
        return (ExceptionTrace("", _frames(event["frames"], platform, MAX_FRAMES)),)
    left = MAX_FRAMES
    found = []
    for exception, relation, depth in _in_order(sent):
        frames = _frames(exception.get("frames"), platform, left)
        left -= len(frames)
        mechanism = _object(exception.get("mechanism"))
        found.append(
            ExceptionTrace(
                _title(exception),
                frames,
                relation,
                _text(mechanism.get("type")),
                mechanism.get("handled") is not False,
                depth,
            )
        )
    return tuple(found)


def threads(event: Mapping[str, Any]) -> tuple[Thread, ...]:
    """Return the threads of an event: crashed threads first, then current ones, then the others.

    The thread that raised the exception usually has no frames, because the exception has them.
    """
    platform = _text(event.get("platform"))
    found = []
    left = MAX_FRAMES
    for thread in _objects(event.get("threads"), "name")[:MAX_THREADS]:
        frames = _frames(thread.get("frames"), platform, left)
        left -= len(frames)
        name = _text(thread.get("name")) or f"Thread {_text(thread.get('id'))}".strip()
        if state := _text(thread.get("state")):
            name = f"{name}, {state}"
        crashed, current = thread.get("crashed") is True, thread.get("current") is True
        found.append(Thread(name, frames, crashed, current))
    return tuple(sorted(found, key=lambda each: (not each.crashed, not each.current)))


def _in_order(sent: Sequence[Fields]) -> Iterator[tuple[Fields, str, int]]:
    """Yield each exception with its relation and depth, the main exception first, then its causes.

    SDKs describe the tree of exceptions with `exception_id` and `parent_id`. An exception without
    these is the cause of the one that was sent after it.
    """
    mechanisms = [_object(each.get("mechanism")) for each in sent]
    children: dict[int, list[int]] = {}
    for at, mechanism in enumerate(mechanisms):
        parent = mechanism.get("parent_id")
        if type(parent) is int:
            children.setdefault(parent, []).append(at)
    seen: set[int] = set()
    # The main exception is the last one. Exceptions outside its tree follow, last one first.
    for first in reversed(range(len(sent))):
        ahead = [(first, _relation(mechanisms[first], {}) if seen else "", 0)]
        while ahead:
            at, relation, depth = ahead.pop()
            if at in seen:
                continue
            seen.add(at)
            yield sent[at], relation, depth
            number = mechanisms[at].get("exception_id")
            # Ids rise from the last exception sent to the first, which is popped last.
            for child in children.get(number, ()) if type(number) is int else ():
                relation = _relation(mechanisms[child], mechanisms[at])
                ahead.append((child, relation, depth + (relation == _MEMBER)))


def _relation(mechanism: Fields, parent: Fields) -> str:
    source = _text(mechanism.get("source"))
    if source in _SOURCES:
        return _SOURCES[source]
    return _MEMBER if parent.get("is_exception_group") is True else "caused by"


def _title(exception: Fields) -> str:
    kind, value = _text(exception.get("type")), _text(exception.get("value"))
    return f"{kind}: {value}" if kind and value else kind or value


def _frames(value: Any, platform: str, most: int) -> tuple[Frame, ...]:
    """Return the `most` innermost frames or fewer, innermost first."""
    sent = _objects(value, "filename")
    return tuple(_frame(each, platform) for each in reversed(sent[max(0, len(sent) - most) :]))


def _frame(sent: Fields, platform: str) -> Frame:
    get = sent.get
    module = _text(get("module"))
    path = _text(get("abs_path"))
    file = _text(get("filename")) or path or module or _text(get("package")) or "(unknown)"
    function = _text(get("function")) or _text(get("raw_function"))
    function = "" if function == _UNKNOWN else function
    if not function and not get("lineno"):
        function = _text(get("instruction_addr"))
    platform = _text(get("platform")) or platform
    if platform in _QUALIFYING and module and function:
        function = f"{module}.{function}"
    return Frame(
        file,
        _number(get("lineno")),
        _number(get("colno")),
        function,
        _text(get("context_line")),
        get("in_app") is not False,
        _lines(get("pre_context")),
        _lines(get("post_context")),
        "" if path == file else path,
        module,
        get("vars") or None,
        _sent(get("sent")),
        _text(get("minified")) or _text(_object(get("map")).get("note")),
        platform == _EXPRESSIONS,
    )


def _sent(value: Any) -> str:
    """Return where a frame was before a source map was applied: `app.js:1:2045 in t`."""
    sent = _object(value)
    file = _text(sent.get("filename")) or _text(sent.get("abs_path"))
    if not file:
        return ""
    numbers = [_number(sent.get(name)) for name in ("lineno", "colno")]
    where = ":".join([file, *(str(each) for each in numbers if each is not None)])
    function = _text(sent.get("function"))
    return f"{where} in {function}" if function and function != _UNKNOWN else where


def _lines(value: Any) -> tuple[str, ...]:
    return tuple(map(_text, value)) if isinstance(value, list) else ()


def _objects(value: Any, name: str) -> list[Fields]:
    """Return the items of a list as objects. An item that is not an object becomes `{name: item}`.

    A value that is not a list counts as a list with one item. Null and "" are left out.
    """
    members = value if isinstance(value, list) else [value]
    return [
        each if isinstance(each, dict) else {name: each}
        for each in members
        if each is not None and each != ""
    ]


def _object(value: Any) -> Fields:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return str(value) if type(value) is int and abs(value) < _MAX_NUMBER**2 else ""


def _number(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < _MAX_NUMBER else None
