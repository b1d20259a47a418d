"""The schedules of cron monitors: made once, in time, and only where they are needed."""

from dataclasses import replace

import pytest

from errata.config import settings
from errata.store import clients
from errata.store import monitors as store
from errata.usecases import monitors
from errata.usecases.delete_project import delete_project
from tests.support import monitors as jobs
from tests.support.account import Clock, Project
from tests.support.calls import recorded
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


@pytest.fixture(autouse=True)
def _ten_o_clock(aws: None, clock: Clock) -> None:
    clock.ns = AT_NS
    jobs.forget_schedules()


def test_no_schedule_is_made_for_a_time_that_may_have_passed(busy: Project, clock: Clock) -> None:
    minutely = {"schedule": {"type": "crontab", "value": "* * * * *"}}
    work(busy, item("ok", monitor_config=minutely))
    assert list(schedules()) == ["2026-11-30T10:02:10"]
    assert fire(clock)
    clock.advance(58)  # 10:03:09: the next run is missed in a second
    assert not run_worker()
    assert list(schedules()) == ["2026-11-30T10:03:19"]


def test_a_late_look_waits_for_check_ins_in_the_queue(busy: Project, clock: Clock) -> None:
    work(busy, item("ok", monitor_config=HOURLY))
    clock.advance(3_600)
    send(busy, item("ok"))
    waiting = jobs.received()
    assert fire(clock)
    (look,) = jobs.received()
    clock.advance(600)
    with recorded() as calls:
        assert not run_worker([look, *waiting])
    (later,) = [call.parameters for call in calls if "DelaySeconds" in call.parameters]
    assert statuses(busy) == ["ok", "ok"]
    clock.advance(later["DelaySeconds"])
    assert not run_worker([{"messageId": "later", "body": later["MessageBody"]}])
    assert found(busy) == []
    assert list(schedules()) == ["2026-11-30T12:05:10"]
    # A look that is late without a check-in reports a missed run, a minute later.
    assert fire(clock)
    clock.advance(600)
    with recorded() as calls:
        assert not run_worker()
    (later,) = [call.parameters for call in calls if "DelaySeconds" in call.parameters]
    assert not run_worker([{"messageId": "later", "body": later["MessageBody"]}])
    assert [issue.title for issue in found(busy)] == ["nightly: missed run"]


def test_the_name_of_an_environment_is_not_interpreted_by_scheduler(
    busy: Project, clock: Clock
) -> None:
    named = "<aws.scheduler.attempt-number>"
    work(busy, item("ok", monitor_config=HOURLY, environment=named))
    (message,) = schedules().values()
    assert "<" not in message
    assert fire(clock)
    assert not run_worker()
    assert [issue.title for issue in found(busy)] == ["nightly: missed run"]


def test_a_restored_monitor_gets_a_schedule_in_its_new_stack(busy: Project, clock: Clock) -> None:
    work(busy, item("ok", monitor_config=HOURLY))
    jobs.forget_schedules()
    stored = monitor(busy)
    assert store.save_monitor(replace(stored, timer_group="of another stack"))
    clock.advance(20)
    work(busy, item("ok"))
    assert list(schedules()) == ["2026-11-30T11:05:10"]


def test_check_ins_in_time_create_no_schedule(busy: Project, clock: Clock) -> None:
    work(busy, item("ok", monitor_config=HOURLY))
    clock.advance(3_600)
    with recorded() as calls:
        work(busy, item("in_progress"))
        clock.advance(20)
        work(busy, item("ok"))
    worker = [call.operation for call in calls if call.function == "MonitorsFunction"]
    assert "CreateSchedule" not in worker
    assert worker.count("PutItem") == 2
    endpoint = [call.operation for call in calls if call.function == "SentryIngestFunction"]
    assert set(endpoint) <= {"SendMessage", "UpdateItem"}
    assert endpoint.count("SendMessage") == 2
    assert fire(clock)  # it only looks further
    assert not run_worker()
    assert found(busy) == []
    assert list(schedules()) == ["2026-11-30T12:05:10"]


def test_the_schedule_of_a_deleted_monitor_or_project_ends(busy: Project, clock: Clock) -> None:
    work(busy, item("ok", monitor_config=HOURLY))
    monitors.delete(busy.id, "nightly")
    assert fire(clock)
    assert not run_worker()
    work(busy, item("ok", monitor_config=HOURLY))
    left = monitor(busy)
    delete_project(busy.id)
    clear_cache()
    clients.dynamodb().put_item(
        TableName=settings().projects_table, Item=store._item(left)
    )  # as if a worker had made it meanwhile
    assert fire(clock)
    assert not run_worker()
    assert monitors.of_project(busy.id) == []
    assert not fire(clock)
