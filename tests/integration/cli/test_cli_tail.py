"""`errata tail`."""

import json
import os
import sys
import time
from collections.abc import Callable

import pytest

from errata.cli.app import app
from errata.models.event import Stored
from errata.models.ids import now_ms
from errata.usecases import legacy, projects
from errata.usecases.tail import Tail
from tests.support import clients, stream
from tests.support.account import Clock, Project
from tests.support.cli import done, run

pytestmark = pytest.mark.usefixtures("deployed")


def store(project: Project, message: str, ago_ms: int = 0) -> str:
    """Store an event whose id was created `ago_ms` ago, as a slow writer does."""
    (event_id,) = stream.put([stream.event(project.id, now_ms() - ago_ms, message=message)])
    return event_id


def following(project_id: str) -> Tail:
    return Tail(projects.operator_access(projects.find(project_id)))


def messages(found: list[Stored]) -> list[str]:
    return [event.fields["message"] for event in found]


# ------------------------------------------------------------------ what is new


def test_tail_begins_with_the_last_events(busy: Project, clock: Clock) -> None:
    for number in range(5):
        store(busy, str(number))
        clock.advance(60)
    assert messages(following(busy.id).start(3)) == ["2", "3", "4"]
    assert messages(following(busy.id).start(100)) == ["0", "1", "2", "3", "4"]
    assert messages(following(busy.id).start(0)) == []


def test_each_new_event_is_returned_once(busy: Project, clock: Clock) -> None:
    store(busy, "before")
    tail = following(busy.id)
    tail.start(0)
    assert tail.look() == []
    for turn in range(3):
        for number in range(2):
            store(busy, f"{turn}.{number}")
            clock.advance(0.5)
        assert messages(tail.look()) == [f"{turn}.0", f"{turn}.1"]
        assert tail.look() == []
        clock.advance(20)


def test_an_event_that_was_stored_late_is_not_missed(busy: Project, clock: Clock) -> None:
    store(busy, "before", ago_ms=20_000)
    tail = following(busy.id)
    assert messages(tail.start(10)) == ["before"]
    store(busy, "new")
    assert messages(tail.look()) == ["new"]
    store(busy, "late", ago_ms=29_000)
    store(busy, "newer")
    assert messages(tail.look()) == ["late", "newer"]
    clock.advance(25)
    store(busy, "late again", ago_ms=24_900)
    assert messages(tail.look()) == ["late again"]
    assert tail.look() == []


def test_the_first_event_of_a_project_is_returned(project: Project) -> None:
    tail = following(project.id)
    assert tail.start(10) == []
    assert tail.look() == []
    store(project, "first")
    assert messages(tail.look()) == ["first"]
    assert tail.look() == []


def test_a_wrong_clock_of_this_machine_does_not_matter(busy: Project, clock: Clock) -> None:
    store(busy, "before", ago_ms=1000)
    real = clock.ns
    for ahead_s in (-3600, 3600):
        clock.ns = real
        tail = following(busy.id)
        clock.advance(ahead_s)
        tail.start(0)
        clock.ns = real
        store(busy, "new")
        clock.advance(ahead_s)
        assert messages(tail.look()) == ["new"]


def test_cleared_events_are_not_shown(busy: Project, clock: Clock) -> None:
    tail = following(busy.id)
    tail.start(0)
    clients.capture(busy, message="cleared")
    clients.php(action="clear", hash=busy.key)
    clients.capture(busy, message="kept")
    assert messages(tail.look()) == ["kept"]
    assert messages(following(busy.id).start(10)) == ["kept"]
    assert legacy.errors(busy.key, 0, "").count('"id":') == 1


def test_expired_events_are_not_shown(busy: Project, clock: Clock) -> None:
    store(busy, "old")
    clock.days(31)
    assert following(busy.id).start(10) == []


def test_more_events_than_one_request_takes_are_all_returned(busy: Project) -> None:
    tail = following(busy.id)
    tail.start(0)
    ids = sorted(store(busy, "boom") for _ in range(120))
    assert [event.id for event in tail.look()] == ids
    assert tail.look() == []


# ------------------------------------------------------------------ the command


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Callable[..., None]:
    """Set what happens in each pause between looks. Ctrl-C follows the last one."""

    def set_(*steps: Callable[[], object]) -> None:
        remaining = list(steps)

        def sleep(seconds: float) -> None:
            assert seconds == 2
            clock.advance(seconds)
            if not remaining:
                raise KeyboardInterrupt
            remaining.pop(0)()

        monkeypatch.setattr(time, "sleep", sleep)

    return set_


def test_each_event_is_printed_on_one_line_until_ctrl_c(
    busy: Project, pauses: Callable[..., None]
) -> None:
    clients.ingest(busy, {"message": "before"})
    fields = {
        "message": "boom\nmore",
        "exception_class": "E",
        "file": "a.py",
        "line": 3,
        "environment": "prod",
        "release": "1.0",
    }
    pauses(lambda: clients.ingest(busy, fields), lambda: None)
    before, new = done("tail", busy.id).out.splitlines()
    assert before.split()[2:] == ["error", "before"]
    assert new.split()[2:] == ["error", "E:", "boom", "a.py:3", "prod", "1.0"]


def test_events_are_printed_as_json_lines(busy: Project, pauses: Callable[..., None]) -> None:
    clients.ingest(busy, {"message": "a\x7f\u2028b"})
    pauses(lambda: clients.ingest(busy, {"message": "new"}))
    output = done("tail", busy.id, "--json").out
    assert output.isascii()
    assert "\x7f" not in output
    lines = [json.loads(line) for line in output.splitlines()]
    assert lines == list(reversed(clients.read(busy).json["data"]))


def test_the_option_last_sets_how_many_events_are_shown_first(
    busy: Project, pauses: Callable[..., None]
) -> None:
    for number in range(12):
        clients.ingest(busy, {"message": f"m{number}"})
    for options, count in (((), 10), (("--last", "3"), 3), (("--last", "0"), 0)):
        pauses()
        assert len(done("tail", busy.id, *options).out.splitlines()) == count
    assert run("tail", busy.id, "--last", "101").code == 2


def test_control_characters_in_a_line_do_not_reach_the_terminal(
    busy: Project, pauses: Callable[..., None]
) -> None:
    evil = "\x1b[2J[red]\u2028\x9b\r"
    clients.ingest(busy, dict.fromkeys(("message", "file", "environment", "release"), evil))
    pauses()
    (line,) = done("tail", busy.id).out.splitlines()
    assert r"\x1b[2J[red]\u2028\x9b" in line
    assert line.isprintable()


def test_a_closed_pipe_ends_tail_without_an_error(
    busy: Project, pauses: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = os.pipe()

    def hang_up() -> None:
        os.close(reading)
        clients.ingest(busy, {"message": "unread"})

    pauses(hang_up, lambda: pytest.fail("it goes on"))
    with os.fdopen(writing, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        with pytest.raises(SystemExit) as ended:
            app(["tail", busy.id])
    assert ended.value.code == 0
