"""The query of the read API, and its events."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.errors import InvalidInputError
from errata.models.event import SDK_FIELDS
from errata.models.ids import FIRST_MS, LAST_MS, new_event_id
from errata.protocol.api_key import presented
from errata.protocol.ingest import FIELDS
from errata.protocol.read import Filters, iso, parse_filters, to_cursor, to_event


def test_an_empty_query_has_the_limit_50() -> None:
    assert parse_filters({}) == Filters(limit=50)


@given(st.integers(0, 2**48 - 1))
def test_a_cursor_is_parsed_into_its_event_id(at_ms: int) -> None:
    event_id = new_event_id(at_ms)
    assert parse_filters({"cursor": to_cursor(event_id)}).before == event_id


usual_times = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 28), timezones=st.timezones())


@given(usual_times)
def test_a_time_is_read_to_the_millisecond(at: datetime) -> None:
    assert parse_filters({"since": at.isoformat()}).since == round(at.timestamp() * 1000)


@given(st.dictionaries(st.sampled_from((*Filters.__slots__, "cursor")), st.text(max_size=20)))
def test_a_query_is_parsed_or_its_invalid_parameters_are_named(query: dict[str, str]) -> None:
    try:
        parse_filters(query)
    except InvalidInputError as invalid:
        named = set(invalid.errors)
    else:
        named = set()
    assert named <= set(query)


def test_times_are_written_in_utc() -> None:
    assert iso(1_795_341_600_007) == "2026-11-22T10:00:00.007Z"


def test_an_event_has_every_field_of_the_contract_and_null_for_missing_values() -> None:
    event_id = new_event_id(1_795_341_600_000)
    event = to_event("12", event_id, "i", {"message": "m", "level": "error", "fingerprint": "f"})
    given_values = {
        "id": event_id,
        "project_id": "12",
        "issue_id": "i",
        "received_at": "2026-11-22T10:00:00.000Z",
        "timestamp": "2026-11-22T10:00:00.000Z",
        "message": "m",
        "level": "error",
        "fingerprint": "f",
        "grouping": "client",
        "trimmed": [],
    }
    assert {name: value for name, value in event.items() if value is not None} == given_values
    assert set(FIELDS) <= set(event)
    assert not set(SDK_FIELDS) & set(event)


def test_an_event_of_an_sdk_also_shows_the_sdk_s_fields() -> None:
    event_id = new_event_id(1_795_341_600_000)
    sent: Any = {"message": "m", "level": "error", "fingerprint": "f", "grouping": "v2"}
    extra: Any = {"tags": {"a": "b"}, "exceptions": [{"type": "E"}], "grouped_by": "E"}
    stored: Any = {**sent, **extra, "received_at": 1_795_341_605_250}
    event: Any = to_event("12", event_id, "i", stored)
    assert {name: event[name] for name in extra} == extra
    assert set(event) == set(to_event("12", event_id, "i", sent)) | set(extra)
    assert event["received_at"] == event["timestamp"] == "2026-11-22T10:00:05.250Z"


@pytest.mark.parametrize("odd", [None, "1", True, -1, 10**20, 1.5])
def test_an_invalid_time_of_receipt_is_replaced_by_that_of_the_id(odd: Any) -> None:
    event = to_event("12", new_event_id(1_795_341_600_000), "i", {"received_at": odd})
    assert event["received_at"] == "2026-11-22T10:00:00.000Z"


@pytest.mark.parametrize(
    ("method", "headers", "query", "key"),
    [
        ("GET", {"x-api-key": " a "}, {"api_key": "q"}, "a"),
        ("GET", {"x-api-key": ""}, {"api_key": "q"}, ""),
        ("GET", {"authorization": "Bearer b"}, {"api_key": "q"}, "b"),
        ("GET", {"authorization": "BEARER  b "}, {}, "b"),
        ("GET", {"authorization": "Bearer"}, {"api_key": "q"}, ""),
        ("GET", {"authorization": "Bearerb"}, {"api_key": "q"}, "q"),
        ("GET", {"authorization": "Basic b"}, {"api_key": "q"}, "q"),
        ("GET", {}, {"api_key": ""}, ""),
        ("GET", {}, {}, None),
        ("POST", {}, {"api_key": "q"}, None),
        ("POST", {"x-api-key": "a", "authorization": "Bearer b"}, {}, "a"),
    ],
)
def test_the_api_key_comes_from_the_first_header_or_parameter_that_has_one(
    method: str, headers: dict[str, str], query: dict[str, str], key: str | None
) -> None:
    assert presented(method, headers, query) == key


@given(st.integers())
def test_any_number_of_milliseconds_is_shown_as_a_valid_time(at_ms: int) -> None:
    shown = datetime.fromisoformat(iso(at_ms))
    if FIRST_MS <= at_ms <= LAST_MS:
        assert round(shown.timestamp() * 1000) == at_ms
    else:
        assert iso(at_ms) == (
            "9999-12-31T23:59:59.999Z" if at_ms > 0 else "0001-01-01T00:00:00.000Z"
        )
