"""Which lines of a log stream belong together: those of one invocation of a Lambda function.

An execution environment has one log stream and handles one request after the other. So an
invocation's lines are those from its START on. Several lines may report one failure: the runtime
logs the exception, then Lambda says that the process has exited, then it reports the timeout or the
memory. One of them stands for the failure.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from errata.logs import failure
from errata.logs.batch import LogLine
from errata.logs.failure import Failure, ReadLine
from errata.logs.platform import PlatformLine

# Lambda invokes a function again a minute after it failed, with the same request id.
WITHIN_MS = 60_000
MAX_BREADCRUMBS = 30


class LoggedLine(NamedTuple):
    """A line of a log stream, without the id: when it was logged, and its text."""

    at_ms: int
    text: str


@dataclass(slots=True)
class _Invocation:
    """An invocation, or what comes before the first one (`request_id` is "").

    `before` are the last lines so far. `times` has the timestamps of the lines that may stand for
    others, by what they stand for (`_stands_for`): a program without invocations logs thousands of
    lines.
    """

    request_id: str = ""
    version: str = ""
    cold_start: bool | None = None
    report: PlatformLine | None = None
    before: deque[LoggedLine] = field(default_factory=lambda: deque(maxlen=MAX_BREADCRUMBS))
    times: dict[tuple[str, ...], list[int]] = field(default_factory=dict)


@dataclass(slots=True)
class _Entry:
    """A line and its invocation. If it reports a failure, `before` has the lines before it."""

    line: LoggedLine
    read: ReadLine
    of: _Invocation
    before: tuple[LoggedLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Captured:
    """A failure that becomes an event.

    `before` are the lines of the invocation before it, oldest first. `report` is Lambda's report of
    the invocation, if it is known. `cold_start` is None if unknown.
    """

    line: LogLine
    failure: Failure
    request_id: str = ""
    version: str = ""
    cold_start: bool | None = None
    report: PlatformLine | None = None
    before: tuple[LoggedLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """The failures of a batch. `repeated` counts lines that repeat another line's failure."""

    captured: tuple[Captured, ...]
    repeated: int = 0


def has_failure(lines: Sequence[LogLine]) -> bool:
    """Return whether a line may become an event."""
    return any(failure.read(line.text).failure for line in lines)


def find(lines: Sequence[LogLine], around: Sequence[LoggedLine] = ()) -> Found:
    """Return the failures that the lines of a batch report, each once.

    `around` are all lines of the stream at that time, if they could be read: a batch has only those
    that match the subscription's pattern.
    """
    entries = _entries(lines, around)
    by_line = {entry.line: entry for entry in entries}
    captured, repeated = [], 0
    for line in lines:
        entry = by_line[LoggedLine(line.at_ms, line.text)]
        reported = entry.read.failure
        if reported is None:
            continue
        if _is_reported_by_another_line(reported, line.at_ms, entry.of.times):
            repeated += 1
            continue
        captured.append(_captured(line, reported, entry))
    return Found(tuple(captured), repeated)


def _entries(lines: Sequence[LogLine], around: Sequence[LoggedLine]) -> list[_Entry]:
    """Return the lines in their order, with the invocations that they belong to."""
    known = set(around)
    batch = [LoggedLine(line.at_ms, line.text) for line in lines]
    missing = [line for line in batch if line not in known]
    # Sorting keeps the order of lines of the same millisecond.
    timeline = sorted([*around, *missing], key=lambda line: line.at_ms)
    entries: list[_Entry] = []
    current = _Invocation()
    by_id: dict[str, _Invocation] = {}
    began = False  # an execution environment has begun since the last invocation
    for line in timeline:
        read = failure.read(line.text)
        platform = read.platform
        if platform and platform.kind in ("init_start", "init_report", "init_done"):
            began = True
        if platform and platform.kind == "start":
            known_cold = True if began else (False if current.report else None)
            current = _Invocation(platform.request_id, platform.version, known_cold)
            by_id[platform.request_id] = current
            began = False
        of = _owner(read, current, by_id)
        if platform and platform.kind == "report":
            of.report = platform
            # Lambda reports the duration of a cold start.
            of.cold_start = bool(of.cold_start) or platform.init_ms is not None
            if of is current:
                # What follows, up to the next START, is not of this invocation.
                current = _Invocation(report=platform)
        entries.append(_Entry(line, read, of, tuple(of.before) if read.failure else ()))
        if platform is None:
            of.before.append(line)
        for key in _stands_for(read.failure) if read.failure else ():
            of.times.setdefault(key, []).append(line.at_ms)
    return entries


def _owner(read: ReadLine, current: _Invocation, by_id: dict[str, _Invocation]) -> _Invocation:
    """Return the invocation of a line: of the request that it names, or else the current one."""
    named = read.failure.request_id if read.failure else ""
    if read.platform and read.platform.request_id:
        named = read.platform.request_id
    if not named:
        return current
    if named not in by_id:
        # Its START is not among the lines.
        by_id[named] = current if not current.request_id and not current.report else _Invocation()
        by_id[named].request_id = named
    return by_id[named]


# What a line may stand for: any end of the process, a failure that Lambda reports, an exception.
_DEATH, _OF_LAMBDA, _SAME = "death", "lambda", "same"


def _stands_for(reported: Failure) -> list[tuple[str, ...]]:
    """Return what a line that reports a failure may stand for.

    See `_is_reported_by_another_line`.
    """
    if reported.handled:
        return []
    same = (_SAME, reported.kind, reported.value)
    if not reported.by_lambda:
        return [same, (_DEATH,)]
    return [same] if reported.report else [same, (_OF_LAMBDA, reported.kind)]


def _is_reported_by_another_line(
    reported: Failure, at_ms: int, times: dict[tuple[str, ...], list[int]]
) -> bool:
    """Return whether another line of the invocation stands for this failure at `at_ms`."""
    if reported.handled:
        # If the program logs an exception and raises it again, the runtime reports it, too.
        return _has_near(times.get((_SAME, reported.kind, reported.value), []), at_ms)
    if not reported.by_lambda:
        return False
    # The process exits after the runtime has logged the exception.
    died = reported.kind not in (failure.TIMED_OUT, failure.OUT_OF_MEMORY, failure.INIT_TIMED_OUT)
    if died and _has_near(times.get((_DEATH,), []), at_ms, before=True):
        return True
    of_lambda = times.get((_OF_LAMBDA, reported.kind), [])
    return reported.report is not None and _has_near(of_lambda, at_ms)


def _has_near(times: Sequence[int], at_ms: int, *, before: bool = False) -> bool:
    """Return whether one of these times is near `at_ms`; with `before`, only an earlier one.

    The times are in order.
    """
    after = bisect_right(times, at_ms)
    near = times[after - 1 : after] if before else times[max(0, after - 1) : after + 1]
    return any(abs(each - at_ms) < WITHIN_MS for each in near)


def _captured(line: LogLine, reported: Failure, entry: _Entry) -> Captured:
    of = entry.of
    return Captured(
        line,
        reported,
        reported.request_id or of.request_id,
        of.version,
        of.cold_start,
        of.report if of.request_id else reported.report,
        entry.before,
    )
