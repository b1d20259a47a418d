"""Envelopes: what the grammar describes, and any other bytes."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.errors import InvalidInputError
from errata.protocol.body import MAX_JSON_BYTES
from errata.protocol.sentry.envelope import (
    MAX_EVENTS,
    MAX_HEADER_BYTES,
    MAX_ITEMS,
    START_BYTES,
    EnvelopeItem,
    Start,
    parse_envelope,
    parse_start,
    within_limits,
)

NO_FEED = st.binary(max_size=50).filter(lambda each: b"\n" not in each)
KINDS = st.sampled_from(["event", "session", "client_report", "attachment", "of tomorrow"])


def written(headers: dict[str, Any], *items: bytes) -> bytes:
    return b"\n".join([json.dumps(headers).encode(), *items])


def with_length(kind: str, payload: bytes) -> bytes:
    return json.dumps({"type": kind, "length": len(payload)}).encode() + b"\n" + payload


def without_length(kind: str, payload: bytes) -> bytes:
    return json.dumps({"type": kind}).encode() + b"\n" + payload


@given(
    st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), st.integers(), max_size=3),
    st.lists(
        st.tuples(KINDS, st.binary(max_size=50), st.just(with_length))
        | st.tuples(KINDS, NO_FEED, st.just(without_length)),
        max_size=6,
    ),
    st.integers(0, 3),
)
def test_an_envelope_is_parsed_as_it_was_written(headers: Any, items: Any, feeds: int) -> None:
    parts = [write(kind, payload) for kind, payload, write in items]
    # An empty payload at the very end has no line of its own.
    read = parse_envelope(written(headers, *parts) + b"\n" * feeds)
    assert read.headers == headers
    assert [(item.type, item.payload) for item in read.items] == [
        (kind, payload) for kind, payload, _ in items
    ]
    assert read.problem == ""


@given(st.binary(max_size=400))
def test_any_bytes_are_parsed_or_refused(body: bytes) -> None:
    try:
        read = parse_envelope(body)
    except InvalidInputError:
        return
    assert sum(len(item.payload) for item in read.items) <= len(body)


@given(st.lists(st.tuples(KINDS, st.binary(max_size=30)), min_size=1, max_size=4), st.data())
def test_a_cut_envelope_keeps_the_items_before_the_cut_and_has_a_problem(
    items: Any, data: st.DataObject
) -> None:
    whole = written({}, *(with_length(*each) for each in items))
    at = data.draw(st.integers(len(b"{}"), len(whole)))
    read = parse_envelope(whole[:at])
    kept = [(item.type, item.payload) for item in read.items]
    assert kept == items[: len(kept)]
    # All items before the cut are there, and `problem` says that something is missing.
    before = written({}, *(with_length(*each) for each in items[: len(kept)]))
    assert read.problem or whole[:at].rstrip(b"\n") == before.rstrip(b"\n")


@pytest.mark.parametrize("body", [b"", b"\n", b"[]", b"null", b"7", b"{", b"\xff{}", b"\n{}\n"])
def test_a_body_without_headers_is_refused(body: bytes) -> None:
    with pytest.raises(
        InvalidInputError, match=r"^The envelope cannot be read: its headers are not"
    ):
        parse_envelope(body)


@pytest.mark.parametrize(
    ("rest", "problem"),
    [
        (b"not json\n{}", "the headers of item 2 are not a JSON object on a line of their own"),
        (b'{"type":"event","length":99}\n{}', "item 2 is cut short"),
        (b'{"type":"event","length":1}\n{}', "item 2 does not end where its length says"),
        (b'{"type":"event","length":-1}\n{}', "the length of item 2 is not a number of bytes"),
        (b'{"type":"event","length":true}\n{}', "the length of item 2 is not a number of bytes"),
        (b'{"type":"event","length":"2"}\n{}', "the length of item 2 is not a number of bytes"),
        (
            b'{"a":"' + b"x" * MAX_HEADER_BYTES + b'"}\n{}',
            f"the headers of item 2 are longer than {MAX_HEADER_BYTES} bytes",
        ),
    ],
)
def test_the_items_before_a_broken_one_are_kept(rest: bytes, problem: str) -> None:
    read = parse_envelope(written({}, with_length("event", b"{}"), rest))
    assert read.items == (EnvelopeItem("event", b"{}"),)
    assert read.problem == problem


def test_an_item_without_a_type_has_an_empty_type() -> None:
    assert parse_envelope(b'{}\n{}\nabc\n{"type":7}\nd').items == (
        EnvelopeItem("", b"abc"),
        EnvelopeItem("", b"d"),
    )


def test_the_length_counts_bytes() -> None:
    payload = "§ü\n".encode()
    assert parse_envelope(written({}, with_length("event", payload))).items == (
        EnvelopeItem("event", payload),
    )


def test_items_above_the_maximum_are_dropped_with_a_problem() -> None:
    read = parse_envelope(b"{}\n" + b'{"type":"event","length":0}\n\n' * (MAX_ITEMS + 1))
    assert len(read.items) == MAX_ITEMS
    assert read.problem == f"it has more than {MAX_ITEMS} items"


def test_events_are_the_payloads_of_event_items() -> None:
    assert parse_envelope(b"{}").events == []
    both = written({}, with_length("session", b"s"), with_length("event", b"{}"))
    assert parse_envelope(both).events == [b"{}"]


def test_all_events_of_an_envelope_share_limits_of_number_and_size() -> None:
    small, large = b"e", b"e" * (MAX_JSON_BYTES - 5)
    assert len(within_limits([small] * (MAX_EVENTS + 1))) == MAX_EVENTS
    assert within_limits([large, *[small] * 6]) == [large, *[small] * 5]
    assert within_limits([large * 2, small]) == [large * 2]
    assert within_limits([]) == []


@pytest.mark.parametrize(
    ("header", "unreadable"),
    [
        (b'{"type":"unreal_report"}', True),
        (b'{"type":"attachment","attachment_type":"event.minidump"}', True),
        (b'{"type":"attachment","attachment_type":["event.minidump"]}', False),
        (b'{"type":"attachment","filename":"log.txt"}', False),
    ],
)
def test_native_crash_reports_are_recognized_as_unreadable(header: bytes, unreadable: bool) -> None:
    (item,) = parse_envelope(b"{}\n" + header + b"\nMDMP").items
    assert item.unreadable is unreadable
    assert parse_start(b"{}\n" + header + b"\nMDMP").has_event is unreadable


LONG = b"x" * START_BYTES


@pytest.mark.parametrize(
    ("body", "has_event"),
    [
        (written({"dsn": "a"}, with_length("event", b"{}")), True),
        (written({"dsn": "a"}, with_length("event", LONG)), True),
        (written({"dsn": "a"}, without_length("event", LONG)), True),
        (written({"dsn": "a"}, with_length("session", b"{}"), with_length("event", b"{}")), True),
        (written({"dsn": "a"}, with_length("session", b"{}")), False),
        (written({"dsn": "a"}, with_length("attachment", LONG)), False),
        (written({"dsn": "a"}), True),
        (written({"dsn": "a"}, b"not JSON"), True),
    ],
)
def test_the_start_has_the_headers_and_whether_there_is_an_event(
    body: bytes, has_event: bool
) -> None:
    assert parse_start(body[:START_BYTES]) == Start({"dsn": "a"}, has_event)


def test_the_start_of_an_invalid_body_has_no_headers_and_perhaps_an_event() -> None:
    assert parse_start(b"") == parse_start(b"[1]\n") == parse_start(LONG) == Start({}, True)


@given(st.binary(max_size=300))
def test_any_start_is_parsed(body: bytes) -> None:
    parse_start(body)
    parse_start(b"{}\n" + body)
