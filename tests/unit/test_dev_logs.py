"""Following log lines, each once."""

from pathlib import Path
from typing import Any

import pytest

from dev.logs import OVERLAP_MS, LogTail, OwnLog, short_name


def event(stream: str, time: int, message: str) -> dict[str, Any]:
    return {"logStreamName": stream, "timestamp": time, "message": message}


def test_lambdas_own_lines_are_left_out() -> None:
    events = [
        event("s", 1, "START RequestId: 1 Version: $LATEST"),
        event("s", 1, "hello"),
        event("s", 1, "END RequestId: 1"),
        event("s", 1, "REPORT RequestId: 1\tDuration: 3 ms"),
    ]

    assert list(LogTail("group", 0).new(events)) == [(1, "hello")]


def test_a_line_is_read_once_and_a_late_one_is_not_missed() -> None:
    tail = LogTail("group", 0)
    assert list(tail.new([event("a", 5000, "first")])) == [(5000, "first")]

    late = event("b", 4900, "late")
    assert list(tail.new([late, event("a", 5000, "first")])) == [(4900, "late")]
    assert list(tail.new([late, event("a", 5000, "first")])) == []


def test_every_line_of_an_invocation_is_read() -> None:
    events = [event("a", 1, "one"), event("a", 1, "two")]

    assert [line for _, line in LogTail("group", 0).new(events)] == ["one", "two"]


def test_a_line_before_the_overlap_is_read_again() -> None:
    tail = LogTail("group", 0)
    list(tail.new([event("old", 1, "x")]))
    list(tail.new([event("new", 2 + OVERLAP_MS, "y")]))

    assert list(tail.new([event("old", 1, "x")])) == [(1, "x")]


def test_ministack_s_errors_are_shown_without_tracebacks(tmp_path: Path) -> None:
    log = tmp_path / "ministack.log"
    log.write_text("2026-01-01 00:00:00 ERROR [x] before\n")
    own = OwnLog(log)
    with log.open("a") as file:
        file.write("2026-01-01 00:00:01 ERROR [lambda] No module named 'x'\nTraceback ...\n")
        file.write("2026-01-01 00:00:01 INFO [lambda] spawned\n2026-01-01 00:00:02 ERR")

    assert own.read() == ["2026-01-01 00:00:01 ERROR [lambda] No module named 'x'"]
    with log.open("a") as file:
        file.write("OR [lambda] rest\n")
    assert own.read() == ["2026-01-01 00:00:02 ERROR [lambda] rest"]


@pytest.mark.parametrize(
    ("logical_id", "name"),
    [("IngestFunction", "ingest"), ("ReadEventsFunction", "read_events")],
)
def test_functions_are_named_like_their_folders(logical_id: str, name: str) -> None:
    assert short_name(logical_id) == name
