"""Cron monitors, from the check-in to the issue: each run is reported once, whatever fails."""

import json
from contextlib import suppress
from itertools import count

import pytest

from errata.config import settings
from errata.errors import StoreError
from errata.models.alert import NEW, REGRESSED
from errata.models.organization import DEFAULT_ORGANIZATION
from errata.store import clients, queues
from errata.store import monitors as store
from errata.usecases import alerts, issues, monitors, organizations, redrive
from tests.support import monitors as jobs
from tests.support import stream
from tests.support.account import Clock, Project
from tests.support.alerts import Queue, headers, rule, slack
from tests.support.calls import cut_off, fault, recorded
from tests.support.clients import events
from tests.support.fresh import clear_cache
from tests.support.monitors import (
    AT_NS,
    HOURLY,
    fire,
    found,
    item,
    monitor,
    run_worker,
    schedules,
    send,
    statuses,
    work,
)
from tests.support.receiver import receiver
from tests.support.visible import visible_in

RUN, OTHER = "a" * 32, "b" * 32


@pytest.fixture(autouse=True)
def _ten_o_clock(aws: None, clock: Clock) -> None:
    clock.ns = AT_NS
    jobs.forget_schedules()


def test_a_failed_run_opens_an_issue_with_the_slug_and_a_good_one_resolves_it(
    busy: Project, clock: Clock
) -> None:
    work(busy, item("in_progress", RUN, monitor_config=HOURLY, environment="test"))
    clock.advance(30)
    work(busy, item("error", RUN, duration=30, environment="test", release="1.2"))
    (issue,) = found(busy)
    assert issue.title == "nightly: failed run"
    (event,) = events(busy)
    assert event["environment"] == "test"
    assert event["release"] == "1.2"
    assert event["tags"]["monitor.slug"] == "nightly"
    assert event["contexts"]["monitor"]["schedule"] == "0 * * * *"
    assert monitor(busy).issue_id == issue.id
    clock.advance(60)
    work(busy, item("ok", OTHER, environment="test"))
    (resolved,) = found(busy)
    assert resolved.status == "resolved"
    assert resolved.status_by == "monitor nightly"
    clock.advance(3_600)
    work(busy, item("error", "c" * 32, environment="test"))
    (again,) = found(busy)
    assert (again.status, again.count) == ("regressed", 2)


def test_each_missed_run_of_an_hourly_monitor_is_reported_once(busy: Project, clock: Clock) -> None:
    work(busy, item("ok", monitor_config=HOURLY))
    assert list(schedules()) == ["2026-11-30T11:05:10"]
    for number in (1, 2):
        assert fire(clock)
        assert not run_worker()
        assert [issue.count for issue in found(busy)] == [number]
    assert [each["message"].split("\n")[0] for each in events(busy)] == ["missed run"] * 2
    assert "expected at 2026-11-30 12:00:00 UTC" in events(busy)[0]["message"]
    assert list(schedules()) == ["2026-11-30T13:05:10"]
    assert not run_worker([{"messageId": "1", "body": next(iter(schedules().values()))}])  # early
    assert [issue.count for issue in found(busy)] == [2]


def test_a_missed_run_alerts_as_new_and_after_a_good_run_as_regressed(
    busy: Project, clock: Clock
) -> None:
    queue = Queue(clock)
    with receiver() as there, queue.filled():
        alerts.add(busy.id, rule(NEW, REGRESSED), [slack(there)])
        for _ in range(2):
            work(busy, item("ok", monitor_config=HOURLY))
            assert fire(clock)
            assert not run_worker()
            found(busy)
            queue.run()
    assert headers(there) == ["New: SHOP-1 in shop", "Regressed: SHOP-1 in shop"]
    assert b"nightly: missed run" in there.received[0].body


def test_a_run_without_an_end_times_out_and_a_late_ok_resolves_its_issue(
    busy: Project, clock: Clock
) -> None:
    work(busy, item("in_progress", RUN, monitor_config=HOURLY))
    assert list(schedules()) == ["2026-11-30T10:10:10"]
    assert fire(clock)
    assert not run_worker()
    (issue,) = found(busy)
    assert issue.title == "nightly: run timed out"
    work(busy, item("ok", RUN))
    assert [each.status for each in found(busy)] == ["resolved"]
    assert statuses(busy) == ["ok"]


def test_thresholds_say_after_how_many_runs_an_issue_is_opened_and_resolved(
    busy: Project, clock: Clock
) -> None:
    config = {**HOURLY, "failure_issue_threshold": 2, "recovery_threshold": 2}
    seen = []
    for status in ("error", "ok", "error", "error", "error", "ok", "error", "ok", "ok"):
        work(busy, item(status, monitor_config=config))
        seen.append([(each.status, each.count) for each in found(busy)])
        clock.advance(60)
    assert seen[2] == []
    assert seen[3:] == [
        *([("open", 2)], [("open", 3)], [("open", 3)]),
        *([("open", 4)], [("open", 4)], [("resolved", 4)]),
    ]


def test_a_monitor_without_a_usable_schedule_still_reports_failed_runs(busy: Project) -> None:
    work(busy, item("error", slug="of cron"))
    assert [each.title for each in found(busy)] == ["of-cron: failed run"]
    wrong = {"schedule": {"type": "crontab", "value": "61 * * * *"}}
    work(busy, item("ok", slug="other", monitor_config=wrong))
    (other,) = monitors.find(busy.id, "other")
    assert other.problem == "Bad minute: 61 * * * *"
    assert schedules() == {}


def test_a_good_run_before_digest_has_counted_the_failure_resolves_the_issue_later(
    busy: Project, clock: Clock
) -> None:
    work(busy, item("error", RUN))
    with recorded() as calls:
        work(busy, item("ok", OTHER))
    assert monitor(busy).recovered
    (later,) = [call.parameters for call in calls if "DelaySeconds" in call.parameters]
    assert [each.status for each in found(busy)] == ["open"]
    clock.advance(30)
    assert not run_worker([{"messageId": "later", "body": later["MessageBody"]}])
    assert [each.status for each in found(busy)] == ["resolved"]
    assert not monitor(busy).recovered
    clock.advance(60)
    work(busy, item("error", "c" * 32))
    clock.advance(1)
    work(busy, item("ok", "d" * 32))
    assert monitor(busy).recovered  # the issue is resolved, but another event is on its way


def test_an_issue_whose_last_event_was_refused_is_resolved(busy: Project, clock: Clock) -> None:
    organizations.change(DEFAULT_ORGANIZATION, monthly_quota=1)
    clear_cache()
    work(busy, item("error", RUN))
    assert [each.status for each in found(busy)] == ["open"]
    clock.advance(60)
    work(busy, item("error", OTHER))
    clock.advance(60)
    work(busy, item("ok", "c" * 32))
    assert [(each.status, each.count) for each in found(busy)] == [("resolved", 1)]
    assert not monitor(busy).recovered


def test_an_issue_whose_last_event_is_never_counted_is_resolved_after_ten_minutes(
    busy: Project, clock: Clock
) -> None:
    work(busy, item("error", RUN))
    found(busy)
    clock.advance(60)
    work(busy, item("error", OTHER))
    clock.advance(60)
    work(busy, item("ok", "c" * 32))
    look = [{"messageId": "later", "body": json.dumps(LOOK | {"project_id": busy.id})}]
    assert not run_worker(look)
    assert [each.status for each in issues.list_issues(visible_in(busy.id))] == ["open"]
    clock.advance(600)
    assert not run_worker(look)
    assert [each.status for each in issues.list_issues(visible_in(busy.id))] == ["resolved"]
    assert not monitor(busy).recovered


def test_check_ins_that_come_hours_late_wait_for_digest_too(busy: Project, clock: Clock) -> None:
    send(busy, item("error", RUN))
    send(busy, item("ok", OTHER))
    late = jobs.received()
    clock.advance(5 * 3_600)
    assert not run_worker(late)
    assert [each.status for each in found(busy)] == ["open"]
    assert not run_worker([{"messageId": "1", "body": json.dumps(LOOK | {"project_id": busy.id})}])
    assert [each.status for each in found(busy)] == ["resolved"]


LOOK = {"look": ["nightly", "production", 0]}
STEPS = ("error", "fire", "ok", "fire")


def test_each_failure_is_one_event_wherever_the_worker_is_interrupted(
    busy: Project, clock: Clock
) -> None:
    for number in count(1):
        slug = f"job-{number}"
        clock.ns = AT_NS + number * 7_200_000_000_000
        clear_cache()
        jobs.forget_schedules()
        cut = False
        for step, status in enumerate(STEPS):
            clock.advance(20)
            if status == "fire":
                assert fire(clock)
            else:
                send(busy, item(status, f"{number:031}{step}", slug, monitor_config=HOURLY))
            records = jobs.received()
            with cut_off(number) as outcome:
                with suppress(BaseException):
                    run_worker(records)
                cut = cut or outcome.struck
            clear_cache()
            # SQS delivers them again; twice is no harm.
            for _ in range(2):
                assert not run_worker(records)
            stream.pump(stream.records())
            clock.advance(30)
            # The look for which the worker asks if digest has not counted the event yet.
            look = json.dumps({"project_id": busy.id, "look": [slug, "production", 0]})
            assert not run_worker([{"messageId": "later", "body": look}])
        (job,) = monitors.find(busy.id, slug)
        assert [run.status for run in job.runs] == ["error", "missed", "ok", "missed"]
        assert [run.event for run in job.runs] == ["told", "told", "", "told"]
        reported = [each for each in events(busy) if each["tags"]["monitor.slug"] == slug]
        assert len(reported) == 3
        (issue,) = [each for each in found(busy) if each.id == job.issue_id]
        assert (issue.count, issue.status) == (3, "regressed")
        assert len([each for each in schedules().values() if slug in each]) == 1
        if not cut:
            assert number > 6
            return


def test_a_message_that_fails_is_retried_and_blocks_no_other(busy: Project, clock: Clock) -> None:
    send(busy, item("error", RUN))
    good = jobs.received()
    again = run_worker([{"messageId": "bad", "body": "{}"}, *good])
    assert again == ["bad"]
    assert len(found(busy)) == 1


def test_a_redrive_sends_dead_letters_back_to_the_monitor_queue(busy: Project) -> None:
    send(busy, item("error", RUN))
    for each in jobs.received():
        dead = settings().monitor_dead_letter_url
        clients.sqs().send_message(QueueUrl=dead, MessageBody=each["body"])
    queues.send(settings().monitor_dead_letter_url, {"what": "else"})
    whats = sorted(each.what for each in redrive.redrive_queue("monitors"))
    assert whats == [
        "an unknown kind of message",
        f"sent: 1 check-ins at cron monitors of project {busy.id}",
    ]
    assert not run_worker()
    assert len(found(busy)) == 1


def test_check_ins_of_monitors_beyond_the_limit_are_losses(
    busy: Project, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(store, "MAX_MONITORS", 2)
    for slug in ("one", "two", "three"):
        work(busy, item("ok", slug=slug))
    assert [each.slug for each in monitors.of_project(busy.id)] == ["one", "two"]
    assert f"event lost: project {busy.id}, monitors" in caplog.text


def test_a_store_error_is_retried_and_loses_no_check_in(
    busy: Project, caplog: pytest.LogCaptureFixture
) -> None:
    send(busy, item("error", RUN))
    records = jobs.received()
    for number in count(1):
        clear_cache()
        with fault(number, lambda call: StoreError("no")) as outcome:
            again = run_worker(records)
        if not outcome.struck:
            break
        assert again == [records[0]["messageId"]]
    assert number > 5
    assert len(found(busy)) == 1
    assert "event lost" not in caplog.text
