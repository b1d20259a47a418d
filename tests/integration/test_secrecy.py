"""Keys never appear in a log, an output or a response. A key opens only its own project."""

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from tests.support import account, fuzz
from tests.support.account import Clock, Project, new_project
from tests.support.calls import Call, fault, throttled
from tests.support.clients import BOOM, capture, events, ingest, read
from tests.support.fresh import clear_cache
from tests.support.gateway import Response, call

WRONG = "wrong-key-that-nobody-has"
ONCE = "an-idempotency-key-that-may-be-secret"


def every_request(project: Project) -> list[Response]:
    """Send keys, right and wrong, in every position of good and bad requests."""
    responses = []
    path = f"/api/projects/{project.id}/events"
    for key in (project.key, WRONG):
        for headers in ({"X-Api-Key": key}, {"Authorization": f"Bearer {key}"}):
            once = {**headers, "Idempotency-Key": ONCE}
            responses += [
                call("POST", "/api/ingest", BOOM, headers),
                call("POST", "/api/v1/ingest", BOOM, once),
                call("POST", "/api/ingest", {"message": "other"}, once),
                call("POST", "/api/ingest", {"level": 5, "api_key": key}, headers),
                call("GET", path, None, headers),
                call("GET", f"{path}?since={key}&cursor={key}&limit={key}", None, headers),
                call("GET", "/api/projects/999/events", None, headers),
            ]
        responses += [
            call("POST", "/api/ingest", {**BOOM, "api_key": key}),
            call("POST", "/api/ingest", b'{"api_key": "%s", broken' % key.encode()),
            call("POST", "/api/ingest", {**BOOM, "api_key": [key]}),
            call("GET", f"{path}?api_key={key}"),
            call("GET", f"/api/v1/projects/1/events?api_key={key}&level={key}"),
            capture(Project("", key), line="bad"),
            call("GET", f"/api.php?action=errors&hash={key}"),
            call("GET", f"/api.php?action=errors&hash={key}&since={key}"),
            call("GET", f"/api.php?action={key}&hash={key}"),
            call("GET", f"/api.php?action=clear&hash={key}"),
            call("PUT", f"/api.php?hash={key}"),
        ]
    return [*responses, capture(project)]


def unreachable(_call: Call) -> BaseException:
    return EndpointConnectionError(endpoint_url="https://dynamodb.us-east-1.amazonaws.com/")


def denied(each: Call) -> BaseException:
    error: Any = {"Code": "AccessDeniedException", "Message": "User: arn:... is not authorized"}
    return ClientError({"Error": error}, each.operation)


@pytest.mark.parametrize("error", [None, throttled, unreachable, denied])
def test_no_key_appears_in_logs_output_or_responses(
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    error: Callable[[Call], BaseException] | None,
) -> None:
    project = new_project()
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="errata")
    responses = [] if error else every_request(project)
    for number in range(1, 8) if error else ():
        clear_cache()
        with fault(number, error or throttled) as outcome:
            responses += every_request(project)
        assert outcome.struck
    if error:
        assert 503 in {response.status for response in responses}
        assert "the store failed" in caplog.text
    bodies = [json.dumps([response.text, response.headers]) for response in responses]
    logged = [f"{record.getMessage()} {vars(record)}" for record in caplog.records]
    printed = capfd.readouterr()
    for secret in (project.key, WRONG, ONCE):
        for text in [*bodies, *logged, caplog.text, printed.out, printed.err]:
            assert secret not in text


def test_no_key_is_stored_in_the_clear() -> None:
    project = new_project()
    every_request(project)
    stored = str(account.rows())
    for secret in (project.key, WRONG, ONCE):
        assert secret not in stored


# ------------------------------------------------------------------ one project, one key


def attempts(mine: Project, theirs: Project) -> dict[str, Callable[[], Response]]:
    """Return what the holder of one key can try on another project."""
    key = {"X-Api-Key": mine.key}
    bearer = {"Authorization": f"Bearer {mine.key}"}
    path = f"projects/{theirs.id}/events"
    return {
        "read": lambda: call("GET", f"/api/{path}", None, key),
        "read v1": lambda: call("GET", f"/api/v1/{path}", None, bearer),
        "read by query": lambda: call("GET", f"/api/{path}?api_key={mine.key}"),
        "write": lambda: ingest(mine, {**BOOM, "project_id": theirs.id, "project": theirs.id}),
        "write, their key in the body": lambda: ingest(mine, {**BOOM, "api_key": theirs.key}),
        "write, their key in the query": lambda: call(
            "POST", f"/api/ingest?api_key={theirs.key}", BOOM, key
        ),
        "write once": lambda: ingest(mine, BOOM, idempotency_key="theirs"),
        "submit": lambda: capture(mine),
        "errors": lambda: call("GET", f"/api.php?action=errors&hash={mine.key}&since=0"),
        "errors, their key in a header": lambda: call(
            "GET", f"/api.php?action=errors&hash={mine.key}", None, {"X-Api-Key": theirs.key}
        ),
        "clear": lambda: call("GET", f"/api.php?action=clear&hash={mine.key}"),
    }


NAMES = sorted(attempts(Project("", ""), Project("", "")))


@fuzz.bounded(10)
@given(st.lists(st.sampled_from(NAMES), min_size=3, max_size=6))
def test_no_sequence_of_requests_with_one_key_reads_or_changes_another_project(
    clock: Clock, names: list[str]
) -> None:
    clock.advance(60)  # no example uses up the rate of the address of the next one
    mine, theirs = new_project(), new_project()
    ingest(theirs, {"message": "their secret"}, idempotency_key="theirs")
    capture(theirs, message="their secret")
    before = rows_of(theirs)
    for name in names:
        response = attempts(mine, theirs)[name]()
        assert "their secret" not in response.text
        assert theirs.key not in response.text
        assert (response.status == 401) == name.startswith("read")
        assert "Idempotency-Replayed" not in response.headers or names.count("write once") > 1
    assert rows_of(theirs) == before
    assert len(events(theirs)) == 2
    assert "their secret" not in read(mine).text


def rows_of(project: Project) -> list[dict[str, Any]]:
    """Return every row that belongs to a project."""
    return [
        row
        for table in account.rows().values()
        for row in table
        if project.id in (part := row["pk"]["S"].split("#")) and part[0] in (project.id, "once")
    ]
