"""Stack traces on the page of an event, parsed from a text or sent as data.

Developers look for the frames of the application. These are open, with the code around them and
their variables. Runs of library frames are folded.
"""

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, NamedTuple

from errata.protocol.stacktrace import ExceptionTrace, Frame, Thread
from errata.protocol.stacktrace.expressions import expression
from functions.dashboard.byte_budget import ByteBudget
from functions.dashboard.event.metadata import pairs

MAX_FRAMES = 60
MAX_EXCEPTIONS = 12
MAX_THREADS = 20
MAX_DEPTH = 4
# Open frames of the main exception, and of each other one. Further frames start closed.
_OPEN, _OPEN_OF_A_CAUSE = 8, 3
_MAX_LINES = 7  # before the line of a frame, and after it
_MAX_VARIABLES = 25
_MAX_VARIABLE = 300  # characters of its value
# Bytes of markup around a frame, an exception, a line of code.
_MARKUP_OF_A_FRAME = 340
_MARKUP_OF_AN_EXCEPTION = 260
_MARKUP_OF_CODE = 100
_MARKUP_OF_A_LINE = 12
_VARIABLES_OF_A_FRAME = 3_000
# How an exception relates to the one that it led to, in a chain without branches.
_LED_TO = ("caused by", "during handling of")
# Minified code has `.min` in the name of its file, or few and long lines.
_MINIFIED = re.compile(r"\.min\.m?js\b")
_MINIFIED_FROM = 300  # column
# Mechanisms that only say that an SDK caught an exception.
_USUAL = ("generic", "chained", "")
_NAME = re.compile(r"[^\W\d]\w*")
_MAX_NAMED = 1_000
# Folders where packages are installed. The group is the name of the package.
_INSTALLED = re.compile(
    r".*(?:(?:site|dist)-packages/|node_modules/|/vendor/|/lib/python[\d.]+/|/gems/)"
    r"(@[^/]+/[^/]+|[^/]+?)(?:\.py)?(?:/|$)"
)
# First part of reversed domain names, which some languages use for packages.
_DOMAINS = {"com", "org", "net", "io", "ch", "de", "dev", "java", "javax", "kotlin"}


@dataclass(slots=True)
class CodeLine:
    """A line of code; `here` marks the line of the frame itself."""

    text: str
    here: bool


class Variable(NamedTuple):
    """A local variable; `used` says whether the line of the frame names it."""

    name: str
    value: str
    used: bool


@dataclass(slots=True)
class ShownFrame:
    """A frame. Its code and variables are added later, within the byte budget.

    `sent` is its location before a source map was applied. `note` says why none was applied, or
    what else is worth knowing about the frame.
    """

    frame: Frame
    file: str
    path: str
    function: str
    plain: bool  # never folded
    open: bool
    sent: str = ""
    note: str = ""
    start: int | None = None  # the number of the first line of code
    code: list[CodeLine] = field(default_factory=list)
    variables: list[Variable] = field(default_factory=list)


@dataclass(slots=True)
class FrameRun:
    """Consecutive frames, either of the application or of libraries (`folded`)."""

    frames: list[ShownFrame]
    folded: bool
    packages: str


@dataclass(slots=True)
class ShownException:
    """An exception with its frames in runs. `more` frames did not fit.

    For other exceptions than the main one, `mechanism` and `handled` are set only if they differ.
    `depth` is the number of exception groups around it.
    """

    title: str
    relation: str
    mechanism: str
    handled: bool
    runs: list[FrameRun]
    more: int
    depth: int = 0


@dataclass(slots=True)
class ShownThread:
    """A thread, with its frames in runs."""

    name: str
    crashed: bool
    current: bool
    runs: list[FrameRun]
    more: int


def root_cause(traces: Sequence[ExceptionTrace]) -> int:
    """Return the index of the exception that was raised first and led to the main one, or 0."""
    at = 0
    while at + 1 < len(traces) and traces[at + 1].relation in _LED_TO and not traces[at + 1].depth:
        at += 1
    return at


def is_minified(traces: Sequence[ExceptionTrace]) -> bool:
    """Return whether the application's frames look minified, and no source map was applied."""
    frames = [each for trace in traces for each in trace.frames[:MAX_FRAMES] if each.in_app]
    return not any(each.sent for each in frames) and any(
        (each.column or 0) >= _MINIFIED_FROM or _MINIFIED.search(each.file[-200:])
        for each in frames
    )


class Traces:
    """The exceptions and threads of an event, within the byte budget.

    The most useful parts get their bytes first: the locations of all frames, then the code and
    variables of the application. Code of libraries comes after all other parts of the page, with
    `fill_libraries`. With `opened`, no frame starts closed.
    """

    def __init__(self, *, opened: bool = False) -> None:
        self._frames: list[ShownFrame] = []
        self._opened = opened

    def exceptions(
        self, traces: Sequence[ExceptionTrace], budget: ByteBudget
    ) -> list[ShownException]:
        """Return the exceptions that fit the byte budget."""
        shown: list[ShownException] = []
        for trace in traces[:MAX_EXCEPTIONS]:
            if not budget.pays(_MARKUP_OF_AN_EXCEPTION):
                break
            title = budget.take(trace.title, 500)
            mechanism = "" if trace.mechanism in _USUAL else budget.take(trace.mechanism, 60)
            handled = trace.handled
            if shown and (trace.mechanism, handled) == (traces[0].mechanism, traces[0].handled):
                mechanism, handled = "", True
            runs, more = self._runs(trace.frames, _OPEN_OF_A_CAUSE if shown else _OPEN, budget)
            depth = min(trace.depth, MAX_DEPTH)
            each = ShownException(title, trace.relation, mechanism, handled, runs, more, depth)
            shown.append(each)
        if len(shown) < len(traces):
            budget.note_cut()
        plain = [frame for frame in self._frames if frame.plain]
        for frame in plain:
            _fill_code(frame, budget)
        for frame in plain:
            _fill_variables(frame, budget)
        return shown

    def threads(self, threads: Sequence[Thread], budget: ByteBudget) -> list[ShownThread]:
        """Return the threads that fit the byte budget."""
        shown = []
        for thread in threads[:MAX_THREADS]:
            if not budget.pays(_MARKUP_OF_AN_EXCEPTION):
                break
            name = budget.take(thread.name, 100)
            runs, more = self._runs(thread.frames, 1, budget)
            shown.append(ShownThread(name, thread.crashed, thread.current, runs, more))
        return shown

    def fill_libraries(self, budget: ByteBudget) -> None:
        """Add code to the frames that have none, until the budget is nearly used up."""
        for frame in self._frames:
            if not frame.code and budget.left > 1_500:
                _fill_code(frame, budget)

    def _runs(
        self, frames: Sequence[Frame], most: int, budget: ByteBudget
    ) -> tuple[list[FrameRun], int]:
        shown: list[ShownFrame] = []
        # Without a frame of the application, show the innermost one: the error happened there.
        plain = {n for n, each in enumerate(frames) if each.in_app} or {0}
        opened = set(sorted(plain)[:most])
        for n, frame in enumerate(frames[:MAX_FRAMES]):
            if len(self._frames) >= 2 * MAX_FRAMES or not budget.pays(_MARKUP_OF_A_FRAME):
                break
            path = budget.take(frame.path, 200) if frame.path else ""
            function = budget.take(frame.function, 200)
            file = budget.take(frame.file, 300)
            is_open = self._opened or n in opened
            sent, note = budget.take(frame.sent, 250), budget.take(frame.note, 250)
            each = ShownFrame(frame, file, path, function, n in plain, is_open, sent, note)
            shown.append(each)
            self._frames.append(each)
        return list(_joined(shown, budget)), len(frames) - len(shown)


def _joined(frames: Iterable[ShownFrame], budget: ByteBudget) -> Iterator[FrameRun]:
    for plain, run in groupby(frames, key=lambda each: each.plain):
        of_run = list(run)
        folded = not plain and len(of_run) > 1
        names = dict.fromkeys(filter(None, map(_package, of_run))) if folded else ()
        yield FrameRun(of_run, folded, budget.take(", ".join([*names][:4]), 120) if names else "")


def _package(shown: ShownFrame) -> str:
    """Return the package of a library frame, "" if it is unknown."""
    frame = shown.frame
    for path in (frame.path, frame.file):
        if path.startswith("node:"):
            return "Node.js"
        installed = _INSTALLED.match(path[-1_000:].replace("\\", "/"))
        if installed:
            return installed[1]
    if frame.module.startswith("<"):
        return ""
    parts = frame.module.split(".")
    return ".".join(parts[: 2 if parts[0] in _DOMAINS else 1])


def _fill_code(shown: ShownFrame, budget: ByteBudget) -> None:
    """Add the code around a frame. In a text trace this is one statement."""
    frame = shown.frame
    if not frame.source and not frame.before:
        return
    own = frame.source.split("\n")
    before, after = frame.before[-_MAX_LINES:], frame.after[:_MAX_LINES]
    lines = textwrap.dedent("\n".join([*map(_one, before), *own, *map(_one, after)])).split("\n")
    if not budget.pays(_MARKUP_OF_CODE):
        return
    around = bool(before or after)
    for n, text in enumerate(lines):
        if not budget.pays(_MARKUP_OF_A_LINE):
            break
        here = around and len(before) <= n < len(before) + len(own)
        shown.code.append(CodeLine(budget.take(text, 300), here))
    if frame.line is not None and len(own) == 1:
        first = frame.line - len(before)
        shown.start = first if first >= 0 else None


def _one(line: str) -> str:
    return line.replace("\n", " ")


def _value(value: Any, frame: Frame) -> Any:
    if value is None:
        return "null"
    nested = frame.expressions and isinstance(value, dict | list)
    return expression(value, _MAX_VARIABLE) if nested else value


def _fill_variables(shown: ShownFrame, budget: ByteBudget) -> None:
    variables: Any = shown.frame.variables
    if variables is None:
        return
    share = budget.share(_VARIABLES_OF_A_FRAME)
    named = set(_NAME.findall(shown.frame.source[:_MAX_NAMED]))
    if isinstance(variables, dict):
        variables = {name: _value(each, shown.frame) for name, each in variables.items()}
        # Variables that the failing line names come first, because they matter most.
        variables = dict(sorted(variables.items(), key=lambda each: each[0] not in named))
    found = pairs(variables, share, most=_MAX_VARIABLE, number=_MAX_VARIABLES)
    shown.variables = [Variable(name, value, name in named) for name, value in found]
