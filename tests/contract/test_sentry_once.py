"""The SDK endpoint: one event for one id."""

from collections.abc import Callable
from typing import Any

import pytest

from errata.models.ids import DAY_MS, floor_id, minted_ms, now_ms
from errata.models.times import CLEAR_MARGIN_MS
from errata.store.events import put_new
from errata.usecases.clear_project import clear
from tests.support import stream
from tests.support.account import Clock, Project, new_project, rows
from tests.support.calls import Call, failing, recorded, throttled, watched
from tests.support.clients import events, only, read
from tests.support.fresh import clear_cache
from tests.support.sdk import capture, envelope, event, item, of_event, post


def test_an_event_that_is_sent_again_is_stored_once(busy: Project) -> None:
    body = of_event(event())
    for _ in range(3):
        clear_cache()  # each time another execution environment
        assert post(busy, body).status == 200
    assert len(events(busy)) == 1


@pytest.mark.parametrize("late_s", [11, 3_600, -3_600, 86_400 * 400])
def test_a_late_event_that_is_sent_again_is_stored_once(
    busy: Project, clock: Clock, late_s: int
) -> None:
    sent = event(timestamp=clock.ms / 1000 - late_s)
    for _ in range(3):
        clear_cache()
        assert post(busy, of_event(sent)).status == 200
        clock.advance(40)
    (kept,) = events(busy)
    assert kept["event_id"] == sent["event_id"]


@pytest.mark.parametrize("timestamp", [None, "noon"])
def test_an_event_without_a_timestamp_that_is_sent_again_is_stored_once(
    busy: Project, timestamp: Any
) -> None:
    body = of_event(event(timestamp=timestamp))
    for _ in range(2):
        clear_cache()
        assert post(busy, body).status == 200
    assert len(events(busy)) == 1


@pytest.mark.parametrize("waits", [(0, 8, 12, 300), (12, 0)])
def test_an_event_that_is_sent_promptly_and_again_late_is_stored_once(
    busy: Project, clock: Clock, waits: tuple[int, ...]
) -> None:
    body = of_event(event())
    for wait in waits:
        clear_cache()
        clock.advance(wait)
        assert post(busy, body).status == 200
    assert len(events(busy)) == 1
    counted = stream.deliver(stream.records())
    assert counted == []


@pytest.mark.parametrize("ahead_s", [3_600, 2 * 86_400, 100 * 365 * 86_400])
def test_events_from_the_future_are_stored_once_and_do_not_hinder_a_clear(
    busy: Project, ahead_s: int
) -> None:
    sent = event(timestamp=now_ms() / 1000 + ahead_s)
    for _ in range(2):
        clear_cache()
        assert post(busy, of_event(sent)).status == 200
    assert len(events(busy)) == 1
    with recorded() as seen:
        assert clear(busy.id) == 0
    asked = next(each.parameters for each in seen if each.operation == "Query")
    low, high = (asked["ExpressionAttributeValues"][name]["S"] for name in (":low", ":high"))
    assert minted_ms(low) <= now_ms() <= minted_ms(high) <= now_ms() + CLEAR_MARGIN_MS
    setting, far = "EVENTS_TABLE", floor_id(now_ms() + DAY_MS)
    keys = [each["sk"]["S"] for each in rows()[setting] if each["pk"]["S"] == busy.id]
    assert all(key <= far for key in keys)


def test_a_process_recognizes_an_event_that_it_has_just_stored(busy: Project) -> None:
    sent = event()
    post(busy, of_event(sent))
    with recorded() as seen:
        again = post(busy, of_event({**sent, "timestamp": sent["timestamp"] - 1}))
    assert again.json == {"id": sent["event_id"]}
    assert seen == []
    assert len(events(busy)) == 1


def test_the_id_of_the_envelope_wins(busy: Project) -> None:
    inner = event(event_id="1" * 32)
    response = post(busy, envelope(item("event", inner), event_id="2" * 32))
    assert response.json == {"id": "2" * 32}
    assert only(busy)["event_id"] == "2" * 32
    dashed = envelope(item("event", event(event_id="")), event_id="3" * 8 + "-" + "3" * 24)
    assert post(busy, dashed).json == {"id": "3" * 32}


def test_events_without_ids_are_stored_separately(busy: Project) -> None:
    for _ in range(2):
        response = post(busy, envelope(item("event", {"message": "a"})))
        assert len(response.json["id"]) == 32
    assert len(events(busy)) == 2


def test_the_same_id_in_two_projects_is_two_events(busy: Project) -> None:
    other, body = new_project(metered=True), of_event(event())
    assert post(busy, body).status == 200
    assert post(other, body).status == 200
    assert [len(events(each)) for each in (busy, other)] == [1, 1]


@pytest.mark.parametrize(("error", "status"), [(failing, 503), (throttled, 429)])
def test_an_event_that_the_store_refused_can_be_sent_again(
    busy: Project, clock: Clock, error: Callable[[Call], BaseException], status: int
) -> None:
    body = of_event(event())

    def fails(each: Call) -> Any:
        if each.operation == "PutItem":
            raise error(each)
        return each.send()

    with watched(fails):
        response = post(busy, body)
    assert (response.status, response.headers["Retry-After"]) == (status, "1")
    clock.advance(1)
    assert post(busy, body).status == 200
    assert len(events(busy)) == 1


def test_dedup_markers_are_not_listed_as_events(busy: Project, clock: Clock) -> None:
    sent = event(timestamp=clock.ms / 1000 - 3_600)
    post(busy, of_event(sent))
    (kept,) = events(busy)
    assert kept["received_at"] > kept["timestamp"]
    markers = [each for each in read(busy, limit=100).json["data"] if "event_id" not in each]
    assert markers == []
    assert not put_new({"pk": {"S": busy.id}, "sk": {"S": kept["id"]}})


def test_an_event_takes_one_call_and_a_late_one_three(busy: Project, clock: Clock) -> None:
    capture(busy)  # the key is looked up
    with recorded() as seen:
        capture(busy)
        capture(busy, timestamp=clock.ms / 1000 - 3_600)
    assert [each.operation for each in seen] == ["PutItem"] * 4
