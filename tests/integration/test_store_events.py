"""The access patterns of EventsTable, on every emulator (see tests/support/account.py)."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from errata.errors import CounterMovedError
from errata.models.event import IdempotencyRecord
from errata.models.ids import floor_id, minted_ms, new_event_id
from errata.models.visible import Watermark
from errata.store import event_queries, events, idempotency, legacy, watermarks
from tests.support import stream
from tests.support.visible import visible_at

START_MS = 1_795_341_600_000
NOW_S = START_MS // 1000
_projects = count(100)


@pytest.fixture
def project_id() -> str:
    return str(next(_projects))


def stored(project_id: str, number: int, **fields: Any) -> list[str]:
    """Store events a second apart. Return their ids."""
    return stream.put(
        stream.event(project_id, START_MS + 1_000 * n, **fields) for n in range(number)
    )


def ids(found: Any) -> list[str]:
    return [event.id for event in found]


def numbered(project_id: str, number: int, at_ms: int = START_MS, **fields: Any) -> str:
    """Store a legacy error under this number. Return its id."""
    item = stream.event(project_id, at_ms, **fields)
    legacy.put_legacy(item, number, 30)
    event_id: str = item["sk"]["S"]
    return event_id


def test_an_event_is_read_as_it_was_stored(project_id: str) -> None:
    item = stream.event(project_id, START_MS, release="1.0", context={"a": [1, None, "é\x00"]})
    events.put(item)
    (event,) = event_queries.by_ids(project_id, [item["sk"]["S"]])
    assert (event.project_id, event.id) == (project_id, item["sk"]["S"])
    assert event.issue_id == item["issue"]["S"].rpartition("#")[2]
    assert event.expires_at == NOW_S + 30 * 86_400
    assert event.fields["context"] == {"a": [1, None, "é\x00"]}
    assert event.legacy_id is None


def test_events_are_read_newest_first_between_two_ids(project_id: str) -> None:
    sent = stored(project_id, 7)
    stored(f"{project_id}9", 3)
    everything = (floor_id(0), floor_id(2**47))
    for page in (1, 2, 100):
        assert flat(event_queries.newest_first(project_id, *everything, page)) == sent[::-1]
        # The lower bound is in, the upper one is not.
        assert flat(event_queries.newest_first(project_id, sent[2], sent[5], page)) == sent[4:1:-1]
    assert (
        flat(event_queries.newest_first(project_id, floor_id(START_MS + 6_001), everything[1], 9))
        == []
    )


def flat(pages: Iterator[event_queries.EventPage]) -> list[str]:
    return [event.id for page in pages for event in page.events]


def test_events_of_an_issue_are_found_in_the_table_and_in_its_index(project_id: str) -> None:
    mine = stored(project_id, 5, fingerprint="f")
    stored(project_id, 3, fingerprint="g")
    stored(f"{project_id}9", 2, fingerprint="f")
    (event,) = event_queries.by_ids(project_id, mine[:1])
    for low, high, expected in [
        (floor_id(0), "g", mine[::-1]),
        (mine[1], mine[3], mine[2:0:-1]),
    ]:
        issue_id = event.issue_id
        found = event_queries.newest_first(project_id, low, high, None, issue_id)
        assert flat(found) == expected
        for page in (1, 2, 5, 9):
            of_issue = event_queries.newest_first_of_issue(project_id, issue_id, low, high, page)
            assert flat(of_issue) == expected


def test_a_page_says_where_the_next_page_starts(project_id: str) -> None:
    sent = stored(project_id, 5)
    pages = list(event_queries.newest_first(project_id, floor_id(0), sent[4], 3))
    assert [page.stopped for page in pages] == [sent[1], None]
    assert flat(event_queries.newest_first(project_id, floor_id(0), sent[1], 3)) == sent[:1]


# ------------------------------------------------------------------ SDK event ids

SDK_ID = "fc6d8c0c43fc4630ad850ee518f1b9d0"


def test_events_are_found_by_sdk_event_id_in_the_table_and_in_an_index(project_id: str) -> None:
    stored(project_id, 2)
    mine = stored(project_id, 3, event_id=SDK_ID)
    stored(f"{project_id}9", 1, event_id=SDK_ID)
    stored(project_id, 2, event_id=SDK_ID[::-1])
    for low, expected in [(floor_id(0), mine[::-1]), (mine[1], mine[:0:-1])]:
        assert event_queries.ids_of_sdk_event(project_id, SDK_ID, low, 9) == expected
        assert ids(event_queries.recent_of_sdk_event(project_id, SDK_ID, low)) == expected
    assert event_queries.ids_of_sdk_event(project_id, SDK_ID, floor_id(0), 1) == mine[2:]


def test_only_events_of_sdks_are_in_the_second_index(project_id: str) -> None:
    plain = stream.event(project_id, START_MS, release="1.0")
    assert "release" not in plain
    of_sdk = stream.event(project_id, START_MS, release="1.0", event_id=SDK_ID)
    assert of_sdk["release"] == {"S": f"{project_id}#sdk#{SDK_ID}"}


def test_events_are_found_by_id_in_the_requested_order(project_id: str) -> None:
    sent = stored(project_id, 130)
    wanted = [*sent[::-1], floor_id(1)]
    assert ids(event_queries.by_ids(project_id, wanted)) == sent[::-1]
    assert event_queries.by_ids(f"{project_id}9", sent[:1]) == []
    assert event_queries.by_ids(project_id, []) == []


# ------------------------------------------------------------------ idempotency, legacy numbers


def idempotency_put(project_id: str, event_id: str, at_ms: int = START_MS) -> Any:
    record = IdempotencyRecord(event_id, b"hash of " + event_id.encode())
    return idempotency.record_put(project_id, "key", record, at_ms)


def test_an_event_and_its_idempotency_record_are_stored_together_or_not_at_all(
    project_id: str,
) -> None:
    first, second = (stream.event(project_id, START_MS + n) for n in (0, 1))
    first_id, second_id = first["sk"]["S"], second["sk"]["S"]
    assert events.put_once(first, idempotency_put(project_id, first_id)) is None
    before = events.put_once(second, idempotency_put(project_id, second_id, START_MS + 1))
    assert before == IdempotencyRecord(first_id, b"hash of " + first_id.encode())
    assert ids(event_queries.by_ids(project_id, [first_id, second_id])) == [first_id]
    found = idempotency.find_record(project_id, "key", START_MS + 1)
    assert found == before


def test_an_idempotency_record_expires_after_a_day_although_its_row_is_still_stored(
    project_id: str,
) -> None:
    first, second = (stream.event(project_id, START_MS + n) for n in (0, 1))
    events.put_once(first, idempotency_put(project_id, first["sk"]["S"]))
    last_ms = START_MS + idempotency.KEPT_MS - 1
    assert idempotency.find_record(project_id, "key", last_ms)
    assert idempotency.find_record(project_id, "key", last_ms + 1) is None
    assert events.put_once(second, idempotency_put(project_id, second["sk"]["S"], last_ms))
    assert (
        events.put_once(second, idempotency_put(project_id, second["sk"]["S"], last_ms + 1)) is None
    )


def test_an_idempotency_record_is_found_only_by_its_project_and_key(project_id: str) -> None:
    item = stream.event(project_id, START_MS)
    events.put_once(item, idempotency_put(project_id, item["sk"]["S"]))
    assert idempotency.find_record(f"{project_id}9", "key", START_MS) is None
    assert idempotency.find_record(project_id, "other key", START_MS) is None


def test_legacy_numbers_are_given_only_in_order(project_id: str) -> None:
    assert legacy.legacy_counter(project_id).last_id == 0
    with pytest.raises(CounterMovedError) as early:
        numbered(project_id, 2)
    assert early.value.last_id == 0
    first = numbered(project_id, 1)
    for number in (1, 3):
        with pytest.raises(CounterMovedError) as conflict:
            numbered(project_id, number, START_MS + number)
        assert conflict.value.last_id == 1
    second = numbered(project_id, 2, START_MS + 9)
    assert legacy.legacy_counter(project_id).last_id == 2
    assert flat(event_queries.newest_first(project_id, floor_id(0), "g", 9)) == [second, first]
    assert [event.legacy_id for event in event_queries.by_ids(project_id, [first, second])] == [
        1,
        2,
    ]


def test_legacy_numbers_above_n_are_listed_ascending_until_they_expire(project_id: str) -> None:
    sent = [numbered(project_id, n, START_MS + n) for n in range(1, 13)]
    listed = list(legacy.legacy_after(visible_at(project_id, NOW_S)))
    assert listed == list(enumerate(sent, start=1))
    assert list(legacy.legacy_after(visible_at(project_id, NOW_S), 10)) == listed[10:]
    assert list(legacy.legacy_after(visible_at(project_id, NOW_S), 12)) == []
    assert (
        list(legacy.legacy_after(visible_at(project_id, NOW_S, minted_ms(sent[4])))) == listed[4:]
    )
    expiry = NOW_S + 30 * 86_400
    assert list(legacy.legacy_after(visible_at(project_id, expiry - 1))) == listed
    assert list(legacy.legacy_after(visible_at(project_id, expiry))) == []


# ------------------------------------------------------------------ clear


def test_a_watermark_moves_only_if_neither_it_nor_the_legacy_counter_has_moved(
    project_id: str,
) -> None:
    assert watermarks.find_watermark(project_id) == Watermark()
    first = Watermark(1, floor_id(5), 0, frozenset({new_event_id(3), new_event_id(4)}))
    assert not watermarks.move_watermark(project_id, first, 1)
    assert watermarks.move_watermark(project_id, first, 0)
    assert watermarks.find_watermark(project_id) == first
    assert not watermarks.move_watermark(project_id, first, 0)
    numbered(project_id, 1)
    second = Watermark(2, floor_id(6), 1, frozenset())
    assert not watermarks.move_watermark(project_id, second, 0)
    assert not watermarks.move_watermark(project_id, Watermark(3), 1)
    numbered(project_id, 2, START_MS + 1)
    assert not watermarks.move_watermark(project_id, second, 1)
    assert watermarks.move_watermark(project_id, second, 2)
    assert watermarks.find_watermarks([project_id, f"{project_id}9"]) == {
        project_id: second,
        f"{project_id}9": Watermark(),
    }


def test_recent_events_are_listed_with_their_numbers(project_id: str) -> None:
    first, second, third = stored(project_id, 3)
    error = numbered(project_id, 1, START_MS + 1_500)
    assert event_queries.ids_between(project_id, second, third) == [
        (second, None),
        (error, 1),
        (third, None),
    ]
    assert event_queries.ids_between(project_id, third, second) == []
    assert (first, None) in event_queries.ids_between(project_id, floor_id(0), "~")


def test_only_events_behind_the_watermark_are_deleted(project_id: str) -> None:
    sent = stored(project_id, 60)
    other = stored(f"{project_id}9", 3)
    errors = [numbered(project_id, n, START_MS + 500 + n) for n in range(1, 31)]
    also = frozenset(sent[40:43])
    limit = Watermark(1, through=sent[30], legacy_through=20, also=also)
    assert watermarks.move_watermark(project_id, limit, 30)
    for _ in range(2):
        watermarks.delete_cleared(project_id, limit)
        left = event_queries.ids_between(project_id, floor_id(0), "~")
        assert {event_id for event_id, _ in left} == {
            *(set(sent[30:]) - also),
            *errors[20:],
        }
        numbers = [number for number, _ in legacy.legacy_after(visible_at(project_id, NOW_S))]
        assert numbers == list(range(21, 31))
    assert len(event_queries.by_ids(f"{project_id}9", other)) == 3
    assert watermarks.find_watermark(project_id) == limit
    assert legacy.legacy_counter(project_id).last_id == 30
