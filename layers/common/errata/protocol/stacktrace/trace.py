"""The parts of a parsed stack trace, and the splitting of a text into lines."""

import re
from dataclasses import dataclass, field
from typing import Any

# A longer line is cut and ends in "…". Otherwise a number that was cut would look complete.
MAX_LINE = 4_096
# Of a longer text, only the first and the last lines are read, half of MAX_LINES each. The
# innermost frames are at one of the two ends.
MAX_LINES = 20_000

# Colour codes (ECMA-48, 8.3.117 SGR), control characters except tab and line feed, and characters
# that change the text direction (UAX #9), which can make a file name look like another one.
_NOT_TEXT = re.compile(
    r"\x1b\[[0-9;]{0,20}m|[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"
)


@dataclass(frozen=True, slots=True)
class Frame:
    """A stack frame: a position in the code.

    Attributes:
        function: the function that contains the position.
        source: the line of code at the position, if known.
        in_app: False if the code clearly belongs to the language or a dependency.
        before, after: the lines of code around the position.
        path: the full path of `file`, if it differs. Only for frames from an SDK.
        module: the module of the function. Only for frames from an SDK.
        variables: the local variables, usually an object. Only for frames from an SDK.
        expressions: whether texts in the variables are expressions, such as `'AUTUMN'`.
        sent: where the frame was in the generated file, if a source map was applied.
        note: why no source map was applied, or what to know about it.
    """

    file: str
    line: int | None
    column: int | None = None
    function: str = ""
    source: str = ""
    in_app: bool = True
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    path: str = ""
    module: str = ""
    variables: Any = None
    sent: str = ""
    note: str = ""
    expressions: bool = False


@dataclass(frozen=True, slots=True)
class ExceptionTrace:
    """An exception with its frames.

    Attributes:
        title: the first line of its message, with its type.
        frames: the frames, innermost first.
        relation: how an earlier exception in the list relates to this one: "caused by", "during
            handling of", "suppressed" (Java), "including" (a member of a group) or "alongside"
            (another goroutine). "" for the first one, which ended the program, and if unknown.
        mechanism: what caught the exception. Only for exceptions from an SDK.
        handled: False if the program did not handle it. Only for exceptions from an SDK.
        depth: how many groups the exception is in.
    """

    title: str
    frames: tuple[Frame, ...]
    relation: str = ""
    mechanism: str = ""
    handled: bool = True
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Thread:
    """A thread at the time of the error. The frames, if known, are innermost first."""

    name: str
    frames: tuple[Frame, ...]
    crashed: bool = False
    current: bool = False


@dataclass(frozen=True, slots=True)
class Trace:
    """A parsed stack trace. `language` is python, javascript, php, java, ruby, go or csharp."""

    language: str
    exceptions: tuple[ExceptionTrace, ...]


@dataclass(slots=True)
class Draft:
    """A mutable `ExceptionTrace`, used while parsing."""

    title: str = ""
    relation: str = ""
    frames: list[Frame] = field(default_factory=list)


def to_lines(text: str) -> list[str]:
    """Return the lines of a text without control characters and trailing spaces.

    Lines end with LF, CR LF or CR. AWS Lambda logs a trace with CR.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if len(lines) > MAX_LINES:
        lines[MAX_LINES // 2 : -MAX_LINES // 2] = []
    return [_NOT_TEXT.sub("", _cut(line)).rstrip() for line in lines]


def _cut(line: str) -> str:
    return line if len(line) <= MAX_LINE else line[:MAX_LINE] + "…"


def number(text: str) -> int | None:
    """Return a line or column number, or None if the text is not a number below 10^9."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None
