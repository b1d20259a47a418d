"""The loss ledger counts lost events by project, day and reason."""

import base64
import gzip
import json
import logging
import random
from itertools import count
from typing import Any

import pytest

from errata.errors import HTTPError, StoreError
from errata.models.loss import LINE, REASONS, SDK_REASONS
from errata.usecases import loss_ledger, report_losses
from tests.support import stream
from tests.support.account import Clock, Project
from tests.support.calls import Killed, conflicting, failing, fault, killed, recorded, throttled
from tests.support.cli import Deployed, deployed, done
from tests.support.clients import ingest
from tests.support.gateway import call, handler
from tests.support.template import of_type
from tests.support.visible import visible_in

__all__ = ["deployed"]

_ids = count(1)


def batch(lines: list[str], at_ms: int) -> dict[str, Any]:
    """Return a Lambda event of CloudWatch Logs."""
    events = [{"id": f"{next(_ids):056d}", "timestamp": at_ms, "message": each} for each in lines]
    content = json.dumps({"messageType": "DATA_MESSAGE", "logEvents": events}).encode()
    return {"awslogs": {"data": base64.b64encode(gzip.compress(content)).decode()}}


def lost(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        json.dumps({"level": each.levelname, "message": each.getMessage()})
        for each in caplog.records
    ]


def send_lost_events(busy: Project) -> None:
    ingest(busy, {"message": 5})
    ingest(busy, [1])
    call("POST", "/api/ingest", {"message": 5, "api_key": busy.key})
    call("POST", "/api.php", {"hash": busy.key})
    ingest(busy, b"x" * 2_000_000)
    ingest(busy, {"message": "boom"}, idempotency_key="k")
    ingest(busy, {"message": "other"}, idempotency_key="k")
    assert ingest(busy, {"message": "long", "context": {"x": noise(900_000)}}).status == 202


def noise(length: int) -> str:
    return "".join(random.Random(7).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=length))


def test_lost_events_are_shown_beside_accepted_ones(
    busy: Project, clock: Clock, caplog: pytest.LogCaptureFixture, deployed: Deployed
) -> None:
    assert deployed
    with caplog.at_level(logging.WARNING, logger="errata"):
        send_lost_events(busy)
    event = batch(lost(caplog), clock.ms)
    for _ in range(2):  # CloudWatch Logs sends a batch at least once
        handler("ledger")(event, None)
    stream.deliver(stream.records())

    today = done("stats", busy.id, "--json").json[-1]
    assert today["accepted"] == 2
    assert today["lost"] == dict.fromkeys(REASONS, 0) | {
        "invalid": 4,
        "too_large": 1,
        "mismatch": 1,
        "trimmed": 1,
    }
    shown = done("stats", busy.id, "--days", "3").out.splitlines()
    assert len(shown) == 4
    assert shown[0].split()[:3] == ["DAY", "ACCEPTED", "INVALID"]
    assert shown[-1].split() == [today["day"], *"240000001011000"]


def test_events_over_a_key_s_rate_limit_are_losses_but_not_those_over_an_address_s(
    project: Project, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="errata"):
        statuses = [ingest(project).status for _ in range(62)]
        for _ in range(62):
            call("POST", "/api/ingest", {"message": "boom"}, {"X-Api-Key": "nobody's"})
        call("POST", "/api.php", {"hash": project.key, "message": "m", "level": "Error"})
    assert statuses.count(429) == 2
    handler("ledger")(batch(lost(caplog), clock.ms), None)
    ((accepted, counts),) = loss_ledger.by_day(visible_in(project.id), 1).values()
    assert (accepted, counts) == (0, {"rate_limited": 3})


def test_events_that_api_gateway_refuses_are_counted_from_the_access_log(
    busy: Project, clock: Clock
) -> None:
    access = {"method": "POST", "path": "/api/ingest", "status": "429", "error": "THROTTLED"}
    written = [
        {**access, "project": busy.id},
        {**access, "project": busy.id, "method": "GET"},  # a reader loses nothing
        {**access, "project": "-"},
        {**access, "project": busy.id, "error": "-", "status": "202"},
        # Beyond Lambda's 6 MB, after the authorizer; beyond the gateway's own 10 MB, before it.
        {**access, "project": busy.id, "error": "REQUEST_TOO_LARGE", "status": "413"},
        {**access, "project": busy.id, "error": "INTEGRATION_FAILURE", "status": "413"},
        {**access, "project": "-", "error": "REQUEST_TOO_LARGE", "status": "413"},
        # A function's own 413 has a line in that function's log.
        {**access, "project": busy.id, "error": "-", "status": "413"},
        # Lambda did not start the function, or the function failed.
        {**access, "project": busy.id, "error": "INTEGRATION_FAILURE", "status": "503"},
        {**access, "project": busy.id, "error": "INTEGRATION_TIMEOUT", "status": "504"},
        {**access, "project": busy.id, "error": "-", "status": "503"},
        {**access, "project": busy.id, "error": "BAD_REQUEST_BODY", "status": "400"},
    ]
    handler("ledger")(batch([*map(json.dumps, written), "THROTTLED", "[]"], clock.ms), None)
    assert list(loss_ledger.by_day(visible_in(busy.id), 1).values()) == [
        (0, {"rate_limited": 1, "too_large": 2, "unavailable": 2})
    ]


def test_an_event_that_the_store_refused_is_counted(
    busy: Project, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    assert ingest(busy).status == 202
    with caplog.at_level(logging.WARNING, logger="errata"), fault(1, failing):
        assert ingest(busy).status == 503
    handler("ledger")(batch(lost(caplog), clock.ms), None)
    assert list(loss_ledger.by_day(visible_in(busy.id), 1).values()) == [(0, {"unavailable": 1})]


def test_the_access_log_has_the_fields_that_the_ledger_reads() -> None:
    (api,) = of_type("AWS::Serverless::Api").values()
    line = json.loads(api["AccessLogSetting"]["Format"])
    assert line["project"] == "$context.authorizer.project"
    assert line["error"] == "$context.error.responseType"
    assert line["method"] == "$context.httpMethod"
    assert line["status"] == "$context.status"


@pytest.mark.parametrize("reason", [*REASONS, *SDK_REASONS])
def test_each_reason_is_counted_for_its_project_and_day(
    reason: str, clock: Clock, busy: Project
) -> None:
    ours = LINE % (busy.id, reason)
    handler("ledger")(batch([ours, ours, LINE % ("99", reason), "a lost event"], clock.ms), None)
    handler("ledger")(batch([ours], clock.ms - 86_400_000), None)
    counted = [counts for _, counts in loss_ledger.by_day(visible_in(busy.id), 2).values()]
    assert counted == [{reason: 1}, {reason: 2}]


def test_several_losses_are_logged_in_one_line(
    busy: Project, clock: Clock, deployed: Deployed, caplog: pytest.LogCaptureFixture
) -> None:
    assert deployed
    with caplog.at_level(logging.WARNING, logger="errata"):
        report_losses.note(busy.id, "sdk_network_error", 35)
        report_losses.note(busy.id, "sdk_network_error", 1)
        report_losses.note_all(busy.id, {"sdk_before_send": 2, "sdk_other": 1, "quota": 5})
    assert caplog.messages[0] == LINE % (busy.id, "sdk_network_error, 35")
    handler("ledger")(batch(lost(caplog), clock.ms), None)
    today = done("stats", busy.id, "--json").json[-1]
    assert today["lost"] == dict.fromkeys(REASONS, 0) | {
        "sdk_network_error": 36,
        "sdk_before_send": 2,
        "sdk_other": 1,
        "quota": 5,
    }
    assert done("stats", busy.id).out.splitlines()[-1].split()[-1] == "39"


def test_an_error_with_a_loss_reason_logs_a_loss_if_it_refuses_a_project_s_event(
    busy: Project, caplog: pytest.LogCaptureFixture
) -> None:
    class QuotaReachedError(HTTPError):
        status = 402
        loss = "quota"

    def refuse(project_id: str, error_response: HTTPError, has_event: bool = True) -> None:
        with pytest.raises(HTTPError), report_losses.counted(project_id, lambda: has_event):
            raise error_response

    with caplog.at_level(logging.WARNING, logger="errata"):
        refuse(busy.id, QuotaReachedError("no"))
        refuse("", QuotaReachedError("no"))
        refuse(busy.id, QuotaReachedError("no"), has_event=False)
        refuse(busy.id, HTTPError("no"))
    assert [each.getMessage() for each in caplog.records] == [LINE % (busy.id, "quota")]


@pytest.mark.parametrize(
    ("error", "after"), [(killed, True), (throttled, False), (throttled, True)]
)
def test_a_batch_that_fails_and_is_retried_is_counted_once(
    clock: Clock, error: Any, after: bool
) -> None:
    # More days than one transaction takes.
    many = [LINE % (project, "invalid") for project in range(1, 151)]
    for number in count(1):
        event = batch(many, clock.ms)
        with fault(number, error, after=after) as outcome:
            try:
                handler("ledger")(event, None)
            except (Killed, StoreError):
                assert outcome.struck
        handler("ledger")(event, None)
        for project in ("1", "77", "150"):
            assert list(loss_ledger.by_day(visible_in(project), 1).values()) == [
                (0, {"invalid": number})
            ]
        if not outcome.struck:
            break
    assert number == 3


def test_a_batch_with_a_conflict_is_counted_by_a_retry(clock: Clock) -> None:
    event = batch([LINE % ("1", "invalid")], clock.ms)
    with fault(1, conflicting) as outcome:
        handler("ledger")(event, None)
    assert outcome.struck
    assert list(loss_ledger.by_day(visible_in("1"), 1).values()) == [(0, {"invalid": 1})]


def test_refusing_an_event_makes_no_call_to_aws(
    busy: Project, caplog: pytest.LogCaptureFixture
) -> None:
    ingest(busy)  # the authorizer has cached the key now
    with recorded() as made, caplog.at_level(logging.WARNING, logger="errata"):
        ingest(busy, {"message": 5})
    assert caplog.records
    assert made == []
