"""Convert an SDK's event into event fields. An invalid part does not affect the others."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.models.event import pack, unpack
from errata.models.ids import sdk_event_id
from errata.protocol.sentry.event import milliseconds, to_fields
from tests.support import fuzz

RECEIVED_MS = 1_795_334_940_123
NOW = "2026-11-22T08:09:00.123Z"
ADDRESS = "203.0.113.9"

FRAME = {
    "filename": "shop/cart.py",
    "abs_path": "/app/shop/cart.py",
    "module": "shop.cart",
    "function": "total",
    "lineno": 12,
    "in_app": True,
    "pre_context": ["def total(self):"],
    "context_line": "    return prices[name]",
    "post_context": [""],
    "vars": {"name": "'lamp'"},
}
EVENT: dict[str, Any] = {
    "event_id": "fc6d8c0c43fc4630ad850ee518f1b9d0",
    "timestamp": NOW,
    "level": "error",
    "platform": "python",
    "logger": "shop",
    "transaction": "checkout",
    "server_name": "web-1",
    "release": "shop@1.2.3",
    "dist": "7",
    "environment": "production",
    "exception": {
        "values": [
            {"type": "OSError", "value": "disk full", "mechanism": {"type": "chained"}},
            {
                "type": "KeyError",
                "value": "'lamp'",
                "module": "builtins",
                "mechanism": {"type": "excepthook", "handled": False},
                "thread_id": 4711,
                "stacktrace": {
                    "frames": [
                        {**FRAME, "function": "main", "lineno": 3},
                        FRAME,
                        {"filename": "json/decoder.py", "function": "decode", "in_app": False},
                    ]
                },
            },
        ]
    },
    "threads": {"values": [{"id": "1", "name": "MainThread", "crashed": True}]},
    "breadcrumbs": {"values": [{"type": "log", "category": "db", "message": "SELECT 1"}]},
    "request": {
        "url": "https://shop.example.com/checkout",
        "method": "POST",
        "headers": [["Host", "shop.example.com"]],
    },
    "user": {"id": 7, "ip_address": "{{auto}}"},
    "tags": [["plan", "free"], ["status", 500]],
    "contexts": {"runtime": {"name": "CPython", "version": "3.13.0"}},
    "extra": {"attempt": 2},
    "modules": {"flask": "3.1.2"},
    "sdk": {"name": "sentry.python", "version": "2.45.0"},
    "debug_meta": {"images": []},
    "fingerprint": ["{{ default }}", "shop"],
}


def fields_of(sent: dict[str, Any], sent_at_ms: int | None = None) -> Any:
    return to_fields(sent, RECEIVED_MS, sent_at_ms, ADDRESS)[0]


def test_an_event_with_every_field_is_converted() -> None:
    fields, fingerprint = to_fields(EVENT, RECEIVED_MS, None, ADDRESS)
    assert fingerprint == ["{{ default }}", "shop"]
    assert fields == {
        "message": "'lamp'",
        "exception_class": "KeyError",
        "level": "error",
        "file": "shop/cart.py",
        "line": 12,
        "url": "https://shop.example.com/checkout",
        "environment": "production",
        "release": "shop@1.2.3",
        "server_name": "web-1",
        "timestamp": NOW,
        "platform": "python",
        "logger": "shop",
        "transaction": "checkout",
        "dist": "7",
        "exceptions": [
            {"type": "OSError", "value": "disk full", "mechanism": {"type": "chained"}},
            {
                "type": "KeyError",
                "value": "'lamp'",
                "module": "builtins",
                "mechanism": {"type": "excepthook", "handled": False},
                "thread_id": 4711,
                "frames": EVENT["exception"]["values"][1]["stacktrace"]["frames"],
            },
        ],
        "threads": [{"id": "1", "name": "MainThread", "crashed": True}],
        "breadcrumbs": [{"type": "log", "category": "db", "message": "SELECT 1"}],
        "context": {
            "user": {"id": 7, "ip_address": ADDRESS},
            "request": {
                "url": "https://shop.example.com/checkout",
                "method": "POST",
                "headers": {"Host": "shop.example.com"},
            },
        },
        "tags": {"plan": "free", "status": "500"},
        "contexts": {"runtime": {"name": "CPython", "version": "3.13.0"}},
        "extra": {"attempt": 2},
        "modules": {"flask": "3.1.2"},
        "sdk": {"name": "sentry.python", "version": "2.45.0"},
        "debug_meta": {"images": []},
    }


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"message": "hello"}, {"message": "hello"}),
        (
            {"logentry": {"message": "paid %s in %d s", "params": ["7 EUR", 3]}},
            {
                "message": "paid 7 EUR in 3 s",
                "logentry": {"message": "paid %s in %d s", "params": ["7 EUR", 3]},
            },
        ),
        (
            {"message": {"message": "paid %(sum)s", "params": {"sum": 7}}},
            {"message": "paid 7", "logentry": {"message": "paid %(sum)s", "params": {"sum": 7}}},
        ),
        (
            {"logentry": {"message": "paid %s", "formatted": "paid a lot", "params": ["x"]}},
            {"message": "paid a lot", "logentry": {"message": "paid %s", "params": ["x"]}},
        ),
        ({"logentry": {"message": "as it is"}}, {"message": "as it is"}),
        (
            {"logentry": {"message": "%999999999d %s %%", "params": [1]}},
            {
                "message": "1 %s %",
                "logentry": {"message": "%999999999d %s %%", "params": [1]},
            },
        ),
        ({}, {"message": ""}),
    ],
)
def test_the_message_comes_from_message_or_logentry(
    sent: dict[str, Any], kept: dict[str, Any]
) -> None:
    assert fields_of(sent) == {"level": "error", **kept}


def test_the_log_message_of_an_exception_is_kept_in_logentry() -> None:
    fields = fields_of({**EVENT, "logentry": {"message": "cannot pay %s", "params": ["7"]}})
    assert fields["message"] == "'lamp'"
    assert fields["logentry"] == {
        "message": "cannot pay %s",
        "params": ["7"],
        "formatted": "cannot pay 7",
    }


@pytest.mark.parametrize(
    ("level", "kept", "as_sent"),
    [
        ("fatal", "error", "fatal"),
        ("warn", "warning", "warn"),
        ("log", "info", "log"),
        ("debug", "debug", None),
        ("loud", "error", "loud"),
        (None, "error", None),
    ],
)
def test_levels_are_mapped_to_errata_s_levels(
    level: str | None, kept: str, as_sent: str | None
) -> None:
    fields = fields_of({"level": level})
    assert (fields["level"], fields.get("sentry_level")) == (kept, as_sent)


@pytest.mark.parametrize(
    "exception", [EVENT["exception"]["values"], EVENT["exception"]["values"][1]]
)
def test_exceptions_may_be_a_list_or_one_object(exception: Any) -> None:
    fields = fields_of({**EVENT, "exception": exception})
    assert fields["exceptions"][-1]["type"] == "KeyError"


@pytest.mark.parametrize(
    ("path", "in_app"),
    [
        ("/app/.venv/lib/python3.13/site-packages/flask/app.py", False),
        ("C:\\Python\\Lib\\site-packages\\flask\\app.py", False),
        ("node:internal/process", False),
        ("/app/node_modules/express/lib/router.js", False),
        ("/app/server.js", True),
    ],
)
def test_the_path_decides_whether_a_frame_is_in_app(path: str, in_app: bool) -> None:
    frame = {"abs_path": path, "function": "f"}
    fields = fields_of({"exception": [{"type": "E", "stacktrace": {"frames": [frame]}}]})
    assert fields["exceptions"][0]["frames"] == [{**frame, "in_app": in_app}]


def test_a_sender_cannot_set_the_fields_that_source_maps_set() -> None:
    frame = {"filename": "a.js", "in_app": True}
    forged = {"map": {"id": "../2/x", "source": 0}, "sent": {"filename": "b.js"}, "minified": "c"}
    stack = {"frames": [{**frame, **forged}]}
    assert fields_of({"stacktrace": stack})["frames"] == [frame]
    fields = fields_of({"exception": [{"type": "E", "stacktrace": stack}]})
    assert fields["exceptions"][0]["frames"] == [frame]


def test_a_stack_trace_beside_an_exception_becomes_its_frames() -> None:
    fields = fields_of({"exception": [{"type": "E"}], "stacktrace": {"frames": [FRAME]}})
    assert fields["exceptions"][0]["frames"] == [FRAME]
    fields = fields_of({"message": "here", "stacktrace": {"frames": [FRAME]}})
    assert (fields["frames"], fields["file"], fields["line"]) == ([FRAME], "shop/cart.py", 12)


def test_a_synthetic_exception_of_javascript_is_a_message() -> None:
    made: dict[str, Any] = {
        "value": "here",
        "mechanism": {"type": "generic", "synthetic": True},
    }
    made["stacktrace"] = {"frames": [FRAME]}
    fields = fields_of({"message": "here", "exception": {"values": [made]}})
    assert fields == {
        "message": "here",
        "level": "error",
        "frames": [FRAME],
        "file": "shop/cart.py",
        "line": 12,
    }


def test_the_timestamp_is_corrected_if_the_client_s_clock_is_far_off() -> None:
    hour = 3_600_000
    sent = {"timestamp": (RECEIVED_MS - hour - 500) / 1000}
    assert fields_of(sent, RECEIVED_MS - hour)["timestamp"] == "2026-11-22T08:08:59.623Z"
    assert fields_of(sent, RECEIVED_MS - 900)["timestamp"] == "2026-11-22T07:08:59.623Z"
    assert fields_of(sent)["timestamp"] == "2026-11-22T07:08:59.623Z"


@pytest.mark.parametrize(
    ("value", "at_ms"),
    [
        (1_795_334_940.123, RECEIVED_MS),
        ("2026-11-22T08:09:00.123456789Z", RECEIVED_MS),
        ("2026-11-22T09:09:00.123+01:00", RECEIVED_MS),
        ("2026-11-22T08:09:00.123", RECEIVED_MS),
        ("noon", None),
        ("", None),
        (-1, None),
        (1e300, None),
        (float("nan"), None),
        ([], None),
        ({}, None),
        (None, None),
    ],
)
def test_times_are_numbers_or_iso_texts(value: Any, at_ms: int | None) -> None:
    assert milliseconds(value) == at_ms


@pytest.mark.parametrize(
    ("value", "normal"),
    [
        ("FC6D8C0C43FC4630AD850EE518F1B9D0", EVENT["event_id"]),
        ("fc6d8c0c-43fc-4630-ad85-0ee518f1b9d0", EVENT["event_id"]),
        *((value, None) for value in ("fc6d", "", "g" * 32, 7, None, ["a"])),
    ],
)
def test_event_ids_are_normalized_to_32_lower_case_hex_digits(
    value: Any, normal: str | None
) -> None:
    assert sdk_event_id(value) == normal


def paths_in(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value within a value."""
    inner: Any = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for name, each in inner:
        found.append((*path, name))
        if isinstance(each, dict | list):
            found += paths_in(each, (*path, name))
    return found


def put(value: Any, path: tuple[Any, ...], what: Any) -> None:
    for part in path[:-1]:
        value = value[part]
    value[path[-1]] = what


@pytest.mark.parametrize("wrong", [None, 7, True, "text", [], [[]], {}, {"values": 3}, ["\x00"]])
def test_an_invalid_value_removes_only_its_own_field(wrong: Any) -> None:
    whole = fields_of(EVENT)
    for path in paths_in(EVENT):
        sent = json.loads(json.dumps(EVENT))
        put(sent, path, wrong)
        fields = fields_of(sent)
        assert len(fields.get("problems", ())) <= 1, (path, fields["problems"])
        lost = [name for name in whole if name not in fields and name != path[0]]
        # The contents of an exception or a request are in other fields as well.
        assert set(lost) <= {"exceptions", "exception_class", "file", "line", "url", "context"}
        assert sent["event_id"] == EVENT["event_id"] or path == ("event_id",)


def test_each_invalid_part_is_named_in_problems() -> None:
    sent = json.loads(json.dumps(EVENT))
    sent["exception"]["values"][1]["stacktrace"]["frames"][0]["lineno"] = "twelve"
    sent["breadcrumbs"]["values"].insert(0, "a text")
    sent["environment"] = {"name": "production"}
    fields = fields_of(sent)
    assert fields["problems"] == [
        {"field": "environment", "problem": "must be a string"},
        {
            "field": "exception.1.stacktrace.frames.0.lineno",
            "problem": "must be an integer",
        },
        {"field": "breadcrumbs.0", "problem": "must be an object"},
    ]
    assert len(fields["exceptions"][1]["frames"]) == 3
    assert len(fields["breadcrumbs"]) == 1


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8"), max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*EVENT, "values", "frames", "stacktrace", "type", "value", "headers"])
            | st.text(st.characters(codec="utf-8"), max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=25,
)


@fuzz.bounded(120)
@given(st.dictionaries(st.sampled_from(sorted(EVENT)), JSON, max_size=8))
def test_any_event_becomes_fields(sent: dict[str, Any]) -> None:
    fields = fields_of(sent)
    # What is kept comes out as it went in, but for numbers that JSON cannot write.
    assert unpack(pack(fields)) == json.loads(json.dumps(fields), parse_constant=lambda _: None)
    # The fields have the types that the other endpoints keep.
    assert isinstance(fields["message"], str)
    assert fields["level"] in ("error", "warning", "info", "debug")
    for name in ("environment", "release", "server_name", "timestamp", "file", "url"):
        assert isinstance(fields.get(name, ""), str)
    assert isinstance(fields.get("line", 0), int)


ENDS: list[Any] = [
    253402300799.9999,
    1e300,
    float("inf"),
    float("nan"),
    10**400,
    -1,
    -62135596800,
    "0001-01-01T00:00:00+23:59",
    "0001-01-01T00:00:00",
    "9999-12-31T23:59:59.999999",
    "9999-12-31T23:59:59.999999-23:59",
    NOW,
]


@pytest.mark.parametrize("timestamp", ENDS)
@pytest.mark.parametrize("sent_at", ENDS)
def test_no_timestamp_loses_the_event_or_is_shown_outside_the_calendar(
    timestamp: Any, sent_at: Any
) -> None:
    sent_at_ms = milliseconds(sent_at)
    fields, _ = to_fields({**EVENT, "timestamp": timestamp}, RECEIVED_MS, sent_at_ms, ADDRESS)
    shown = fields.get("timestamp")
    assert fields["exception_class"] == "KeyError"
    assert shown is None or "1970-01-01T00:00:00.000Z" <= shown <= "9999-12-31T23:59:59.999Z"
