"""Which values of an event can be searched for, and which of them are new to an issue."""

from collections.abc import Mapping
from typing import Any

import pytest

from errata.models.seen_values import MAX_VALUES, KeyValue, SeenValues, searchable, short_value


def add(seen: SeenValues, found: Mapping[KeyValue, bool]) -> list[KeyValue]:
    return seen.add_new(found, set())


def known(values: list[KeyValue]) -> dict[KeyValue, bool]:
    return dict.fromkeys(values, False)


def reread(seen: SeenValues) -> SeenValues:
    return SeenValues.unpack(seen.pack(), seen.counts)


def test_the_searchable_values_of_an_event_come_from_these_fields() -> None:
    event = {
        "environment": "prod",
        "release": "shop@1.0",
        "level": "error",
        "logger": "cart",
        "server_name": "web-1",
        "transaction": "/cart",
        "url": "https://shop.example/cart",
        "context": {"user": {"id": 7, "email": "ada@example.com", "username": "ada"}},
        "tags": {"browser": "Firefox", "a=b": "c", "empty": "", "n" * 65: "long", "none": None},
    }
    assert searchable(event) == [
        ("environment", "prod"),
        ("release", "shop@1.0"),
        ("level", "error"),
        ("logger", "cart"),
        ("server", "web-1"),
        ("transaction", "/cart"),
        ("url", "https://shop.example/cart"),
        ("user.id", "7"),
        ("user.email", "ada@example.com"),
        ("tag:browser", "Firefox"),
        ("tag:a_b", "c"),
    ]


@pytest.mark.parametrize("context", [None, [], {"user": None}, {"user": []}, {"user": {"id": ""}}])
def test_missing_and_invalid_values_are_left_out(context: Any) -> None:
    assert searchable({"context": context, "tags": ["a"], "url": None, "logger": ["x"]}) == []


def test_a_long_value_is_shortened_to_its_beginning_and_a_hash() -> None:
    long, other = "é" * 150, "é" * 149 + "è"
    assert short_value("é" * 100) == "é" * 100
    assert len(short_value(long).encode()) <= 200
    assert short_value(long) != short_value(other)
    assert short_value(long)[:90] == short_value(other)[:90] == "é" * 90
    assert short_value(short_value(long)) == short_value(long)
    assert short_value("\ud800") == "?"


def test_a_value_is_new_once() -> None:
    seen = SeenValues()
    values = [("environment", "prod"), ("user.id", "1")]
    assert add(seen, known(values)) == values
    assert add(reread(seen), known(values)) == []
    assert add(reread(seen), known([("environment", "1")])) == [("environment", "1")]
    # A value that starts again is new, however often it was seen.
    assert add(reread(seen), {values[0]: True}) == values[:1]


def test_few_values_take_few_bytes() -> None:
    seen = SeenValues()
    assert seen.pack() == b""
    add(seen, known([(f"key{n}", "value") for n in range(6)]))
    assert len(seen.pack()) < 110
    assert seen.counts == {}
    add(seen, known([("user.id", f"{n}") for n in range(1_000)]))
    assert len(seen.pack()) <= 530


def test_a_key_has_at_most_200_values_and_all_tags_count_as_one_key() -> None:
    seen, found = SeenValues(), 0
    for n in range(500):
        seen = reread(seen)
        found += len(add(seen, known([("user.id", f"{n}")])))
    assert MAX_VALUES - 3 <= found <= MAX_VALUES
    assert add(seen, known([("environment", "prod")])) == [("environment", "prod")]
    tags = SeenValues()
    add(tags, known([(f"tag:{n}", "x") for n in range(500)]))
    assert tags.counts == {"tag": MAX_VALUES}
    assert tags.cut_keys() == ["tags"]


def test_a_full_filter_adds_nothing_and_an_almost_full_one_misses_few_values() -> None:
    seen = SeenValues()
    found = sum(len(add(seen, known([(f"k{n % 40}", f"{n}")]))) for n in range(2_000))
    assert 250 < found < 300
    assert seen.cut_keys() == ["everything but releases"]
    assert add(seen, known([("other", f"{n}") for n in range(1_000)])) == []
    # The fullest filters that still add values.
    missed = 0
    for n in range(500):
        almost = SeenValues()
        add(almost, known([(f"k{n % 3}", f"{n} {each}") for each in range(170)]))
        add(almost, known([(f"j{n % 3}", f"{n} {each}") for each in range(85)]))
        assert almost.cut_keys() == []
        missed += add(almost, known([("new", f"{n}")])) == []
    assert missed <= 500 / 64


def test_a_full_filter_adds_releases_up_to_their_own_limit() -> None:
    seen = SeenValues()
    add(seen, known([(f"k{n % 40}", f"{n}") for n in range(2_000)]))
    found = add(seen, {("release", f"{n}"): True for n in range(1_000)})
    # Some look known, and are returned nevertheless.
    assert MAX_VALUES <= len(found) < 1.1 * MAX_VALUES
    assert add(seen, known(found)) == []
    assert seen.counts["release"] == MAX_VALUES
