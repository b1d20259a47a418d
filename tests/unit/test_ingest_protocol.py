"""Parse an ingest request's body into event fields. Contract tests do it through the API."""

from typing import Any

import pytest

from errata.errors import InvalidInputError
from errata.protocol.ingest import idempotency_key, parse_event


def test_absent_and_null_fields_are_left_out_and_the_level_is_error() -> None:
    assert parse_event({"message": "m", "file": None, "user": None}) == {
        "message": "m",
        "level": "error",
    }


def test_parsing_does_not_change_the_sent_objects() -> None:
    sent: dict[str, Any] = {"message": "m", "context": {"user": {"id": 1}}, "user": {"name": "A"}}
    assert parse_event(sent)["context"] == {"user": {"id": 1, "name": "A"}}
    assert sent["context"] == {"user": {"id": 1}}
    assert sent["user"] == {"name": "A"}


@pytest.mark.parametrize(("line", "kept"), [("42", 42), (42.0, 42), (" 7 ", 7), (-0.0, 0)])
def test_a_line_number_may_be_a_text_or_a_float(line: object, kept: int) -> None:
    assert parse_event({"message": "m", "line": line})["line"] == kept


def test_unknown_names_are_dropped_except_in_context_and_breadcrumb_data() -> None:
    sent = {
        "message": "m",
        "extra": 1,
        "user": {"id": 1, "extra": 1},
        "breadcrumbs": [{"message": "b", "extra": 1, "data": {"extra": 1}}],
        "context": {"extra": 1},
    }
    parsed = parse_event(sent)
    assert "extra" not in parsed
    assert parsed["breadcrumbs"] == [{"message": "b", "data": {"extra": 1}}]
    assert parsed["context"] == {"extra": 1, "user": {"id": 1}}


def test_an_empty_user_does_not_change_the_context() -> None:
    assert "context" not in parse_event({"message": "m", "user": {}})
    assert parse_event({"message": "m", "user": {}, "context": {"a": 1}})["context"] == {"a": 1}


def test_the_message_counts_the_other_errors() -> None:
    with pytest.raises(InvalidInputError) as one:
        parse_event({"message": 5})
    with pytest.raises(InvalidInputError) as two:
        parse_event({"message": 5, "level": 5})
    with pytest.raises(InvalidInputError) as three:
        parse_event({"message": 5, "level": 5, "line": True})
    assert one.value.message == "The message field must be a string."
    assert two.value.message.endswith("(and 1 more error)")
    assert three.value.message.endswith("(and 2 more errors)")


def test_no_error_repeats_a_sent_value() -> None:
    secret = "s3cr3t"
    names = ("message", "level", "line", "user", "url")
    sent: dict[str, Any] = {name: [secret] for name in names}
    sent |= {"timestamp": secret, "source_map_url": secret, "breadcrumbs": [{secret: 1, "data": 1}]}
    with pytest.raises(InvalidInputError) as refused:
        parse_event(sent)
    assert secret not in str(refused.value.errors)


def test_an_absent_idempotency_key_is_none_and_any_other_is_kept() -> None:
    assert idempotency_key(None) is None
    assert idempotency_key("k " * 127 + "k") == "k " * 127 + "k"
