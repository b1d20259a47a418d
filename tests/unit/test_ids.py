"""Event ids: valid UUIDv7, in the order of their time."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from errata.models.ids import UUID, floor_id, issue_id, minted_ms, new_event_id

times = st.integers(0, 2**48 - 1)


@given(times)
def test_an_id_is_a_uuid_of_version_7_that_contains_its_time(at_ms: int) -> None:
    event_id = new_event_id(at_ms)
    parsed = uuid.UUID(event_id)
    assert (parsed.version, parsed.variant, str(parsed)) == (7, uuid.RFC_4122, event_id)
    assert UUID.fullmatch(event_id)
    assert minted_ms(event_id) == at_ms


@given(times, times)
def test_ids_sort_by_the_time_they_were_minted(first: int, second: int) -> None:
    if first != second:
        assert (new_event_id(first) < new_event_id(second)) == (first < second)


@given(times, times)
def test_the_floor_bounds_every_id_minted_from_then_on(at_ms: int, other: int) -> None:
    assert (new_event_id(other) >= floor_id(at_ms)) == (other >= at_ms)
    assert UUID.fullmatch(floor_id(at_ms))


def test_the_floor_of_a_time_before_the_epoch_is_that_of_the_epoch() -> None:
    assert floor_id(-1) == floor_id(0)


def test_ids_of_one_millisecond_differ_in_all_their_random_bits() -> None:
    ids = [uuid.UUID(new_event_id(1_795_341_600_000)).int for _ in range(2_000)]
    assert len(set(ids)) == 2_000
    always_set = always_clear = 2**128 - 1
    for each in ids:
        always_set &= each
        always_clear &= ~each
    # 48 bits of time, 4 of version and 2 of variant are fixed; 74 are random.
    assert (always_set | always_clear).bit_count() == 54


def test_ids_of_one_millisecond_have_a_random_order() -> None:
    ids = [new_event_id(1) for _ in range(200)]
    assert ids not in (sorted(ids), sorted(ids, reverse=True))


def test_an_issue_s_id_is_the_same_on_every_computation() -> None:
    assert issue_id("12", "fingerprint") == "4ea2ee9d2fe374ffc20a649585d8dae0"


@given(st.text(), st.text())
def test_issues_of_different_projects_or_fingerprints_differ(one: str, other: str) -> None:
    if one != other:
        assert issue_id("1", one) != issue_id("1", other)
    assert issue_id("1", one) != issue_id("2", one)
    assert issue_id("1", "1" + one) != issue_id("11", one)
