"""spec/legacy-api, `POST /api.php`, and what becomes of an error sent there."""

from typing import Any

import pytest

from errata.usecases import projects
from tests.support.account import Clock, Project, new_project, rows
from tests.support.calls import Call, conflicting, watched
from tests.support.clients import capture, errors, events, ingest, php
from tests.support.gateway import Response, call

REQUEST = {
    "method": "POST",
    "url": "http://localhost/page?id=5",
    "get": {"id": "5"},
    "post": ["any", {"json": None}],
}


def assert_refused(response: Response, status: int, *fields: str) -> None:
    """Assert that the response is an error of the contract and names these fields."""
    assert response.status == status, response.text
    assert set(response.json) == {"ok", "error"}
    assert response.json["ok"] is False
    assert all(field in response.json["error"] for field in fields), response.text


def test_every_field_is_read_back(project: Project, clock: Clock) -> None:
    sent = capture(project, file="/a.php", line=42, hostname="dev", request=REQUEST)
    assert (sent.status, sent.json) == (200, {"ok": True, "id": 1})
    (error,) = errors(project)
    received = error.pop("received_at")
    assert error == {
        "id": 1,
        "level": "Warning",
        "message": "careful",
        "file": "/a.php",
        "line": 42,
        "url": "http://localhost/page?id=5",
        "method": "POST",
        "get_params": {"id": "5"},
        "post_params": ["any", {"json": None}],
        "hostname": "dev",
    }
    (event,) = events(project)
    assert event["received_at"].startswith(received.replace(" ", "T"))


def test_a_field_that_was_not_sent_is_null(project: Project) -> None:
    capture(project, level="Error", message="")
    (error,) = errors(project)
    given = {"id", "level", "message", "received_at"}
    assert {name for name, value in error.items() if value is not None} == given
    assert set(error) - given == {
        "file",
        "line",
        "url",
        "method",
        "get_params",
        "post_params",
        "hostname",
    }
    assert error["message"] == ""


def test_empty_text_zero_and_false_are_not_read_back_as_null(project: Project) -> None:
    request = {"method": "", "url": "", "get": None, "post": False}
    capture(project, file="", line=0, hostname="", request=request)
    (error,) = errors(project)
    assert (error["file"], error["line"], error["hostname"]) == ("", 0, "")
    assert (error["method"], error["url"]) == ("", "")
    assert (error["get_params"], error["post_params"]) == (None, False)


@pytest.mark.parametrize("name", ["hash", "level", "message"])
def test_a_missing_field_is_named(project: Project, name: str) -> None:
    before = rows()
    error = {"hash": project.key, "level": "Error", "message": "boom"}
    del error[name]
    assert_refused(call("POST", "/api.php", error), 400, name)
    assert_refused(call("POST", "/api.php", {**error, name: None}), 400, name)
    assert rows() == before


def test_a_bad_field_is_named(project: Project) -> None:
    no_text: list[Any] = [5, 1.5, True, [], {}]
    no_integer: list[Any] = ["5", 1.5, 5.0, True, [], {}]
    bad = {
        **dict.fromkeys(("hash", "level", "message", "file", "hostname"), no_text),
        "line": no_integer,
        "request": ["x", 5, True, []],
    }
    before = rows()
    for name, values in bad.items():
        for value in values:
            assert_refused(capture(project, **{name: value}), 400, name)
    for name in ("method", "url"):
        for value in no_text:
            refused = capture(project, request={name: value})
            assert_refused(refused, 400, f"request.{name}")
    for name, value in {"hash": "", "level": ""}.items():
        assert_refused(capture(project, **{name: value}), 400, name)
    assert rows() == before


def test_a_body_that_is_not_a_json_object_is_refused(project: Project) -> None:
    for body in (b"", b"null", b"[]", b"5", b'"text"', b"{", b"\xff", b"hash=x&level=y"):
        assert_refused(call("POST", "/api.php", body), 400)


def test_each_project_numbers_its_errors_from_1_without_gaps(project: Project) -> None:
    other = new_project()
    sent = [capture(each).json["id"] for each in (project, other, project, other, project)]
    assert sent == [1, 1, 2, 2, 3]
    capture(project, line="bad")
    ingest(project)
    assert capture(project).json["id"] == 4


@pytest.mark.parametrize(
    ("level", "severity", "exception_class"),
    [
        ("Fatal Error", "error", None),
        ("Error", "error", None),
        ("Warning", "warning", None),
        ("User Warning", "warning", None),
        ("Notice", "info", None),
        ("Deprecated", "info", None),
        ("Strict Standards", "info", None),
        ("Info", "info", None),
        ("Debug", "debug", None),
        ("E_WARNING", "warning", None),
        ("E_USER_DEPRECATED", "info", None),
        ("warning: disk nearly full", "warning", None),
        ("Login failed", "error", None),
        ("ValueError", "error", "ValueError"),
        ("LogicException", "error", "LogicException"),
        ("DeprecationWarning", "warning", "DeprecationWarning"),
        ("KeyboardInterrupt", "error", "KeyboardInterrupt"),
        ("App\\Http\\NotFound", "error", "App\\Http\\NotFound"),
        ("java.lang.IllegalStateException", "error", "java.lang.IllegalStateException"),
        ("Net::HTTPBadResponse", "error", "Net::HTTPBadResponse"),
        ("something else", "error", None),
    ],
)
def test_a_level_is_kept_and_mapped(
    project: Project, level: str, severity: str, exception_class: str | None
) -> None:
    capture(project, level=level)
    assert errors(project)[0]["level"] == level
    (event,) = events(project)
    assert (event["level"], event["exception_class"]) == (severity, exception_class)
    assert event["legacy"] == {"id": 1, "level": level}


def test_an_error_is_an_event_like_any_other(project: Project, clock: Clock) -> None:
    capture(project, file="/a.php", line=42, hostname="dev", request=REQUEST)
    clock.advance(1)
    ingest(project, {"message": "careful", "file": "/a.php", "line": 42})
    second, first = events(project)
    assert (first["message"], first["file"], first["line"]) == ("careful", "/a.php", 42)
    assert (first["server_name"], first["url"]) == ("dev", "http://localhost/page?id=5")
    assert first["context"] == {"request": REQUEST}
    assert first["issue_id"] == second["issue_id"]
    assert "legacy" not in second


# ------------------------------------------------------------------ keys


def test_an_unknown_key_creates_a_project(project: Project) -> None:
    assert capture(Project("", "my own key")).json == {"ok": True, "id": 1}
    made = Project("2", "my own key")
    assert [error["id"] for error in errors(made)] == [1]
    assert len(events(made)) == 1
    assert ingest(made).status == 202
    assert capture(made).json["id"] == 2


def test_an_error_is_accepted_if_another_request_is_creating_its_project(
    clock: Clock,
) -> None:
    met: list[Call] = []

    def watch(call: Call) -> Any:
        if call.operation == "TransactWriteItems" and not met:
            met.append(call)
            raise conflicting(call)
        return call.send()

    with watched(watch):
        response = capture(Project("", "brought by two"))
    assert met
    assert response.json == {"ok": True, "id": 1}


def test_a_bad_error_creates_no_project() -> None:
    assert_refused(capture(Project("", "my own key"), line="bad"), 400, "line")
    assert rows()["PROJECTS_TABLE"] == []


def test_a_generated_key_is_random_and_opens_both_apis() -> None:
    keys = [php(action="generate", name=name).json["hash"] for name in ("shop", "", "x" * 5_000)]
    keys.append(php(action="generate").json["hash"])
    assert len(set(keys)) == 4
    for number, key in enumerate(keys, start=1):
        assert len(key) == 32
        assert set(key) <= set("0123456789abcdef")
        made = Project(str(number), key)
        assert ingest(made).status == 202
        assert capture(made).json == {"ok": True, "id": 1}
        assert len(events(made)) == 2
    assert projects.find("1").name == "shop"


def test_a_key_that_an_operator_created_works_here(project: Project) -> None:
    assert capture(project).status == 200
    assert len(errors(project)) == 1


def test_a_revoked_key_is_refused_and_creates_nothing(project: Project, clock: Clock) -> None:
    capture(project)
    record, _ = projects.list_keys(project.id)
    projects.revoke_key(project.id, record.id)
    clock.advance(30)
    before = rows()
    assert_refused(capture(project), 403, "hash")
    assert errors(project) == []
    assert php(action="clear", hash=project.key).json == {"ok": True, "deleted": 0}
    assert rows() == before


def test_attempts_with_a_revoked_key_are_rate_limited_by_address(
    project: Project, clock: Clock
) -> None:
    record, _ = projects.list_keys(project.id)
    projects.revoke_key(project.id, record.id)
    assert [capture(project).status for _ in range(61)] == [403] * 60 + [429]
