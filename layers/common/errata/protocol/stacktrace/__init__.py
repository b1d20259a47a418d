"""The text of a stack trace, read into exceptions and frames for whoever looks at an event.

The text is anybody's: it is read line by line, in time linear in its length, and no text raises.
What is not understood is left out, for the text itself is shown beside its frames.
"""

from collections.abc import Callable

from errata.protocol.stacktrace import go, java, javascript, php, python, ruby
from errata.protocol.stacktrace.trace import Draft, ExceptionTrace, Frame, Thread, Trace, to_lines

__all__ = ["MAX_EXCEPTIONS", "MAX_FRAMES", "ExceptionTrace", "Frame", "Thread", "Trace", "parse"]

MAX_FRAMES = 500
MAX_EXCEPTIONS = 50

_READERS: dict[str, Callable[[list[str]], list[Draft]]] = {
    "python": python.read,
    "javascript": javascript.read,
    "php": php.read,
    "java": java.read,
    "ruby": ruby.read,
    "go": go.read,
}


def parse(text: str) -> Trace | None:
    """The exceptions of a text and their frames, None where no frame can be recognised.

    The language is the one that finds the most frames: the message of an exception may quote the
    trace of another language, which is as a rule the shorter one. At most `MAX_EXCEPTIONS`
    exceptions and `MAX_FRAMES` frames are kept, of the exceptions shown first and the innermost.
    """
    lines = to_lines(text)
    found = [(language, read(lines)) for language, read in _READERS.items()]
    language, drafts = max(found, key=lambda each: sum(len(draft.frames) for draft in each[1]))
    room = MAX_FRAMES
    exceptions: list[ExceptionTrace] = []
    for draft in drafts[:MAX_EXCEPTIONS]:
        frames = tuple(draft.frames[:room])
        room -= len(frames)
        relation = draft.relation if exceptions else ""
        exceptions.append(ExceptionTrace(draft.title, frames, relation))
    return Trace(language, tuple(exceptions)) if room < MAX_FRAMES else None
