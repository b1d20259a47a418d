"""Log lines become events: once each, and like the events of SDKs."""

import base64
import gzip
import json
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any

import pytest

from errata.config import settings
from errata.errors import StoreError
from errata.models.ids import now_ms
from errata.models.organization import DEFAULT_ORGANIZATION
from errata.store import captures, clients
from errata.usecases import issues, organizations, projects, read_events, redrive
from tests.support import log_capture, sdk, stream
from tests.support.account import Clock, Project
from tests.support.calls import (
    Call,
    failing,
    fault,
    killed,
    recorded,
    starved,
    watched,
)
from tests.support.clients import events
from tests.support.fresh import clear_cache
from tests.support.log_capture import (
    GROUP,
    RAISED,
    REPORT,
    REQUEST_ID,
    START,
    TIMED_OUT,
    batch,
    deliver,
    forget_lines,
    line,
    put_lines,
)
from tests.support.visible import visible_in


@pytest.fixture(autouse=True)
def _no_lines(aws: None) -> None:
    forget_lines()


def test_a_timeout_becomes_an_event_with_what_lambda_knows(busy: Project, clock: Clock) -> None:
    lines = [line(START), line("stock is low"), line(TIMED_OUT, 7), line(REPORT)]
    put_lines(*lines)
    deliver(batch(busy, lines[2]))
    (event,) = events(busy)
    assert event["exception_class"] == "Sandbox.Timedout"
    assert event["message"] == "Task timed out after 3.00 seconds"
    assert event["tags"]["function"] == "shop-checkout"
    assert event["tags"]["request_id"] == REQUEST_ID
    assert event["tags"]["memory_used_mb"] == "40"
    assert event["tags"]["cold_start"] == "yes"
    assert [each["message"] for each in event["breadcrumbs"]] == ["stock is low"]
    assert event["contexts"]["log line"]["log_stream"] == log_capture.STREAM
    assert (
        event["fingerprint"] == "aws lambda\nshop-checkout\nSandbox.Timedout" or event["grouping"]
    )


def test_an_event_is_stored_with_fewer_fields_if_the_surrounding_lines_are_missing(
    busy: Project,
) -> None:
    deliver(batch(busy, line(TIMED_OUT)))
    (event,) = events(busy)
    assert not event["breadcrumbs"]
    assert event["tags"]["request_id"] == REQUEST_ID


def test_a_line_is_one_event_however_often_it_is_delivered(busy: Project, clock: Clock) -> None:
    sent = line(TIMED_OUT)
    deliver(batch(busy, sent))
    deliver(batch(busy, sent, line(RAISED, 1)))  # in another batch
    for wait_s in (1, 60, 3_600):
        clock.advance(wait_s)
        clear_cache()  # another execution environment
        deliver(batch(busy, sent))
    kinds = [event["exception_class"] for event in events(busy)]
    assert sorted(kinds) == ["KeyError", "Sandbox.Timedout"]


@pytest.mark.parametrize("late_s", [0, 3_600], ids=["prompt", "late"])
def test_a_batch_that_is_retried_after_an_interruption_stores_each_line_once(
    busy: Project, clock: Clock, late_s: int
) -> None:
    for number in count(1):
        at_ms = now_ms() - late_s * 1000
        sent = [line(TIMED_OUT, 3 * number, at_ms), line(RAISED, 3 * number + 1, at_ms)]
        clear_cache()
        with fault(number, killed, after=True) as outcome, suppress(BaseException):
            deliver(batch(busy, *sent))
        clear_cache()
        deliver(batch(busy, *sent))
        deliver(batch(busy, *sent))
        assert len(events(busy)) == 2 * number
        clock.advance(120)
        if not outcome.struck:
            assert number > 4
            return


@pytest.mark.parametrize("why", [failing, starved])
def test_a_batch_with_a_store_error_is_retried_and_stores_all_lines(
    busy: Project,
    why: Callable[[Call], BaseException],
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    left = 3  # as often as a call is tried

    def watch(call: Call) -> Any:
        nonlocal left
        if call.operation == "TransactWriteItems" and left:
            left -= 1
            raise why(call)
        return call.send()

    sent = batch(busy, line(RAISED), line(TIMED_OUT, 1))
    with watched(watch), pytest.raises(StoreError):
        deliver(sent)
    assert "event lost" not in caplog.text
    assert len(events(busy)) == (1 if why is failing else 0)
    clock.advance(60)
    deliver(sent)
    assert len(events(busy)) == 2


def test_bad_lines_do_not_block_the_other_lines(
    busy: Project, caplog: pytest.LogCaptureFixture
) -> None:
    bad: list[Any] = [{"id": 5}, "x", line("Exception: of nothing", 1), line('{"errorType":', 2)]
    deliver(batch(busy, *bad, line(RAISED, 3)))
    assert [event["exception_class"] for event in events(busy)] == ["KeyError"]
    assert f"event lost: project {busy.id}, invalid, 2" in caplog.text


def test_a_batch_with_many_lines_is_stored(busy: Project) -> None:
    # Others than the first ones of an issue are tallies.
    deliver(batch(busy, *(line(RAISED, number) for number in range(100))))
    kept = events(busy)
    assert 0 < len(kept) < 100
    stored = clients.dynamodb().scan(TableName="EventsTable", Select="COUNT")["Count"]
    assert stored == 100


def test_log_groups_of_errata_itself_are_ignored(busy: Project) -> None:
    own = [
        "errata-IngestLogs-1A2B3C4D5E6F",
        "errata-LogCapture-1XYZ-LogCaptureLogs-ABC123",
        "/aws/lambda/errata-DigestFunction-AbC123",
    ]
    for group in own:
        deliver(batch(busy, line(RAISED), group=group))
    assert events(busy) == []
    deliver(batch(busy, line(RAISED), group="/aws/lambda/errata-shop"))
    assert len(events(busy)) == 1


def test_a_batch_for_an_unknown_project_is_dropped(busy: Project) -> None:
    for name in ("errata-project-999", "errata-project-", "of somebody else", "-project-1"):
        deliver(batch(busy, line(RAISED), name=name))
    assert events(busy) == []


def test_a_malformed_lambda_event_fails() -> None:
    named = {"messageType": "DATA_MESSAGE", "logGroup": "a", "logStream": "b", "logEvents": []}
    for filters in ("", 7, None, {"a": "b"}):
        content = gzip.compress(json.dumps(named | {"subscriptionFilters": filters}).encode())
        with pytest.raises(ValueError, match="no batch"):
            deliver({"awslogs": {"data": base64.b64encode(content).decode()}})
    with pytest.raises(ValueError, match="no batch"):
        deliver({"awslogs": {}})


def test_lines_without_a_failure_cost_two_reads(busy: Project) -> None:
    with recorded() as calls:
        deliver(batch(busy, line("Exception: none"), line("all is well", 1)))
    assert [call.operation for call in calls] == ["GetItem", "GetItem"]  # project, organization


def test_events_are_scrubbed_like_those_of_sdks(busy: Project) -> None:
    text = RAISED.replace("'lamp'", "password=hunter2-hunter2")
    deliver(batch(busy, line(text)))
    (event,) = events(busy)
    assert "hunter2" not in json.dumps(event)


@pytest.mark.usefixtures("clock")
def test_lines_above_the_quota_are_refused_and_counted_as_losses(
    busy: Project, caplog: pytest.LogCaptureFixture
) -> None:
    organizations.change(DEFAULT_ORGANIZATION, monthly_quota=1)
    clear_cache()
    deliver(batch(busy, line(RAISED), line(TIMED_OUT, 1)))
    assert len(events(busy)) == 1
    assert f"event lost: project {busy.id}, quota" in caplog.text


def test_a_captured_log_group_is_recorded_once_an_hour(busy: Project, clock: Clock) -> None:
    assert projects.find(busy.id).captures is False
    deliver(batch(busy, line(RAISED)))
    assert projects.find(busy.id).captures is True
    (group,) = captures.list_groups(busy.id)
    assert (group.name, group.seen_at, group.added_by) == (GROUP, clock.ms, "")
    with recorded() as calls:
        deliver(batch(busy, line(RAISED, 1)))
    assert "UpdateItem" not in [call.operation for call in calls]
    clock.advance(3_600)
    deliver(batch(busy, line(RAISED, 2)))
    assert captures.list_groups(busy.id)[0].seen_at == clock.ms


def of_sdk(project: Project, kind: str, **fields: Any) -> str:
    """Send an event of the SDK in a Lambda function."""
    thrown = {"values": [{"type": kind, "value": "x"}]}
    named = {"lambda": {"aws_request_id": REQUEST_ID}}
    return sdk.capture(project, exception=thrown, extra=named, **fields)


@pytest.fixture
def captured(busy: Project) -> Project:
    """Return a project that has had log capture."""
    captures.note_captures(busy.id, now_ms())
    clear_cache()
    return busy


def seen(project: Project) -> list[str]:
    return sorted(event["sdk"]["name"] if "sdk" in event else "log" for event in events(project))


def test_a_failure_reported_by_an_sdk_and_a_line_is_one_event_of_the_sdk(
    captured: Project, clock: Clock
) -> None:
    named = of_sdk(captured, "KeyError")
    clock.advance(4)
    put_lines(line(START), line(RAISED))
    deliver(batch(captured, line(RAISED)))
    assert [event["event_id"] for event in events(captured)] == [named]
    # Another failure of the same request, and the next attempt of Lambda with the same request id.
    deliver(batch(captured, line(TIMED_OUT, 1)))
    assert len(events(captured)) == 2
    clock.advance(60)
    deliver(batch(captured, line(TIMED_OUT, 2)))
    deliver(batch(captured, line(RAISED.replace("KeyError", "ValueError"), 3)))
    assert len(events(captured)) == 4


@pytest.mark.parametrize("happened_s", [0, 25], ids=["the same half minute", "the one before"])
@pytest.mark.parametrize("late_s", [2, 200])
def test_an_sdk_event_that_arrives_after_the_line_replaces_its_event(
    captured: Project, clock: Clock, happened_s: int, late_s: int
) -> None:
    clock.ns -= clock.ns % (30 * 10**9)
    clock.advance(happened_s)
    happened = clock.ms / 1000
    clock.advance(6)
    put_lines(line(START), line(RAISED))
    deliver(batch(captured, line(RAISED)))
    (before,) = events(captured)
    clock.advance(late_s)
    named = of_sdk(captured, "KeyError", timestamp=happened, release="shop@1")
    (event,) = events(captured)
    assert (event["event_id"], event["release"]) == (named, "shop@1")
    assert (event["id"], event["issue_id"]) == (before["id"], before["issue_id"])
    found = read_events.find(visible_in(captured.id), named)
    assert found
    assert found.id == event["id"]
    assert stream.deliver(stream.records()) == []
    (issue,) = issues.list_issues(visible_in(captured.id))
    assert issue.count == 1


def test_an_interrupted_sdk_event_replaces_the_event_of_a_line_once(
    captured: Project, clock: Clock
) -> None:
    put_lines(line(START), line(RAISED))
    deliver(batch(captured, line(RAISED)))
    thrown = {"values": [{"type": "KeyError", "value": "x"}]}
    extra = {"lambda": {"aws_request_id": REQUEST_ID}}
    sent = sdk.event(exception=thrown, extra=extra)
    for number in count(1):
        clear_cache()
        with fault(number, killed, after=True) as outcome, suppress(BaseException):
            sdk.post(captured, sdk.of_event(sent))
        clear_cache()
        assert sdk.post(captured, sdk.of_event(sent)).status == 200
        assert [event["event_id"] for event in events(captured)] == [sent["event_id"]]
        if not outcome.struck:
            return


def test_an_sdk_may_send_several_events_of_one_request(captured: Project) -> None:
    for _ in range(3):
        of_sdk(captured, "KeyError")
    assert len(events(captured)) == 3


def test_a_retried_sdk_event_is_stored_once_with_log_capture_too(
    captured: Project, clock: Clock
) -> None:
    sent = sdk.event(extra={"lambda": {"aws_request_id": REQUEST_ID}})
    for number in count(1):
        sent = sdk.event(extra={"lambda": {"aws_request_id": REQUEST_ID}})
        clear_cache()
        with fault(number, killed, after=True) as outcome, suppress(BaseException):
            sdk.post(captured, sdk.of_event(sent))
        clear_cache()
        assert sdk.post(captured, sdk.of_event(sent)).status == 200
        clear_cache()
        assert sdk.post(captured, sdk.of_event(sent)).status == 200
        assert len(events(captured)) == number
        if not outcome.struck:
            return


def test_events_of_projects_without_log_capture_write_no_failure_marker(busy: Project) -> None:
    with recorded() as calls:
        of_sdk(busy, "KeyError")
    assert "TransactWriteItems" not in [call.operation for call in calls]


def test_dead_letters_are_captured_by_a_redrive(busy: Project) -> None:
    url = settings().log_capture_dead_letter_url
    for body in (json.dumps(batch(busy, line(RAISED))), "{}"):
        clients.sqs().send_message(QueueUrl=url, MessageBody=body)
    done = {each.done: each.what for each in redrive.redrive_queue("capture")}
    expected = (
        "stored 1 events of 1 log lines of /aws/lambda/shop-checkout; others were stored before"
    )
    assert done == {True: expected, False: "an unknown kind of message"}
    assert len(events(busy)) == 1
