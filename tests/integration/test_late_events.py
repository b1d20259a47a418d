"""A late event is stored once, even if its writers are interrupted or run at the same time."""

from typing import Any

import pytest

from errata.store import late_events
from errata.usecases import sentry
from tests.integration.test_crashes import cut_everywhere
from tests.support import account, sdk, stream
from tests.support.account import Clock, Project
from tests.support.calls import Call, calling_as, recorded, watched
from tests.support.clients import events

LATE_S = 11.0


def late(clock: Clock) -> bytes:
    """Return an event that happened a bit more than ten seconds ago."""
    return sdk.of_event(sdk.event(timestamp=clock.ms / 1000 - LATE_S))


def send(project: Project, body: bytes) -> None:
    """Send an event to another execution environment."""
    sentry.clear_cache()
    assert sdk.post(project, body).status == 200


def markers() -> list[dict[str, Any]]:
    return [row for row in account.rows()["EVENTS_TABLE"] if "event" in row]


@pytest.mark.parametrize("after_s", [0, 3_600], ids=["at once", "an hour later"])
def test_a_copy_completes_an_interrupted_late_event(
    busy: Project, clock: Clock, after_s: int
) -> None:
    bodies = [late(clock)]
    for _ in cut_everywhere(lambda: send(busy, bodies[-1])):
        clock.advance(after_s)
        send(busy, bodies[-1])
        send(busy, bodies[-1])
        assert len(events(busy)) == len(bodies)
        bodies.append(late(clock))
    assert len(bodies) > 3


def test_a_copy_that_counts_as_prompt_completes_an_interrupted_late_event(
    busy: Project, clock: Clock
) -> None:
    bodies = [late(clock)]
    for _ in cut_everywhere(lambda: send(busy, bodies[-1])):
        clock.advance(-2)  # another function's clock
        send(busy, bodies[-1])
        clock.advance(2)
        send(busy, bodies[-1])
        assert len(events(busy)) == len(bodies)
        bodies.append(late(clock))


@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_event_is_stored_once_if_a_copy_is_stored_during_a_slow_write(
    busy: Project, clock: Clock, number: int
) -> None:
    """A slow writer goes on before its call `number`, after a copy was stored."""
    body, made = late(clock), 0
    send(busy, late(clock))  # the key is looked up

    def watch(call: Call) -> Any:
        nonlocal made
        made += call.operation == "PutItem"
        if made == number and call.operation == "PutItem":
            made += 10
            with calling_as(None):
                send(busy, body)
        return call.send()

    with watched(watch):
        send(busy, body)
    assert made > 10
    assert len(events(busy)) == 2
    send(busy, body)
    assert len(events(busy)) == 2


def test_only_one_of_two_copies_that_continue_an_interrupted_write_is_stored(
    busy: Project, clock: Clock
) -> None:
    body = late(clock)
    for _ in cut_everywhere(lambda: send(busy, body)):
        if markers():
            break
    assert stream.stored_events() == []
    met = False

    def watch(call: Call) -> Any:
        nonlocal met
        if call.operation == "TransactWriteItems" and not met:
            met = True
            with calling_as(None):
                send(busy, body)
        return call.send()

    with watched(watch):
        send(busy, body)
    assert met
    assert len(events(busy)) == 1


def test_the_dedup_marker_of_a_stored_late_event_is_not_open(busy: Project, clock: Clock) -> None:
    body = late(clock)
    send(busy, body)
    (marker,) = markers()
    assert "open" not in marker
    with recorded() as calls:
        send(busy, body)
    assert [call.operation for call in calls if call.operation != "GetItem"] == ["PutItem"]
    assert len(stream.stored_events()) == 1


def test_a_repeated_write_of_the_same_event_succeeds(busy: Project, clock: Clock) -> None:
    """The first response is lost, and the client sends the marker again."""
    item = stream.event(busy.id, clock.ms)
    opened = {"pk": item["pk"], "sk": {"S": "m"}, "event": item["sk"], "ttl": item["ttl"]}
    stream.put([opened | {"open": {"BOOL": True}}])
    assert late_events.put_with_marker(item, "m")
    assert not late_events.put_with_marker(stream.event(busy.id, clock.ms), "m")
    assert [row["sk"] for row in stream.stored_events()] == [item["sk"]]
