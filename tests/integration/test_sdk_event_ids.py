"""An event is found by the id that its SDK created."""

import uuid
from typing import Any

from errata.models.ids import new_event_id, now_ms
from errata.store.events import release_hash
from errata.usecases import read_events
from tests.support import sdk, stream
from tests.support.account import Clock, Project, new_project
from tests.support.calls import Call, lagging, recorded, watched
from tests.support.clients import errors, events, ingest, php
from tests.support.visible import visible_in


def own_id(project: Project, sdk_id: str) -> str | None:
    """Return the id of the event that is found by an SDK event id."""
    found = read_events.find(visible_in(project.id), sdk_id)
    return found.id if found else None


def test_prompt_and_late_events_are_found_by_their_sdk_event_id(
    busy: Project, clock: Clock
) -> None:
    prompt = sdk.capture(busy)
    late = sdk.capture(busy, timestamp=clock.ms / 1000 - 3_600)
    unnamed = sdk.post(busy, sdk.envelope(sdk.item("event", {"message": "m"}))).json["id"]
    by_sdk_id = {event["event_id"]: event["id"] for event in events(busy)}
    assert set(by_sdk_id) == {prompt, late, unnamed}
    for sdk_id, event_id in by_sdk_id.items():
        for form in (sdk_id, sdk_id.upper(), str(uuid.UUID(sdk_id)), f" {sdk_id} "):
            assert own_id(busy, form) == event_id
    assert own_id(new_project(), prompt) is None


def test_an_event_is_found_by_errata_s_own_id_in_every_form(busy: Project) -> None:
    event_id = ingest(busy).json["id"]
    for form in (event_id, event_id.upper(), event_id.replace("-", "")):
        assert own_id(busy, form) == event_id
    for other in ("", "x", event_id[:-1], new_event_id(now_ms()), "0" * 32):
        assert own_id(busy, other) is None


def test_the_newest_of_two_events_with_one_sdk_event_id_is_found(
    busy: Project, clock: Clock
) -> None:
    sdk_id = uuid.uuid4().hex
    first, second = stream.put(
        stream.event(busy.id, clock.ms - 10_000 * n, event_id=sdk_id) for n in (2, 1)
    )
    assert own_id(busy, sdk_id) == max(first, second) == second


def test_cleared_and_expired_events_are_not_found(busy: Project, clock: Clock) -> None:
    cleared = sdk.capture(busy)
    clock.advance(60)
    php(action="clear", hash=busy.key)
    assert own_id(busy, cleared) is None
    assert errors(busy) == []
    expired = sdk.capture(busy)
    assert own_id(busy, expired)
    clock.days(31)
    assert own_id(busy, expired) is None


def test_a_recent_event_is_found_while_the_index_lags(busy: Project, clock: Clock) -> None:
    for _ in range(3):
        sdk.capture(busy)
    wanted = sdk.capture(busy)
    visible = visible_in(busy.id)
    with lagging(), recorded() as calls:
        assert read_events.find(visible, wanted)
    assert [call.operation for call in calls] == ["Query", "Query"]
    clock.advance(301)
    with lagging():
        assert own_id(busy, wanted) is None  # an index that lags by five minutes is broken


def test_a_look_up_takes_few_calls_and_reads_one_megabyte_at_most(
    busy: Project, clock: Clock
) -> None:
    noise = "".join(uuid.uuid4().hex for _ in range(20_000))
    stream.put(stream.event(busy.id, clock.ms - n, stack_trace=noise) for n in range(6))
    wanted = sdk.capture(busy)
    read: list[int] = []

    def watch(call: Call) -> Any:
        response = call.send()
        read.append(response.get("ScannedCount", 0))
        return response

    visible = visible_in(busy.id)
    with watched(watch):
        assert read_events.find(visible, wanted)
        assert read == [1, 0]  # one row of the index, the event
        read.clear()
        assert read_events.find(visible, "0" * 32) is None
    assert read[0] == 0
    assert 1 < read[1] < 5  # of seven rows, 0.3 MB each
    assert len(read) == 2


def test_an_sdk_may_use_uuids_of_version_7(busy: Project) -> None:
    mine = new_event_id(now_ms() - 5_000)
    sent = sdk.event(event_id=mine.replace("-", ""))
    assert sdk.post(busy, sdk.of_event(sent)).status == 200
    (event,) = events(busy)
    assert own_id(busy, mine) == event["id"] != mine


def test_events_of_release_0_1_0_are_found_only_by_their_own_id(
    busy: Project, clock: Clock
) -> None:
    sdk_id = uuid.uuid4().hex
    old = stream.event(busy.id, clock.ms, event_id=sdk_id, release="1.0")
    old["release"] = {"S": f"{busy.id}#{release_hash('1.0')}"}
    (event_id,) = stream.put([old])
    assert own_id(busy, sdk_id) is None
    assert own_id(busy, event_id) == event_id
    assert [event["id"] for event in events(busy, release="1.0")] == [event_id]
