"""spec/legacy-api: the actions, anything else, and what an operator can set."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from errata.config import settings
from errata.models.ids import now_ms
from errata.store import issue_deletions, legacy, watermarks
from errata.usecases import projects
from tests.support import stream
from tests.support.account import Clock, Project, new_project, rows
from tests.support.calls import Call, conflicting, watched
from tests.support.clients import capture, errors, events, ingest, php
from tests.support.gateway import Response, call, handler

ON = ("LEGACY_API", "LEGACY_AUTO_CREATE", "LEGACY_READ", "LEGACY_CLEAR")


def assert_refused(response: Response, status: int, *fields: str) -> None:
    """Assert that the response is an error of the contract and names these fields."""
    assert response.status == status, response.text
    assert set(response.json) == {"ok", "error"}
    assert response.json["ok"] is False
    assert all(field in response.json["error"] for field in fields), response.text


def clear(project: Project) -> int:
    response = php(action="clear", hash=project.key)
    assert (response.status, set(response.json), response.json["ok"]) == (
        200,
        {"ok", "deleted"},
        True,
    )
    deleted: int = response.json["deleted"]
    return deleted


def clean_up(project: Project) -> None:
    """Run cleanup, as the stream does after a clear."""
    stream.cleaned(project.id)


# ------------------------------------------------------------------ errors


def test_errors_after_since_are_listed_in_ascending_order(busy: Project) -> None:
    for n in range(1, 6):
        capture(busy, message=str(n))
    assert [error["id"] for error in errors(busy)] == [1, 2, 3, 4, 5]
    assert [error["message"] for error in errors(busy, since=3)] == ["4", "5"]
    assert errors(busy, since=5) == errors(busy, since=999_999_999_999) == []
    assert len(php(action="errors", hash=busy.key, since="").json["errors"]) == 5


def test_errors_that_do_not_fit_into_a_response_are_in_the_next_one(busy: Project) -> None:
    long = "x" * 1_000_000
    for n in range(7):
        capture(busy, message=f"{n}{long}")
    seen: list[int] = []
    responses = 0
    while found := errors(busy, since=seen[-1] if seen else 0):
        seen += [error["id"] for error in found]
        responses += 1
    assert (seen, responses) == ([1, 2, 3, 4, 5, 6, 7], 2)


def hide_from(operation: str, sort_key: str) -> Callable[[Call], Any]:
    """Hide an item from one kind of read: each read may see only a part of a transaction."""

    def without(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [item for item in items if item["sk"]["S"] != sort_key]

    def watch(call: Call) -> Any:
        response = call.send()
        if call.operation == operation == "Query":
            response["Items"] = without(response["Items"])
        elif call.operation == operation == "BatchGetItem":
            response["Responses"] = {
                t: without(found) for t, found in response["Responses"].items()
            }
        return response

    return watch


@pytest.mark.parametrize("operation", ["Query", "BatchGetItem"])
def test_an_error_that_a_read_sees_only_in_part_is_not_skipped(
    busy: Project, operation: str
) -> None:
    for n in range(1, 4):
        capture(busy, message=str(n))
    (second,) = [row for row in rows()["EVENTS_TABLE"] if row["sk"]["S"] == f"{2:012d}"]
    hidden = second["sk"]["S"] if operation == "Query" else second["event"]["S"]
    with watched(hide_from(operation, hidden)):
        assert [error["id"] for error in errors(busy)] == [1, 2, 3]
        assert [error["id"] for error in errors(busy, since=1)] == [2, 3]


def test_reading_past_an_error_that_is_being_written_is_503(busy: Project, clock: Clock) -> None:
    for n in range(1, 4):
        capture(busy, message=str(n))
    hide = hide_from("Query", f"{2:012d}")

    def watch(call: Call) -> Any:
        if call.operation == "TransactGetItems":
            raise conflicting(call)
        return hide(call)

    with watched(watch):
        response = php(action="errors", hash=busy.key, since=1)
    assert_refused(response, 503)
    assert response.headers["Retry-After"] == "1"
    assert [error["id"] for error in errors(busy, since=1)] == [2, 3]


def test_a_gap_in_the_numbers_is_skipped(busy: Project) -> None:
    for n in range(1, 4):
        capture(busy, message=str(n))
    (event,) = [event for event in events(busy) if event["message"] == "2"]
    issue_deletions.delete_events(busy.id, [event["id"]])
    assert [error["id"] for error in errors(busy)] == [1, 3]


@pytest.mark.parametrize("since", ["-1", "1.5", "x", "1e3", " 1", "0x10", "٣", "9" * 13, "null"])
def test_a_bad_since_is_named(busy: Project, since: str) -> None:
    assert_refused(php(action="errors", hash=busy.key, since=since), 400, "since")


def test_an_unknown_key_has_no_errors_and_nothing_to_clear() -> None:
    before = rows()
    unknown = Project("", "unknown")
    assert errors(unknown) == []
    assert clear(unknown) == 0
    assert rows() == before


def test_a_key_whose_project_another_process_has_just_created_works() -> None:
    new = Project("", "brought by a script")
    assert errors(new) == []
    assert clear(new) == 0
    # Another process does this, and this one is not notified.
    projects.create("unnamed", new.key)
    (project,) = projects.list_projects()
    legacy.put_legacy(stream.event(project.id, now_ms(), legacy={"level": "Notice"}), 1, 30)
    assert [error["id"] for error in errors(new)] == [1]
    assert clear(new) == 1


@pytest.mark.parametrize("action", ["errors", "clear"])
def test_a_missing_hash_is_named(busy: Project, action: str) -> None:
    capture(busy)
    assert_refused(php(action=action), 400, "hash")
    assert_refused(php(action=action, hash=""), 400, "hash")
    assert len(errors(busy)) == 1


def test_received_at_is_utc_to_the_second(busy: Project, clock: Clock) -> None:
    clock.ns = 1_776_168_000_999_000_000
    capture(busy)
    assert errors(busy)[0]["received_at"] == "2026-04-14 12:00:00"


def test_events_of_other_endpoints_are_not_listed_as_errors(busy: Project) -> None:
    capture(busy)
    ingest(busy)
    assert [error["id"] for error in errors(busy)] == [1]


# ------------------------------------------------------------------ clear


def test_clear_counts_the_deleted_errors_and_numbering_continues(busy: Project) -> None:
    assert clear(busy) == 0
    assert [capture(busy).json["id"] for _ in range(4)] == [1, 2, 3, 4]
    assert clear(busy) == 4
    assert errors(busy) == events(busy) == []
    assert clear(busy) == 0
    assert capture(busy).json["id"] == 5
    assert [error["id"] for error in errors(busy)] == [5]
    clean_up(busy)
    assert [error["id"] for error in errors(busy)] == [5]
    assert clear(busy) == 1
    clean_up(busy)
    assert capture(busy).json["id"] == 6


def test_clear_hides_and_deletes_the_events_of_all_endpoints(busy: Project, clock: Clock) -> None:
    capture(busy)
    ingest(busy)
    clock.advance(1)
    for deleted in (1, 0, 0):
        assert clear(busy) == deleted
        assert events(busy) == []
        clock.advance(1)
    clean_up(busy)
    assert stream.stored_events() == []


def test_an_error_that_is_accepted_after_a_clear_stays(busy: Project, clock: Clock) -> None:
    for _ in range(3):
        capture(busy)
        ingest(busy)
        clear(busy)
        capture(busy)
        ingest(busy)
        clean_up(busy)
        assert (len(errors(busy)), len(events(busy))) == (1, 2)
        clock.advance(40)
        clear(busy)


def test_an_event_that_is_stored_after_a_clear_stays_however_busy_the_project_is(
    busy: Project, clock: Clock
) -> None:
    # Its id is from before the clear, but it is stored after it.
    late = stream.event(busy.id, clock.ms - 2_000, message="late")
    stream.put(stream.event(busy.id, clock.ms - 10 * n) for n in range(1_500))
    assert clear(busy) == 0
    stream.put([late])
    assert [event["message"] for event in events(busy)] == ["late"]
    clean_up(busy)
    assert [event["message"] for event in events(busy)] == ["late"]


def test_a_clear_with_more_recent_events_than_a_watermark_can_list_is_503(
    busy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watermarks, "MOST_IDS", 2)
    for _ in range(3):
        ingest(busy)
    before = rows()
    response = php(action="clear", hash=busy.key)
    assert_refused(response, 503)
    assert response.headers["Retry-After"] == "1"
    assert rows() == before


def test_clear_does_not_affect_other_projects(busy: Project) -> None:
    other = new_project()
    capture(busy)
    capture(other)
    assert clear(busy) == 1
    clean_up(busy)
    assert len(errors(other)) == len(events(other)) == 1


def test_one_cleanup_also_does_the_work_of_later_clears(busy: Project, clock: Clock) -> None:
    records: list[dict[str, Any]] = []
    for _ in range(6):
        ingest(busy)
        stream.pump(stream.records())
        clear(busy)
        (watermark,) = [row for row in rows()["EVENTS_TABLE"] if row["sk"]["S"] == "clear"]
        records.append(stream.record(watermark, len(records) + 1))
        clock.advance(60)
    assert rows()["ISSUES_TABLE"]
    handler("cleanup")({"Records": records[:1]}, None)
    # The numbers of issues go on after a clear.
    (counter,) = rows()["ISSUES_TABLE"]
    assert (counter["sk"]["S"], counter["last"]["N"]) == ("numbers", "6")
    assert stream.stored_events() == []


def test_cleanup_deletes_what_was_cleared_and_nothing_else(busy: Project, clock: Clock) -> None:
    for _ in range(30):
        capture(busy)
        ingest(busy)
    clear(busy)
    clock.advance(0.01)
    kept = {capture(busy).json["id"], ingest(busy).json["id"]}
    clean_up(busy)
    clean_up(busy)
    assert len(kept) == len(stream.stored_events()) == len(events(busy)) == 2
    numbers = [row for row in rows()["EVENTS_TABLE"] if row["pk"]["S"] == f"{busy.id}#legacy"]
    # Those of cleared errors are left to expire. None of them is read again.
    assert [row["sk"]["S"] for row in numbers] == [f"{number:012d}" for number in range(1, 32)]
    assert len(errors(busy)) == 1


# ------------------------------------------------------------------ anything else


def test_a_missing_or_unknown_action_is_named(busy: Project) -> None:
    for query in ({}, {"action": ""}, {"action": "drop"}, {"action": "Errors"}):
        assert_refused(php(**query, hash=busy.key), 400, "action")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_another_method_is_refused(busy: Project, method: str) -> None:
    response = php(method, action="clear", hash=busy.key)
    assert_refused(response, 405)
    assert response.headers["Allow"] == "GET, HEAD, POST"


def test_head_has_the_status_of_get_without_a_body_and_changes_nothing(busy: Project) -> None:
    capture(busy)
    before = rows()
    for query in ({"action": "generate"}, {"action": "errors"}, {"action": "clear"}):
        response = php("HEAD", **query, hash=busy.key)
        assert (response.status, response.text) == (200, "")
    assert (php("HEAD").status, php("HEAD").text) == (400, "")
    assert rows() == before


def test_the_limits_are_those_of_the_ingest_api(project: Project, clock: Clock) -> None:
    assert [capture(project).status for _ in range(61)] == [200] * 60 + [429]
    for limited in (capture(project), php(action="errors", hash=project.key)):
        assert_refused(limited, 429)
        assert limited.headers["Retry-After"] == "1"
    clock.advance(1)
    assert [ingest(project).status for _ in range(2)] == [202, 429]


def test_creation_is_limited_by_address(clock: Clock) -> None:
    made = [php(action="generate").status for _ in range(30)]
    made += [capture(Project("", f"new {n}")).status for n in range(31)]
    assert made == [200] * 60 + [429]
    assert_refused(php(action="generate"), 429)
    assert_refused(php(action="errors", hash="unknown"), 429)
    assert_refused(call("POST", "/api.php", b"not JSON"), 429)
    elsewhere = call("GET", "/api.php?action=generate", ip="198.51.100.7")
    assert re.fullmatch(r'\{"hash": "[0-9a-f]{32}"\}', elsewhere.text)


# ------------------------------------------------------------------ what an operator can set


def switch(patch: pytest.MonkeyPatch, *off: str) -> None:
    for name in ON:
        patch.setenv(name, "off" if name in off else "on")
    settings.cache_clear()


def test_the_whole_api_can_be_switched_off(busy: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    switch(monkeypatch, "LEGACY_API")
    before = rows()
    assert_refused(capture(busy), 403)
    for action in ("generate", "errors", "clear"):
        assert_refused(php(action=action, hash=busy.key), 403)
    assert rows() == before
    assert ingest(busy).status == 202


def test_creation_can_be_switched_off(busy: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    switch(monkeypatch, "LEGACY_AUTO_CREATE")
    before = rows()
    assert_refused(capture(Project("", "new")), 403, "hash")
    assert_refused(php(action="generate"), 403, "generate")
    assert rows() == before
    assert capture(busy).status == 200


@pytest.mark.parametrize(("name", "off"), [("LEGACY_READ", "errors"), ("LEGACY_CLEAR", "clear")])
def test_reading_and_clearing_can_be_switched_off(
    busy: Project, monkeypatch: pytest.MonkeyPatch, name: str, off: str
) -> None:
    switch(monkeypatch, name)
    capture(busy)
    assert_refused(php(action=off, hash=busy.key), 403, off)
    assert_refused(php(action=off, hash="unknown"), 403, off)
    others = {"errors", "clear", "generate"} - {off}
    assert {php(action=each, hash=busy.key).status for each in others} == {200}


# ------------------------------------------------------------------ a limit on new projects


def generate_from(ip: str) -> Response:
    return call("GET", "/api.php?action=generate", ip=ip)


def submit_from(ip: str, key: str) -> Response:
    error = {"hash": key, "level": "Warning", "message": "careful"}
    return call("POST", "/api.php", error, ip=ip)


def create_hundred(clock: Clock, ip: str) -> None:
    """Create 100 projects from this address, slower than the rate limit, at noon UTC."""
    now = now_ms()
    clock.advance((43_200_000 - now % 86_400_000) % 86_400_000 / 1000)
    for n in range(50):
        assert submit_from(ip, f"script {n}").status == 200
        assert generate_from(ip).status == 200
        clock.advance(2)


def test_an_address_block_creates_at_most_100_projects_a_day(clock: Clock) -> None:
    create_hundred(clock, "2001:db8::1")
    for response in (
        generate_from("2001:db8::2"),
        submit_from("2001:db8:0:ff::3", "one more"),
    ):
        assert_refused(response, 429, "2001:db8::/48 has created 100 projects today", "tomorrow")
        assert 43_000 < int(response.headers["Retry-After"]) <= 43_200
    assert len(projects.list_projects()) == 100
    assert submit_from("2001:db8::1", "script 1").json["id"] == 2
    assert generate_from("2001:db8:1::1").status == 200
    clock.advance(43_200)
    assert generate_from("2001:db8::1").status == 200


def test_only_created_projects_count_against_the_daily_limit(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("errata.usecases.legacy.MAX_CREATIONS", 2)
    error = {"hash": "new", "level": 1}
    assert call("POST", "/api.php", error, ip="192.0.2.1").status == 400
    assert [submit_from("192.0.2.1", "a").status for _ in range(3)] == [200] * 3
    assert [submit_from("192.0.2.1", key).status for key in "bcd"] == [200, 429, 429]


def test_on_a_local_stack_its_own_machine_creates_any_number_of_projects(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("errata.usecases.legacy.MAX_CREATIONS", 2)
    assert [generate_from(ip).status for ip in ("127.0.0.1", "::1") * 3] == [200] * 6
