"""Other forms that old SDKs send are read, and every value is kept or named by a problem."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.grouping import v2
from errata.models.event import pack, unpack
from errata.protocol.sentry.event import milliseconds, to_fields
from tests.support import fuzz
from tests.support.leaves import lost

RECEIVED_MS = 1_795_334_940_123
ADDRESS = "203.0.113.9"
FRAMES = {"frames": [{"filename": "shop/cart.py", "function": "total", "lineno": 12}]}


def fields_of(sent: dict[str, Any]) -> Any:
    return to_fields(json.loads(json.dumps(sent)), RECEIVED_MS, None, ADDRESS)[0]


@pytest.mark.parametrize("path", ["sentry.interfaces.", "sentry.interfaces.exception."])
def test_parts_may_be_named_by_sentry_s_class_names(path: str) -> None:
    fields = fields_of(
        {
            f"{path}Exception": {"type": "E", "value": "v"},
            f"{path}Http": {"url": "https://a.example/"},
            f"{path}Message": {"message": "paid %s", "params": ["7"]},
            f"{path}User": {"id": "7"},
            f"{path}Stacktrace": FRAMES,
            f"{path}Breadcrumbs": {"values": [{"message": "b"}]},
            f"{path}Query": {"query": "SELECT 1"},
        }
    )
    assert fields["exception_class"] == "E"
    assert fields["file"] == "shop/cart.py"
    assert fields["url"] == "https://a.example/"
    assert fields["logentry"]["formatted"] == "paid 7"
    assert fields["context"]["user"] == {"id": "7"}
    assert fields["breadcrumbs"] == [{"message": "b"}]
    assert fields["other"] == {f"{path}Query": {"query": "SELECT 1"}}
    assert "problems" not in fields


def test_a_part_with_both_names_is_kept_under_both() -> None:
    fields = fields_of({"user": {"id": "7"}, "sentry.interfaces.User": {"id": "8"}})
    assert fields["context"]["user"] == {"id": "7"}
    assert fields["other"] == {"sentry.interfaces.User": {"id": "8"}}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"logentry": "it broke"}, {"message": "it broke"}),
        ({"logentry": 7}, {"message": "7"}),
        ({"message": ["it", "broke", 2]}, {"message": '["it", "broke", 2]'}),
        ({"message": 42}, {"message": "42"}),
        ({"message": {"text": "it broke"}}, {"message": '{"text": "it broke"}'}),
        (
            {"message": "shown", "logentry": {"message": "logged"}},
            {"message": "logged", "other": {"message": "shown"}},
        ),
        (
            {"logentry": {"message": "a %s", "params": ["b"], "level": 3}},
            {"message": "a b", "logentry": {"message": "a %s", "params": ["b"], "level": 3}},
        ),
        ({"exception": "it broke"}, {"message": "it broke", "exception_class": "Error"}),
        ({"exception": {"value": {"code": 7}}}, {"message": '{"code": 7}'}),
        ({"exception": {"values": {"type": "E", "value": 7}}}, {"message": "7"}),
    ],
)
def test_messages_may_have_other_forms(sent: dict[str, Any], kept: dict[str, Any]) -> None:
    fields = fields_of(sent)
    assert {name: fields.get(name) for name in kept} == kept
    assert "problems" not in fields


@pytest.mark.parametrize(
    ("level", "kept", "as_sent"),
    [
        (10, "debug", None),
        (20, "info", None),
        (30, "warning", None),
        ("30", "warning", None),
        (35.0, "warning", None),
        (40, "error", None),
        (50, "error", "fatal"),
        ("Warning ", "warning", None),
        (3, "error", "3"),
        ("", "error", None),
    ],
)
def test_levels_may_be_numbers(level: Any, kept: str, as_sent: str | None) -> None:
    fields = fields_of({"level": level})
    assert (fields["level"], fields.get("sentry_level")) == (kept, as_sent)


@pytest.mark.parametrize(
    ("tags", "kept", "noted"),
    [
        ({"a": {"b": 1}, "c": [2], "d": None}, {"a": '{"b": 1}', "c": "[2]"}, []),
        ([["a", 1], [2, True], None], {"a": "1", "2": "True"}, []),
        ([{"key": "c", "value": "d", "x": None}, {"e": "f"}], {"c": "d", "e": "f"}, []),
        (["g:h", ["i", None]], {"g": "h"}, ["tags.1"]),
        ([["a"], 7, "b", ["c", "d", "e"]], {}, ["tags.0", "tags.1", "tags.2", "tags.3"]),
        ([["a", "1"], ["a", "2"]], {"a": "2"}, ["tags.a"]),
        ("a:b", None, ["tags"]),
    ],
)
def test_tags_may_have_other_forms(tags: Any, kept: Any, noted: list[str]) -> None:
    fields = fields_of({"tags": tags})
    assert fields.get("tags", {}) == (kept or {})
    assert [problem["field"] for problem in fields.get("problems", ())] == noted


def test_a_header_that_is_sent_twice_has_both_values() -> None:
    headers = [["Accept", "a"], ["Accept", "b"], ["Host", "c"], 7]
    fields = fields_of({"request": {"headers": headers}})
    assert fields["context"]["request"]["headers"] == {"Accept": "a, b", "Host": "c"}
    assert fields["problems"] == [
        {"field": "request.headers.3", "problem": "is not a name with a value: 7"}
    ]


@pytest.mark.parametrize(
    ("value", "at_ms"),
    [
        (RECEIVED_MS, RECEIVED_MS),
        ("1795334940.123", RECEIVED_MS),
        ("1795334940", RECEIVED_MS - 123),
        (True, 1_000),
    ],
)
def test_times_may_have_other_forms(value: Any, at_ms: int) -> None:
    assert milliseconds(value) == at_ms


@pytest.mark.parametrize(
    ("sent", "problem"),
    [
        ({"timestamp": "noon"}, {"field": "timestamp", "problem": "is not a time: noon"}),
        ({"event_id": "7"}, {"field": "event_id", "problem": "is not 32 hex digits: 7"}),
        (
            {"breadcrumbs": [{"message": "m"}] * 150},
            {"field": "breadcrumbs", "problem": "100 of 150 entries are kept"},
        ),
        (
            {"exception": [{"type": "E", "frames": [{"lineno": 1}]}]},
            {"field": "exception.0.frames", "problem": "must be in a stack trace"},
        ),
    ],
)
def test_a_value_that_cannot_be_kept_is_named_in_problems(
    sent: dict[str, Any], problem: dict[str, str]
) -> None:
    assert fields_of(sent)["problems"] == [problem]


def test_parts_without_a_field_of_their_own_are_kept() -> None:
    thread = {"id": 1, "state": "BLOCKED", "held_locks": {"0x1": {"type": 1}}}
    stacktrace = {**FRAMES, "registers": {"pc": "0x10"}, "snapshot": True}
    template = {"filename": "cart.html", "lineno": 3, "context_line": "{% for %}"}
    fields = fields_of(
        {
            "exception": [{"type": "E", "stacktrace": stacktrace}],
            "stacktrace": {"frames": [{"function": "outer"}], "lang": "c"},
            "threads": [{**thread, "stacktrace": {"registers": {"pc": "0x20"}}}],
            "template": template,
            "transaction": "checkout",
            "culprit": "shop.cart",
            "time_spent": 12,
            "other": 1,
        }
    )
    assert fields["exceptions"][0]["stacktrace"] == {"registers": {"pc": "0x10"}, "snapshot": True}
    assert fields["threads"] == [{**thread, "stacktrace": {"registers": {"pc": "0x20"}}}]
    assert fields["other"] == {
        "template": template,
        "culprit": "shop.cart",
        "time_spent": 12,
        "other": 1,
        "stacktrace": {"frames": [{"function": "outer", "in_app": True}], "lang": "c"},
    }


def test_a_mechanism_beside_the_exceptions_belongs_to_the_main_one() -> None:
    mechanism = {"type": "instrument", "handled": True}
    values = [{"type": "A"}, {"type": "B"}]
    fields = fields_of({"exception": {"values": values, "mechanism": mechanism}})
    assert fields["exceptions"] == [{"type": "A"}, {"type": "B", "mechanism": mechanism}]
    assert "problems" not in fields


def test_a_synthetic_exception_is_kept_if_its_value_differs_from_the_message() -> None:
    made = {"value": "thrown", "mechanism": {"synthetic": True}, "stacktrace": FRAMES}
    fields = fields_of({"message": "here", "exception": {"values": [made]}})
    assert fields["message"] == "here"
    assert fields["other"]["exception"]["value"] == "thrown"


@pytest.mark.parametrize(
    ("infer", "user", "kept"),
    [
        ("auto", None, {"ip_address": ADDRESS}),
        ("auto", {"id": "7"}, {"id": "7", "ip_address": ADDRESS}),
        ("auto", {"ip_address": "192.0.2.7"}, {"ip_address": "192.0.2.7"}),
        ("never", {"id": "7", "ip_address": "{{auto}}"}, {"id": "7"}),
        ("legacy", {"ip_address": "{{auto}}"}, {"ip_address": ADDRESS}),
        ("legacy", {"id": "7"}, {"id": "7"}),
        (7, {"id": "7"}, {"id": "7"}),
    ],
)
def test_an_sdk_says_whether_the_user_has_the_clients_address(
    infer: Any, user: Any, kept: Any
) -> None:
    fields = fields_of({"user": user, "sdk": {"name": "a", "settings": {"infer_ip": infer}}})
    assert fields["context"]["user"] == kept


NAMES = [
    *("message", "logentry", "exception", "stacktrace", "threads", "breadcrumbs", "tags", "level"),
    *("request", "user", "transaction", "culprit", "release", "template", "csp", "timestamp"),
    *("sentry.interfaces.Exception", "sentry.interfaces.Message", "sdk", "errors", "other"),
    *("values", "frames", "type", "value", "headers", "formatted", "params", "mechanism"),
]
# Long enough to be found in a JSON text.
TEXTS = st.text("abcdefgh0123456789", min_size=5, max_size=8)
JSON = st.recursive(
    st.none() | st.integers(10_000, 99_999) | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES) | TEXTS, inner, max_size=4)
    ),
    max_leaves=25,
)


@fuzz.bounded(150)
@given(st.dictionaries(st.sampled_from(NAMES), JSON, max_size=8))
def test_every_value_is_kept_or_noted(sent: dict[str, Any]) -> None:
    fields, fingerprint = to_fields(json.loads(json.dumps(sent)), RECEIVED_MS, None, ADDRESS)
    v2.group(fields, fingerprint)
    stored = unpack(pack(fields))  # type: ignore[arg-type]  # StoredEvent adds optional fields
    assert lost(sent, stored) == []
