"""Grouping v1 is frozen: a fingerprint that changes splits every open issue."""

from typing import Any

import pytest

from errata.grouping.v1 import fingerprint
from errata.models.event import Event

FROZEN: list[tuple[dict[str, Any], str]] = [
    ({"message": "boom"}, "b9a09b6d133a2829b3e1f5c695e1b0e1"),
    ({"exception_class": "ValueError"}, "2e130ba168564aaad35bf0bebd13b1c8"),
    (
        {"message": "boom", "exception_class": "ValueError", "file": "app/cart.py", "line": 42},
        "1bcae78bc6457f387be0d375b3f91dae",
    ),
    ({"message": "", "file": "", "line": 0}, "c8eb8ea45d6ffa332ea84f4d2c5301ea"),
    ({"message": "größer 日本 🔥", "line": -1}, "29dcce1d400bc79551e5db1f82cc7a1f"),
    ({"message": 'a\nb"\\\x00'}, "9a2310118fb29c9945e4c4f7f863a088"),
    ({"message": "x" * 10_000}, "0da18987d07fbf257fb727b8279057da"),
]


@pytest.mark.parametrize(("event", "expected"), FROZEN)
def test_a_frozen_event_keeps_its_fingerprint(event: Event, expected: str) -> None:
    assert fingerprint(event) == expected


def test_fields_other_than_the_four_do_not_change_the_fingerprint() -> None:
    rest: Any = {"level": "info", "stack_trace": "s", "url": "u", "release": "r", "user": {"id": 1}}
    rest["message"] = "m"
    assert fingerprint(rest) == fingerprint({"message": "m"})


def test_the_same_text_in_another_field_gives_another_fingerprint() -> None:
    events: list[Event] = [
        {"message": "ab", "exception_class": "c"},
        {"message": "a", "exception_class": "bc"},
        {"message": "abc"},
        {"exception_class": "abc"},
        {"message": "abc", "file": ""},
        {"message": "abc", "line": 0},
        {"message": "abc", "file": "1"},
        {"message": "abc", "line": 1},
    ]
    assert len({fingerprint(event) for event in events}) == len(events)
