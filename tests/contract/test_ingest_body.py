"""spec/ingest-api, "Body of an ingest": what each field may be, and what becomes of it."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.account import Project, rows
from tests.support.clients import events, ingest, kept
from tests.support.gateway import call

EVERYTHING: dict[str, Any] = {
    "message": "invalid literal for int()",
    "exception_class": "ValueError",
    "level": "warning",
    "file": "app/cart.py",
    "line": 42,
    "stack_trace": "Traceback ...\n  File ...",
    "context": {"cart": {"items": [1, 2.5, None, True, "três"]}, "": "empty", "user": {"plan": 1}},
    "url": "https://shop.example/cart?id=7",
    "environment": "production",
    "release": "2026.11.1",
    "server_name": "web-3",
    "breadcrumbs": [
        {
            "type": "navigation",
            "category": "ui",
            "message": "to cart",
            "level": "info",
            "timestamp": "2026-11-22T09:59:58Z",
            "data": {"from": "/", "to": "/cart"},
        },
        {"message": "clicked", "timestamp": 1795341598.5},
        {},
    ],
    "timestamp": "2026-11-22T10:00:00+01:00",
    "fingerprint": "cart-int",
    "source_map_url": "https://cdn.example/app.js.map",
    "source_map": "eyJ2ZXJzaW9uIjozfQ==",
    "minified_stack": "at a (app.js:1:2)",
}
USER = {"id": 7, "email": "a@b.example", "username": "ada", "name": "Ada", "ip_address": "::1"}

STRINGS = [
    "message",
    "exception_class",
    "file",
    "stack_trace",
    "url",
    "environment",
    "release",
    "server_name",
    "timestamp",
    "fingerprint",
    "source_map_url",
    "source_map",
    "minified_stack",
]

NO_TEXT: list[Any] = [5, 1.5, True, [], {}]


def named_fields(project: Project, body: Any) -> set[str]:
    """Return the fields that the response to a refused body names."""
    refused = ingest(project, body)
    assert refused.status == 422, refused.text
    assert set(refused.json) == {"message", "errors"}
    named: dict[str, list[str]] = refused.json["errors"]
    assert all(texts and all(isinstance(text, str) for text in texts) for texts in named.values())
    return set(named)


@pytest.fixture(autouse=True)
def _refused_bodies_leave_nothing(busy: Project) -> Iterator[None]:
    yield
    stored = rows()
    assert len(stored["EVENTS_TABLE"]) == len(events(busy))
    assert stored["IDEMPOTENCY_TABLE"] == []


@pytest.mark.parametrize("route", ["/api/ingest", "/api/v1/ingest"])
def test_every_field_is_read_back(busy: Project, route: str) -> None:
    sent = {**EVERYTHING, "user": USER}
    accepted = call("POST", route, sent, {"X-Api-Key": busy.key})
    assert accepted.status == 202
    assert set(accepted.json) == {"id"}
    uuid.UUID(accepted.json["id"])
    (event,) = events(busy)
    merged = {"plan": 1, **USER}
    assert event["id"] == accepted.json["id"]
    assert event["context"] == {**EVERYTHING["context"], "user": merged}
    assert event["user"] == merged
    assert {name: event[name] for name in EVERYTHING if name != "context"} == {
        name: value for name, value in EVERYTHING.items() if name != "context"
    }


@pytest.mark.parametrize("name", ["message", "exception_class"])
def test_either_message_or_exception_class_is_enough(busy: Project, name: str) -> None:
    event = kept(busy, {name: "Boom"})
    assert (event[name], event["level"]) == ("Boom", "error")


def test_without_message_and_exception_class_both_are_named(busy: Project) -> None:
    nothing: list[Any] = [{}, {"message": ""}, {"message": None, "exception_class": ""}]
    for body in [*nothing, {"level": "info"}]:
        assert named_fields(busy, body) == {"message", "exception_class"}


def test_the_four_levels_are_kept_and_any_other_is_refused(busy: Project) -> None:
    for level in ("error", "warning", "info", "debug"):
        assert kept(busy, {"message": "boom", "level": level})["level"] == level
    others: list[Any] = ["fatal", "ERROR", "", 1, True, [], {}]
    for bad in others:
        assert named_fields(busy, {"message": "boom", "level": bad}) == {"level"}


@pytest.mark.parametrize("name", STRINGS)
def test_a_text_field_that_is_not_text_is_named(busy: Project, name: str) -> None:
    for value in NO_TEXT:
        body = {"message": "boom", "exception_class": "E", name: value}
        assert named_fields(busy, body) == {name}


def test_a_line_is_an_integer(busy: Project) -> None:
    for line in (0, 1, -1, 2**63):
        assert kept(busy, {"message": "boom", "line": line})["line"] == line
    others: list[Any] = [1.5, "4x", "", True, False, [], {}, 1e300]
    for bad in others:
        assert named_fields(busy, {"message": "boom", "line": bad}) == {"line"}


@pytest.mark.parametrize("name", ["context", "user"])
def test_an_object_field_that_is_not_an_object_is_named(busy: Project, name: str) -> None:
    others: list[Any] = ["x", 5, True, []]
    for value in others:
        assert named_fields(busy, {"message": "boom", name: value}) == {name}


def test_a_bad_part_of_the_user_is_named(busy: Project) -> None:
    for name in USER:
        for value in NO_TEXT[-2:]:
            body = {"message": "boom", "user": {name: value}}
            assert named_fields(busy, body) == {f"user.{name}"}


def test_a_user_s_id_may_be_a_number_or_a_text(busy: Project) -> None:
    for identity in (7, "seven", 7.5):
        event = kept(busy, {"message": "boom", "user": {"id": identity, "shoe_size": 43}})
        assert event["context"] == {"user": {"id": identity}}


def test_the_user_is_merged_into_the_user_of_the_context(busy: Project) -> None:
    context = {"user": {"id": 1, "plan": "gold"}, "cart": 5}
    event = kept(busy, {"message": "boom", "context": context, "user": {"id": 2, "name": "Ada"}})
    assert event["context"] == {"user": {"id": 2, "plan": "gold", "name": "Ada"}, "cart": 5}


def test_a_user_of_the_context_that_is_not_an_object_is_replaced(busy: Project) -> None:
    body = {"message": "boom", "context": {"user": "ada"}, "user": {"name": "Ada"}}
    assert kept(busy, body)["context"] == {"user": {"name": "Ada"}}


def test_fifty_breadcrumbs_are_kept_and_more_are_refused(busy: Project) -> None:
    crumbs = [{"message": str(n)} for n in range(51)]
    assert named_fields(busy, {"message": "boom", "breadcrumbs": crumbs}) == {"breadcrumbs"}
    event = kept(busy, {"message": "boom", "breadcrumbs": crumbs[:50]})
    assert event["breadcrumbs"] == crumbs[:50]


def test_a_bad_breadcrumb_is_named(busy: Project) -> None:
    bad: list[tuple[Any, str]] = [
        ("x", "breadcrumbs"),
        ({}, "breadcrumbs"),
        ([1], "breadcrumbs.0"),
        ([{}, {"data": []}], "breadcrumbs.1.data"),
        ([{"message": 5}], "breadcrumbs.0.message"),
        ([{"timestamp": []}], "breadcrumbs.0.timestamp"),
    ]
    for breadcrumbs, name in bad:
        assert named_fields(busy, {"message": "boom", "breadcrumbs": breadcrumbs}) == {name}


def test_a_timestamp_is_iso_8601_and_kept_as_sent(busy: Project) -> None:
    for good in ("2026-11-22", "2026-11-22T10:00:00Z", "2026-11-22T10:00:00.123456+05:30"):
        assert kept(busy, {"message": "boom", "timestamp": good})["timestamp"] == good
    for bad in ("", "yesterday", "1795341598", "2026-13-01T00:00:00Z"):
        assert named_fields(busy, {"message": "boom", "timestamp": bad}) == {"timestamp"}


def test_without_a_timestamp_the_time_of_receipt_is_used(busy: Project) -> None:
    event = kept(busy, {"message": "boom"})
    assert event["timestamp"] == event["received_at"]


def test_a_source_map_url_must_be_a_url(busy: Project) -> None:
    for url in ("", "app.js.map", "http://", "//cdn.example/a", "http://a b/c"):
        body = {"message": "boom", "source_map_url": url}
        assert named_fields(busy, body) == {"source_map_url"}


def test_every_bad_field_is_named_at_once(busy: Project) -> None:
    bad: dict[str, Any] = dict.fromkeys(STRINGS, 5)
    bad |= {"line": True, "level": "loud", "context": [], "user": 1, "breadcrumbs": [{"data": 1}]}
    assert named_fields(busy, bad) == {*bad, "breadcrumbs.0.data"} - {"breadcrumbs"}


def test_invalid_values_are_named_together_with_wrong_types(busy: Project) -> None:
    body = {"timestamp": "soon", "source_map_url": "no", "level": "loud", "line": False}
    assert named_fields(busy, body) == {"message", "exception_class", *body}


def test_unknown_fields_are_ignored(busy: Project) -> None:
    event = kept(busy, {"message": "boom", "id": "mine", "tags": [1], "received_at": "never"})
    assert event["id"] != "mine"
    assert "tags" not in event


def test_null_is_the_same_as_absent(busy: Project) -> None:
    nothing = dict.fromkeys([*EVERYTHING, "user"])
    event = kept(busy, {**nothing, "message": "boom"})
    assert (event["level"], event["grouping"], event["context"]) == ("error", "v1", None)


def test_an_empty_fingerprint_is_refused(busy: Project) -> None:
    assert named_fields(busy, {"message": "boom", "fingerprint": ""}) == {"fingerprint"}


def test_a_body_that_is_not_a_json_object_is_refused(busy: Project) -> None:
    for body in (b"", b"null", b"[]", b"5", b'"text"', b"{", b"{}x", b"\xff", b"\x00"):
        assert named_fields(busy, body) == {"body"}
