"""Parses the text of a stack trace into exceptions and frames, to show them on the event page.

Clients can send any text. So it is parsed line by line, in linear time, and no text raises an
exception. Unknown lines are skipped: the page can also show the text itself.
"""

from collections.abc import Callable

from errata.protocol.stacktrace import dotnet, go, java, javascript, php, python, ruby
from errata.protocol.stacktrace.trace import Draft, ExceptionTrace, Frame, Thread, Trace, to_lines

__all__ = [
    "MAX_EXCEPTIONS",
    "MAX_FRAMES",
    "ExceptionTrace",
    "Frame",
    "Thread",
    "Trace",
    "parse_trace",
]

MAX_FRAMES = 500
MAX_EXCEPTIONS = 50

_READERS: dict[str, Callable[[list[str]], list[Draft]]] = {
    "python": python.read,
    "javascript": javascript.read,
    "php": php.read,
    "java": java.read,
    "ruby": ruby.read,
    "go": go.read,
    "csharp": dotnet.read,
}


def parse_trace(text: str) -> Trace | None:
    """Return the exceptions in a text and their frames, or None if no frame is recognised.

    All languages are tried, and the one with the most frames wins. A message may quote the trace of
    another language, but that is usually shorter. Keeps the first `MAX_EXCEPTIONS` exceptions and
    `MAX_FRAMES` frames in total.
    """
    lines = to_lines(text)
    found = [(language, read(lines)) for language, read in _READERS.items()]
    language, drafts = max(found, key=lambda each: sum(len(draft.frames) for draft in each[1]))
    left = MAX_FRAMES
    exceptions: list[ExceptionTrace] = []
    for draft in drafts[:MAX_EXCEPTIONS]:
        frames = tuple(draft.frames[:left])
        left -= len(frames)
        relation = draft.relation if exceptions else ""
        exceptions.append(ExceptionTrace(draft.title, frames, relation))
    return Trace(language, tuple(exceptions)) if left < MAX_FRAMES else None
