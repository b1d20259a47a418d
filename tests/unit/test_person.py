"""A person is found wherever a text mentions the person, and nowhere else."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from errata.models.event import Fields
from errata.scrubbing.person import Person
from tests.support.cpu import cpu_s
from tests.support.steps import MOST_STEPS, steps

ADA = "ada+shop@example.com"


@pytest.mark.parametrize(
    "text",
    [
        ADA,
        f"mail {ADA}.",
        f"<{ADA}>",
        f"mailto:{ADA}?subject=a",
        "Ada+Shop@Example.COM",
        quote(f"https://example.com/?to={ADA}&a=b", safe=""),
        "to=ada%2bshop%40example.com&a=b",
        json.dumps({"to": f"a\n{ADA}"}),
        json.dumps({"body": json.dumps({"to": f"a\n{ADA}"})}),
        f"{ADA}/avatar.png",
        f"{ADA}.Please",
        f"user:{ADA}_cart",
        f"\x1b[31m{ADA}\x1b[0m \x1b[1;31m{ADA}\x1b[0m",
        json.dumps(f"<{ADA}>").replace("<", "\\u003c").replace(">", "\\u003e"),
    ],
)
def test_a_mention_is_replaced(text: str) -> None:
    person = Person(ADA)
    clean = person.without(text)
    assert "[Erased]" in clean
    assert "shop" not in clean.casefold()
    assert person.is_near(text)
    count = clean.count("[Erased]")
    assert len(clean) == len(text) - count * (len(ADA) - len("[Erased]")) or "%" in text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (ADA, "xada+shop@example.com"),
        (ADA, "not.ada+shop@example.com"),
        (ADA, "ada+shop@example.com.au"),
        (ADA, "ada+shop@example.community"),
        (ADA, "ada@example.com"),
        ("user-10", "user-101"),
        ("user-10", "superuser-10"),
        ("user-10", "USER-10"),
        ("123456", "1234567"),
        ("123456", "costs 123456.78 or 1.123456"),
        ("123456", "0x123456ff"),
        ("12345", "error 12345"),
    ],
)
def test_a_text_that_is_no_mention_is_kept(value: str, text: str) -> None:
    assert Person(value).without(text) == text


@pytest.mark.parametrize(
    ("value", "text", "clean"),
    [
        ("123456", "user 123456, order-123456.", "user [Erased], order-[Erased]."),
        ("123456", "[5,123456,7] user_123456_cart", "[5,[Erased],7] user_[Erased]_cart"),
        ("auth0|5f7c", "/users/auth0%7C5f7c?x", "/users/[Erased]?x"),
        ("Ada Lovelace", "?name=Ada+Lovelace Ada%20Lovelace", "?name=[Erased] [Erased]"),
        ("adä@example.com", "ad\\u00e4@example.com ad%C3%A4%40example.com", "[Erased] [Erased]"),
        ('a"b\\cdef', json.dumps('a"b\\cdef'), '"[Erased]"'),
    ],
)
def test_mentions_of_ids_names_and_unicode_addresses_are_replaced(
    value: str, text: str, clean: str
) -> None:
    assert Person(value).without(text) == clean
    assert Person(value).is_near(text)


@pytest.mark.parametrize("form", [ADA, quote(ADA, safe="")])
def test_a_mention_at_a_cut_end_of_a_line_is_replaced(form: str) -> None:
    person = Person(ADA)
    for cut in range(6, len(form)):
        text = "a" * 150 + " " + form[:cut]
        assert person.without(f"{text}\nb") == "a" * 150 + " [Erased]\nb"
        assert person.without(form[-cut:] + " " + "a" * 150) == "[Erased] " + "a" * 150
    assert person.without(form[:10]) == form[:10]  # a short text was not cut


def test_a_mention_that_errata_has_cut_is_replaced() -> None:
    for cut in range(6, len(ADA)):
        text = f"is not a time: at {ADA[:cut]}…, b"
        assert Person(ADA).without(text) == "is not a time: at [Erased]…, b"
        assert Person(ADA).is_near(text)


@pytest.mark.parametrize("value", ["message", "python", "fingerprint", "context", "filename"])
def test_erasing_a_person_with_the_name_of_a_field_keeps_the_fields(value: str) -> None:
    event: Fields = {
        "message": f"{value} failed",
        "platform": "python",
        "fingerprint": "a",
        "context": {"request": {"url": f"/{value}"}},
        "exceptions": [{"type": "A", "frames": [{"filename": "a.py"}]}],
        "extra": {f"of {value}": 1},
    }
    Person(value).erase(event)
    assert event == {
        "message": "[Erased] failed",
        "platform": "python",
        "fingerprint": "a",
        "context": {"request": {"url": "/[Erased]"}},
        "exceptions": [{"type": "A", "frames": [{"filename": "a.py"}]}],
        "extra": {"of [Erased]": 1},
    }


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ("\\" * 30 + "ada", "\\"),
        ('"' * 20 + "ada", '\\"'),
        ("CORP\\ada.l", "\\"),
        ("ada.l\\CORP", "ada.l\\\\"),
        ("a." * 250, "a."),
    ],
)
def test_a_text_full_of_separators_takes_little_time(value: str, part: str) -> None:
    text = part * (500_000 // len(part))
    person = Person(value)
    assert cpu_s(lambda: (person.is_near(text), person.without(text)), 5) < 5


def test_the_paths_of_erased_values_are_noted() -> None:
    event: Fields = {
        "message": f"mail {ADA}",
        "line": 3,
        "tags": {ADA: "x", "n": 1},
        "extra": {"list": [None, True, {"deep": ADA}]},
    }
    noted = Person(ADA).erase(event)
    assert event == {
        "message": "mail [Erased]",
        "line": 3,
        "tags": {"[Erased]": "x", "n": 1},
        "extra": {"list": [None, True, {"deep": "[Erased]"}]},
    }
    assert noted == [
        {"field": path, "rule": "erased"}
        for path in ("message", "tags.[Erased]", "extra.list.2.deep")
    ]


def test_line_numbers_and_legacy_numbers_are_kept() -> None:
    event: Fields = {
        "line": 123456,
        "legacy": {"id": 123456, "level": None},
        "frames": [{"lineno": 123456}],
        "extra": {"user_id": 123456},
    }
    assert [each["field"] for each in Person("123456").erase(event)] == ["extra.user_id"]
    assert event["line"] == event["legacy"]["id"] == event["frames"][0]["lineno"] == 123456


@pytest.mark.parametrize(
    ("value", "user", "same"),
    [
        ("7", {"id": 7}, True),
        ("7", {"id": "7"}, True),
        ("7", {"username": "7"}, True),
        ("7", {"id": "07"}, False),
        ("7", {"name": "7"}, False),
        ("True", {"id": True}, False),
        ("ADA@example.com", {"email": "ada@Example.com"}, True),
        ("Ada", {"username": "ada"}, False),
        ("7", None, False),
        ("7", "7", False),
    ],
)
def test_the_user_of_an_event_is_compared_by_id_username_and_email(
    value: str, user: Any, same: bool
) -> None:
    assert Person(value).is_user({"context": {"user": user}}) is same


def test_hostile_texts_take_linear_time() -> None:
    person = Person(ADA)
    lines = "\n".join(["ada+sh" * 100 + "le.com"] * 1_000)
    assert steps(lambda: person.without(lines)) < MOST_STEPS
