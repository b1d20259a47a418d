"""The bodies of api.php. Contract tests check them through the API."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.errors import InvalidInputError
from errata.models.ids import new_event_id
from errata.protocol.legacy import exception_class, parse, project_key, severity, since, to_error

ERROR: dict[str, Any] = {"hash": "k", "level": "Warning", "message": "m"}


@given(st.text(max_size=30))
def test_every_level_has_a_severity(level: str) -> None:
    assert severity(level) in ("error", "warning", "info", "debug")


@pytest.mark.parametrize(
    "level",
    [
        "Error",
        "Fatal Error",
        "Parse error",
        "Whatever",
        "",
        "致命的",
        # Parts of words mean nothing.
        "Login failed",
        "Catalog missing",
        "Restricted",
        "NoticeboardDown",
        "UnwarrantedUse",
    ],
)
def test_an_unknown_level_has_the_severity_error(level: str) -> None:
    assert severity(level) == "error"


@pytest.mark.parametrize(
    "level", ["Error", "Warning", "Notice", "Fatal Error", "E_ALL", "", "1Error", "Value Error"]
)
def test_a_level_that_is_no_class_name_gives_no_exception_class(level: str) -> None:
    assert exception_class(level) is None


@pytest.mark.parametrize(
    "level", ["TypeError", "\\Exception\\Foo", "pkg.Boom", "A::B", "SystemExit", "StopIteration"]
)
def test_a_level_that_is_a_class_name_is_the_exception_class(level: str) -> None:
    assert exception_class(level) == level


def test_every_bad_field_is_named_at_once() -> None:
    with pytest.raises(InvalidInputError) as refused:
        parse({"level": 1, "file": 1, "line": "1", "request": {"method": 1, "url": 1}})
    named = {"level", "message", "file", "line", "request.method", "request.url"}
    assert set(refused.value.errors) == named


@pytest.mark.parametrize("key", [None, "", 5, [], "x" * 257])
def test_a_bad_key_is_named(key: object) -> None:
    with pytest.raises(InvalidInputError) as refused:
        project_key({**ERROR, "hash": key})
    assert set(refused.value.errors) == {"hash"}


def test_a_key_may_be_any_text() -> None:
    for key in ("0" * 32, "x" * 256, "ключ", " "):
        assert project_key({"hash": key}) == key


def test_the_key_is_not_among_the_fields() -> None:
    assert "k" not in str(parse({**ERROR, "hash": "kkkk"}).values())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(st.text(), st.text(), st.integers(), st.text(), json_values, json_values)
def test_an_error_reads_back_as_it_was_sent(
    message: str, file: str, line: int, url: str, get: Any, post: Any
) -> None:
    request = {"method": "GET", "url": url, "get": get, "post": post}
    sent = {**ERROR, "message": message, "file": file, "line": line, "request": request}
    stored: Any = parse(sent)
    error = to_error(7, new_event_id(1_776_168_000_999), stored)
    assert error == {
        "id": 7,
        "level": "Warning",
        "message": message,
        "file": file,
        "line": line,
        "url": url,
        "method": "GET",
        "get_params": get,
        "post_params": post,
        "hostname": None,
        "received_at": "2026-04-14 12:00:00",
    }


def test_since_is_a_whole_number_from_zero_on() -> None:
    assert [since(text) for text in (None, "", "0", "7", "007", "9" * 12)] == [
        0,
        0,
        0,
        7,
        7,
        999_999_999_999,
    ]
    for text in ("-1", "+1", "1.0", " 1", "1 ", "x", "²", "٣", "9" * 13):
        with pytest.raises(InvalidInputError):
            since(text)
