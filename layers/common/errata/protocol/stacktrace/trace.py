"""What a stack trace is made of, and the lines that one is read from."""

import re
from dataclasses import dataclass, field
from typing import Any

# A longer line is cut, and its end marked, so that no pattern takes a part of a number for all.
MAX_LINE = 4_096
# Of more lines the first and the last half are read: one of them holds the innermost frames.
MAX_LINES = 20_000

# Colours (ECMA-48, 8.3.117 SGR), other control characters but for tab and line feed, and the
# signs that turn the direction of what follows (UAX #9), with which a file can show another name.
_NOT_TEXT = re.compile(
    r"\x1b\[[0-9;]{0,20}m|[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"
)


@dataclass(frozen=True, slots=True)
class Frame:
    """A place in the code; `function` is what the place is in.

    `source` is the code there, where it is known, and `before` and `after` are the lines around it.
    `in_app` is False for what is plainly the language's own or a dependency's. Of a frame that was
    sent as data, `path` is where `file` lies if that says more, `module` what the place belongs to,
    and `variables` what was local there: an object as a rule.
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


@dataclass(frozen=True, slots=True)
class ExceptionTrace:
    """An exception: the first line of what it says, and its frames, innermost first.

    `relation` leads from an exception before it to this one: "caused by", "during handling of",
    "suppressed" (Java), "including" (a member of a group), "alongside" (another goroutine); it is
    empty for the exception that ended the program, which comes first, and where the text says
    nothing. Of an exception that was sent as data, `mechanism` names what has caught it, and
    `handled` is False where the program has not.
    """

    title: str
    frames: tuple[Frame, ...]
    relation: str = ""
    mechanism: str = ""
    handled: bool = True


@dataclass(frozen=True, slots=True)
class Thread:
    """A thread of the program when it failed, with its frames, innermost first, where known."""

    name: str
    frames: tuple[Frame, ...]
    crashed: bool = False
    current: bool = False


@dataclass(frozen=True, slots=True)
class Trace:
    """What a text holds: `language` is python, javascript, php, java, ruby or go."""

    language: str
    exceptions: tuple[ExceptionTrace, ...]


@dataclass(slots=True)
class Draft:
    """An `ExceptionTrace` in the making."""

    title: str = ""
    relation: str = ""
    frames: list[Frame] = field(default_factory=list)


def to_lines(text: str) -> list[str]:
    """The lines of a text, without what is not text and without trailing space.

    Lines end with LF, CR LF or CR: AWS Lambda logs a trace with the last one.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if len(lines) > MAX_LINES:
        lines[MAX_LINES // 2 : -MAX_LINES // 2] = []
    return [_NOT_TEXT.sub("", _cut(line)).rstrip() for line in lines]


def _cut(line: str) -> str:
    return line if len(line) <= MAX_LINE else line[:MAX_LINE] + "…"


def number(text: str) -> int | None:
    """The number of a line or column, None where the text is no such number."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None
