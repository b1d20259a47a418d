"""Exceptions, threads and frames that an SDK has sent as data, read as those of a text are.

They are read from an event as it is kept (`errata.models.event`): frames outermost first, the main
exception last. Somebody has sent them, so anything may stand in any place, and nothing raises.

Source: the SDK development documentation, "Exception Interface" and "Stack Trace Interface".
"""

from collections.abc import Iterator, Sequence
from typing import Any

from errata.models.event import Fields
from errata.protocol.stacktrace.trace import ExceptionTrace, Frame, Thread

MAX_FRAMES = 500
MAX_EXCEPTIONS = 50
MAX_THREADS = 100
_MAX_NUMBER = 10**9
# Whose functions are named within a class, which is the frame's module.
_QUALIFYING = ("java", "csharp")
# What SDKs write for a function without a name.
_UNKNOWN = "?"
# What leads from an exception to its cause: `mechanism.source`, in Python and in JavaScript.
_SOURCES = {
    "__cause__": "caused by",
    "cause": "caused by",
    "__context__": "during handling of",
    "__suppressed__": "suppressed",
}


def exceptions(event: Fields) -> tuple[ExceptionTrace, ...]:
    """The exceptions of an event, the main one first, or the frames that it has without any.

    Behind each follow those that it came from. At most `MAX_EXCEPTIONS`, and of their frames the
    first `MAX_FRAMES` as they follow each other.
    """
    platform = _text(event.get("platform"))
    sent = _objects(event.get("exceptions"), "value")[-MAX_EXCEPTIONS:]
    if not sent and event.get("frames"):
        return (ExceptionTrace("", _frames(event["frames"], platform, MAX_FRAMES)),)
    room = MAX_FRAMES
    found = []
    for exception, relation in _in_order(sent):
        frames = _frames(exception.get("frames"), platform, room)
        room -= len(frames)
        mechanism = _object(exception.get("mechanism"))
        found.append(
            ExceptionTrace(
                _title(exception),
                frames,
                relation,
                _text(mechanism.get("type")),
                mechanism.get("handled") is not False,
            )
        )
    return tuple(found)


def threads(event: Fields) -> tuple[Thread, ...]:
    """The threads of an event, those that tell most first: that has failed, and that was running.

    The frames of the one that has raised the exception are as a rule with that.
    """
    platform = _text(event.get("platform"))
    found = []
    room = MAX_FRAMES
    for thread in _objects(event.get("threads"), "name")[:MAX_THREADS]:
        frames = _frames(thread.get("frames"), platform, room)
        room -= len(frames)
        name = _text(thread.get("name")) or f"Thread {_text(thread.get('id'))}".strip()
        crashed, current = thread.get("crashed") is True, thread.get("current") is True
        found.append(Thread(name, frames, crashed, current))
    return tuple(sorted(found, key=lambda each: (not each.crashed, not each.current)))


def _in_order(sent: Sequence[Fields]) -> Iterator[tuple[Fields, str]]:
    """The main exception and those that it came from, each with how it relates to that.

    SDKs number the exceptions of a tree (`exception_id`, `parent_id`); what has no number is the
    cause of what was sent after it.
    """
    mechanisms = [_object(each.get("mechanism")) for each in sent]
    children: dict[int, list[int]] = {}
    for at, mechanism in enumerate(mechanisms):
        parent = mechanism.get("parent_id")
        if type(parent) is int:
            children.setdefault(parent, []).append(at)
    seen: set[int] = set()
    # The last one is the main one; what its tree does not lead to follows, latest first.
    for first in reversed(range(len(sent))):
        ahead = [(first, _relation(mechanisms[first], {}) if seen else "")]
        while ahead:
            at, relation = ahead.pop()
            if at in seen:
                continue
            seen.add(at)
            yield sent[at], relation
            number = mechanisms[at].get("exception_id")
            # Numbers rise from the last one sent to the first, which is popped last.
            for child in children.get(number, ()) if type(number) is int else ():
                ahead.append((child, _relation(mechanisms[child], mechanisms[at])))


def _relation(mechanism: Fields, parent: Fields) -> str:
    source = _text(mechanism.get("source"))
    if source in _SOURCES:
        return _SOURCES[source]
    return "including" if parent.get("is_exception_group") is True else "caused by"


def _title(exception: Fields) -> str:
    kind, value = _text(exception.get("type")), _text(exception.get("value"))
    return f"{kind}: {value}" if kind and value else kind or value


def _frames(value: Any, platform: str, most: int) -> tuple[Frame, ...]:
    """The innermost frames, the innermost first."""
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
    if (_text(get("platform")) or platform) in _QUALIFYING and module and function:
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
    )


def _lines(value: Any) -> tuple[str, ...]:
    return tuple(map(_text, value)) if isinstance(value, list) else ()


def _objects(value: Any, name: str) -> list[Fields]:
    """The members of a list; one that is no object stands under `name` in an object of its own."""
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
