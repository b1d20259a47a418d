"""A clear lists the ids of recent events in its watermark. They are dropped when they are useless.

Each batch and each page reads the watermark, so a busy project would pay for them every time.
"""

from typing import Any

import pytest

from errata.config import settings
from errata.models.ids import floor_id, new_event_id
from errata.models.times import CLEAR_MARGIN_MS, LEFT_TO_EXPIRE_S, STREAM_KEPT_MS
from errata.models.visible import Watermark
from errata.store import clients, watermarks
from errata.usecases import issues, redrive
from tests.integration.test_crashes import cut_everywhere
from tests.support import account, stream
from tests.support.account import Clock, Project
from tests.support.calls import Call, calling_as, recorded, watched
from tests.support.clients import capture, errors, events, ingest, php
from tests.support.visible import visible_in

# When the timer of a clear expires, at the latest, if all clocks agree.
TIMED_OUT_S = (STREAM_KEPT_MS + 2 * CLEAR_MARGIN_MS) / 1000 + 1


def state(project_id: str) -> dict[str, dict[str, Any]]:
    """Return the rows of a project's state, by sort key."""
    return {
        row["sk"]["S"]: row
        for row in account.rows()["EVENTS_TABLE"]
        if row["pk"]["S"] == f"{project_id}#state"
    }


def clear(project: Project) -> None:
    assert php(action="clear", hash=project.key).json["ok"]


def timer_s(project: Project) -> int:
    return int(state(project.id)["recent"]["ttl"]["N"])


@pytest.fixture
def cleared(busy: Project, clock: Clock) -> Project:
    """Return a project that was cleared a second ago, when it had three recent events."""
    for _ in range(3):
        ingest(busy)
    clear(busy)
    stream.cleaned(busy.id)
    clock.advance(1)
    return busy


def test_the_ids_of_a_clear_are_dropped_a_day_later(cleared: Project, clock: Clock) -> None:
    row = state(cleared.id)["clear"]
    assert len(row["recent"]["B"]) == 3 * 16
    clock.advance(TIMED_OUT_S)
    assert timer_s(cleared) * 1000 <= clock.ms
    stream.timed_out(cleared.id)
    del row["recent"]
    assert state(cleared.id) == {"clear": row}
    # The change of the watermark is a record of its own, which does nothing more.
    stream.cleaned(cleared.id)
    assert state(cleared.id) == {"clear": row}
    assert events(cleared) == stream.stored_events() == []


def test_the_row_of_a_large_clear_is_small_after_its_ids_are_dropped(
    busy: Project, clock: Clock
) -> None:
    also = frozenset(new_event_id(clock.ms + n % 1000) for n in range(24_000))
    through = floor_id(clock.ms)
    assert watermarks.move_watermark(busy.id, Watermark(1, through, 0, also), 0)
    assert len(state(busy.id)["clear"]["recent"]["B"]) == 384_000
    clock.advance(TIMED_OUT_S)
    stream.timed_out(busy.id)
    assert len(str(state(busy.id)["clear"])) < 300
    assert watermarks.find_watermark(busy.id) == Watermark(1, through)


def test_a_watermark_lists_as_many_ids_as_a_partition_accepts_in_half_a_minute(
    busy: Project, clock: Clock
) -> None:
    through = floor_id(clock.ms)
    ids = [new_event_id(clock.ms + n % 60_000) for n in range(watermarks.MOST_IDS)]
    assert watermarks.MOST_IDS > 1_000 * CLEAR_MARGIN_MS / 1000
    limit = Watermark(1, through, 0, frozenset(ids))
    assert watermarks.move_watermark(busy.id, limit, 0)
    assert watermarks.find_watermark(busy.id) == limit
    assert len(state(busy.id)["clear"]["recent_short"]["B"]) == 384_000
    clock.advance(TIMED_OUT_S + 60)
    stream.timed_out(busy.id)
    assert watermarks.find_watermark(busy.id) == Watermark(1, through)


def test_a_clear_without_recent_events_needs_no_timer(busy: Project, clock: Clock) -> None:
    ingest(busy)
    clock.advance(60)
    clear(busy)
    assert set(state(busy.id)) == {"clear"}


def test_events_that_were_stored_after_the_clear_are_kept(busy: Project, clock: Clock) -> None:
    # Their ids are lower than those of events that the clear hides.
    late = [stream.event(busy.id, clock.ms - before) for before in (100, 20_000)]
    hidden = [ingest(busy).json["id"] for _ in range(3)]
    clear(busy)
    kept = {*stream.put(late), ingest(busy).json["id"]}
    stream.pump(stream.records())
    stream.cleaned(busy.id)
    clock.advance(TIMED_OUT_S)
    stream.timed_out(busy.id)
    assert {event["id"] for event in events(busy)} == kept
    assert not kept & set(hidden)
    (issue,) = issues.list_issues(visible_in(busy.id))
    assert issue.count == 3
    assert not state(busy.id)["clear"].keys() & {"recent"}


def test_an_event_that_was_cleared_twice_before_digest_got_it_is_not_counted(
    busy: Project, clock: Clock
) -> None:
    ingest(busy)
    batch = stream.records()
    for _ in range(2):
        clock.advance(1)
        clear(busy)
        stream.cleaned(busy.id)
        assert stream.stored_events() == []
    stream.pump(batch)
    assert list(issues.list_issues(visible_in(busy.id))) == []
    clock.advance(CLEAR_MARGIN_MS / 1000)
    clear(busy)
    assert watermarks.find_watermark(busy.id).also == frozenset()


def test_digest_deletes_only_legacy_errors_from_before_the_clear(busy: Project) -> None:
    capture(busy)
    clear(busy)
    assert capture(busy).json["id"] == 2
    stream.pump(stream.records())
    (kept,) = stream.stored_events()
    assert kept["legacy_id"] == {"N": "2"}
    (issue,) = issues.list_issues(visible_in(busy.id))
    assert issue.count == 1


def test_the_ids_are_kept_while_the_stream_can_pass_their_events_to_digest(
    busy: Project, clock: Clock
) -> None:
    # By the clock of the function that made its id, the event came half a minute later.
    ahead = stream.event(busy.id, clock.ms + CLEAR_MARGIN_MS - 1)
    stream.put([ahead])
    clear(busy)
    stream.cleaned(busy.id)
    clock.advance((2 * CLEAR_MARGIN_MS - 1 + STREAM_KEPT_MS) / 1000)
    assert timer_s(busy) > clock.ns / 10**9
    # Somebody deletes the timer too early.
    stream.timed_out(busy.id)
    stream.put([ahead])  # a retry of the call that stored it
    assert stream.deliver(stream.numbered([ahead])) == []
    assert list(issues.list_issues(visible_in(busy.id))) == []
    assert events(busy) == stream.stored_events() == []
    assert state(busy.id)["clear"]["recent"]


def test_a_hidden_event_that_is_left_is_deleted_before_its_id_is_dropped(
    busy: Project, clock: Clock
) -> None:
    ingest(busy)
    (left,) = stream.stored_events()
    clear(busy)
    # Cleanup has failed, or digest has dead-lettered the event.
    clock.advance(TIMED_OUT_S)
    stream.timed_out(busy.id)
    assert events(busy) == stream.stored_events() == []
    assert left["sk"]["S"] not in watermarks.find_watermark(busy.id).also


def test_the_ids_of_a_later_clear_have_their_own_timer(cleared: Project, clock: Clock) -> None:
    first_s = timer_s(cleared)
    clock.advance(STREAM_KEPT_MS / 1000)
    second = ingest(cleared).json["id"]
    clear(cleared)
    assert timer_s(cleared) > first_s + STREAM_KEPT_MS / 1000 - 1
    # The stream still has a record of the first one's timer.
    clock.advance(first_s - clock.ns / 10**9 + 1)
    stream.timed_out(cleared.id)
    assert watermarks.find_watermark(cleared.id).also == {second}
    clock.advance(TIMED_OUT_S)
    stream.timed_out(cleared.id)
    assert watermarks.find_watermark(cleared.id).also == frozenset()
    assert events(cleared) == []


def test_a_clear_during_the_cleanup_of_an_earlier_one_keeps_its_ids(
    cleared: Project, clock: Clock
) -> None:
    clock.advance(TIMED_OUT_S)
    new: list[str] = []

    def watch(call: Call) -> Any:
        if call.operation == "UpdateItem" and not new:
            with calling_as(None):
                new.append(ingest(cleared).json["id"])
                clear(cleared)
        return call.send()

    with watched(watch):
        stream.timed_out(cleared.id)
    assert new
    assert watermarks.find_watermark(cleared.id).generation == 2
    assert watermarks.find_watermark(cleared.id).also == set(new)
    assert events(cleared) == []


def test_an_interrupted_cleanup_is_finished_by_the_next_run(busy: Project, clock: Clock) -> None:
    kept: set[str] = set()
    listed: set[str] = set()

    def fill_and_clear() -> None:
        listed.update(ingest(busy).json["id"] for _ in range(3))
        clear(busy)
        clock.advance(1)
        kept.clear()
        kept.add(ingest(busy).json["id"])
        clock.advance(TIMED_OUT_S)

    fill_and_clear()
    for _ in cut_everywhere(lambda: stream.timed_out(busy.id)):
        assert {event["id"] for event in events(busy)} == kept
        stream.timed_out(busy.id)
        assert watermarks.find_watermark(busy.id).also == frozenset()
        assert not listed & {row["sk"]["S"] for row in stream.stored_events()}
        assert {event["id"] for event in events(busy)} == kept
        fill_and_clear()


def test_an_interrupted_clear_stores_the_ids_with_their_timer_or_neither(busy: Project) -> None:
    def do() -> None:
        php(action="clear", hash=busy.key)

    ingest(busy)
    for _ in cut_everywhere(do):
        assert bool(watermarks.find_watermark(busy.id).also) == ("recent" in state(busy.id))
        clear(busy)
        assert timer_s(busy)
        ingest(busy)


def test_a_redrive_processes_a_dead_lettered_timer(cleared: Project, clock: Clock) -> None:
    clock.advance(TIMED_OUT_S)
    url = settings().cleanup_dead_letter_url
    clients.sqs().send_message(QueueUrl=url, MessageBody="{}")
    (letter,) = redrive.redrive_queue("cleanup")
    assert letter.done
    assert watermarks.find_watermark(cleared.id).also == frozenset()


def test_cleared_errors_stay_hidden_without_the_ids(busy: Project, clock: Clock) -> None:
    capture(busy)
    ingest(busy)
    clear(busy)
    clock.advance(TIMED_OUT_S)
    assert capture(busy).json["id"] == 2
    stream.timed_out(busy.id)
    assert [error["id"] for error in php(action="errors", hash=busy.key).json["errors"]] == [2]
    assert len(events(busy)) == 1


def old(project: Project, clock: Clock, *days: int) -> list[str]:
    """Store an event for each of these numbers of days until it expires. They are no longer recent.

    Also a tally that expires with the last one, and a legacy error that expires after 30 days.
    """
    items = [stream.event(project.id, clock.ms + n, each) for n, each in enumerate(days)]
    stream.put([*items, stream.tally(project.id, clock.ms + 500, days[-1])])
    assert capture(project).status == 200
    clock.advance(60)
    return [item["sk"]["S"] for item in items]


def stored() -> dict[tuple[str, str], dict[str, Any]]:
    """Return the rows of EventsTable by key."""
    return {(row["pk"]["S"], row["sk"]["S"]): row for row in account.rows()["EVENTS_TABLE"]}


def test_events_that_expire_soon_are_hidden_at_once_and_left_to_expire(
    busy: Project, clock: Clock
) -> None:
    old(busy, clock, 30, 30)
    clear(busy)
    before = stored()
    with recorded() as calls:
        stream.cleaned(busy.id)
    assert "BatchWriteItem" not in {call.operation for call in calls}
    assert stored() == before
    assert events(busy) == errors(busy) == []


def test_events_that_are_kept_for_longer_are_deleted(busy: Project, clock: Clock) -> None:
    """Also if cleanup ends between any two of its calls."""
    soon, later = old(busy, clock, 30, 90)
    clear(busy)
    clock.advance(1)
    fresh = ingest(busy).json["id"]
    limit_s = clock.ms // 1000 + LEFT_TO_EXPIRE_S
    begun = stored()
    kept = {
        key: row
        for key, row in begun.items()
        if "ttl" not in row or int(row["ttl"]["N"]) <= limit_s
    }
    assert {soon, fresh} < {sk for _, sk in kept}
    assert len(begun) - len(kept) == 2  # the event and the tally of 90 days
    assert (busy.id, later) not in kept
    for _ in cut_everywhere(lambda: stream.cleaned(busy.id)):
        assert kept.items() <= stored().items()
        stream.cleaned(busy.id)
        assert stored() == kept
        assert [event["id"] for event in events(busy)] == [fresh]
        stream.put(begun.values())
