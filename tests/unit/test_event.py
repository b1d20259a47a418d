"""Stored events: packing, trimming, titles, culprits and users."""

import json
import random
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.models.event import (
    MAX_PACKED_BYTES,
    StoredEvent,
    pack,
    unpack,
    user_identity,
)
from errata.models.titles import culprit, title
from errata.models.trimming import STACK_TEXTS
from tests.support import fuzz
from tests.support.noise import noise

TEXTS = ("message", "exception_class", "file", "url", "environment", "release", "server_name")


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    # A lone surrogate never gets this far.
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(TEXTS), json_values))
def test_unpack_returns_the_packed_fields(fields: Any) -> None:
    assert unpack(pack(fields)) == fields


def test_numbers_that_json_cannot_write_become_null() -> None:
    infinite: Any = {"context": {"a": float("inf"), "b": [float("-inf"), float("nan")], "c": 1e308}}
    assert unpack(pack(infinite)) == {"context": {"a": None, "b": [None, None], "c": 1e308}}


@pytest.mark.parametrize("depth", [150, 199, 201, 203])
def test_deeply_nested_values_are_kept(depth: int) -> None:
    nested = json.loads("[" * depth + "]" * depth)
    assert unpack(pack({"context": {"a": nested}})) == {"context": {"a": nested}}


def test_a_long_number_is_kept() -> None:
    assert unpack(pack({"line": 10**4_299}))["line"] == 10**4_299


def test_an_event_is_not_changed_by_being_packed() -> None:
    event: StoredEvent = {
        "message": noise(200_000, 1),
        "breadcrumbs": [{"message": "b"}],
        "context": {"a": 1},
    }
    before = dict(event)
    pack(event)
    assert event == before


@fuzz.bounded(5)
@given(st.data())
def test_any_event_is_trimmed_to_the_maximum_size(data: st.DataObject) -> None:
    names = [*TEXTS, *STACK_TEXTS, "timestamp", "fingerprint", "source_map_url"]
    sizes = data.draw(st.lists(st.integers(0, 40_000), min_size=len(names), max_size=len(names)))
    event: Any = {
        name: noise(size, seed) for seed, (name, size) in enumerate(zip(names, sizes, strict=True))
    }
    user = {noise(data.draw(st.integers(1, 9_000)), n): noise(8_000, n) for n in range(25)}
    event["context"] = {"user": user, "more": noise(50_000, 99)}
    event["breadcrumbs"] = [{"message": noise(50_000, 98)}]
    packed = pack(event)
    assert len(packed) <= MAX_PACKED_BYTES
    kept: Any = unpack(packed)
    for name in names:
        assert event[name].startswith(kept[name])
        assert (kept[name] != event[name]) == (name in kept["trimmed"])
    assert len(set(kept["trimmed"])) == len(kept["trimmed"])


def test_trimming_stops_as_soon_as_the_event_fits() -> None:
    letters = "".join(random.Random(1).choices(string.printable, k=520_000))
    event: StoredEvent = {"message": "m", "breadcrumbs": [{"message": letters}]}
    event |= {"stack_trace": letters[:9_000], "context": {"a": letters[:9_000]}}
    kept = unpack(pack(event))
    assert kept["trimmed"] == ["breadcrumbs"]
    assert kept["context"] == {"a": letters[:9_000]}


def test_a_shortened_user_is_kept_when_the_context_is_trimmed() -> None:
    user = {"id": 7, "name": "x" * 9_000, "tags": [1], "n" * 9_000: "long name", "ok": True}
    kept = unpack(pack({"message": "m", "context": {"user": user, "a": noise(150_000, 1)}}))
    assert kept["context"] == {"user": {"id": 7, "name": "x" * 8_192, "ok": True}}
    many = {str(n): n for n in range(50)}
    kept = unpack(pack({"message": "m", "context": {"user": many, "a": noise(150_000, 1)}}))
    assert len(kept["context"]["user"]) == 20


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"message": "bad", "exception_class": "ValueError"}, "ValueError: bad"),
        ({"message": "bad"}, "bad"),
        ({"exception_class": "ValueError"}, "ValueError"),
        ({"message": "", "exception_class": "ValueError"}, "ValueError"),
        ({"message": "first\nsecond"}, "first"),
        ({"message": "\n  first\nsecond"}, "first"),
        ({"message": "\n", "exception_class": "ValueError"}, "ValueError"),
        ({"message": "\nbad", "exception_class": "ValueError"}, "ValueError: bad"),
        ({"message": "x" * 300}, "x" * 199 + "…"),
        ({"message": "  "}, "(no message)"),
        ({}, "(no message)"),
    ],
)
def test_a_title_is_one_line_that_names_the_error(event: StoredEvent, expected: str) -> None:
    assert title(event) == expected


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"file": "a.py", "line": 42, "url": "/"}, "a.py:42"),
        ({"file": "a.py", "line": 0}, "a.py:0"),
        ({"file": "a.py"}, "a.py"),
        ({"url": "/cart", "line": 3}, "/cart"),
        ({"file": "/x" * 200 + "/a.py", "line": 1}, ("/x" * 200 + "/a.py:1")[-200:]),
        ({}, ""),
    ],
)
def test_a_culprit_is_the_file_and_line_or_else_the_url(event: StoredEvent, expected: str) -> None:
    assert culprit(event) == expected


@pytest.mark.parametrize(
    ("user", "identity"),
    [
        ({"id": 7, "email": "a@b"}, "id:7"),
        ({"id": 0}, "id:0"),
        ({"id": None, "email": "a@b", "username": "ada"}, "email:a@b"),
        ({"id": "", "username": "ada"}, "username:ada"),
        ({"ip_address": "::1", "name": "Ada"}, "ip_address:::1"),
        ({"name": "Ada"}, None),
        ("ada", None),
        (None, None),
    ],
)
def test_a_user_is_identified_by_the_first_of_id_email_username_and_address(
    user: object, identity: str | None
) -> None:
    assert user_identity({"context": {"user": user}}) == identity
    assert user_identity({}) is None
