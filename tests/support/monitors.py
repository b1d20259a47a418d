"""Cron monitors: check-ins as jobs send them, the worker, and the schedules that it makes."""

import json
from typing import Any

from errata.config import settings
from errata.models.ids import now_ms
from errata.models.issue import Issue
from errata.models.monitor import Monitor
from errata.store import clients
from errata.store.botocore_clients import client
from errata.usecases import issues, monitors
from functions.monitors.handler import handler
from tests.support import sdk, stream
from tests.support.account import Clock, Project
from tests.support.calls import calling_as
from tests.support.visible import visible_in

# 2026-11-30T10:00:00Z, which is a full hour.
AT_NS = 1_796_032_800_000_000_000
# What a job of every hour says of itself.
HOURLY = {
    "schedule": {"type": "crontab", "value": "0 * * * *"},
    "checkin_margin": 5,
    "max_runtime": 10,
    "timezone": "Europe/Berlin",
}


def item(status: str, run: str = "", slug: str = "nightly", **more: Any) -> dict[str, Any]:
    """Return the payload of a check-in."""
    named = {"check_in_id": run} if run else {}
    return {"monitor_slug": slug, "status": status, **named, **more}


def forget_schedules() -> None:
    """Make the stack's schedule group, empty: the account of a test is new, but moto keeps it."""
    scheduler = client("scheduler", "quick")
    for group in scheduler.list_schedule_groups()["ScheduleGroups"]:
        if group["Name"] != "default":
            scheduler.delete_schedule_group(Name=group["Name"])
    scheduler.create_schedule_group(Name=settings().schedule_group)


def schedules() -> dict[str, str]:
    """Return what each schedule sends, by the time at which it does."""
    scheduler = client("scheduler", "quick")
    group = settings().schedule_group
    found = scheduler.list_schedules(GroupName=group)["Schedules"]
    every = [scheduler.get_schedule(Name=each["Name"], GroupName=group) for each in found]
    return {each["ScheduleExpression"][3:-1]: each["Target"]["Input"] for each in every}


def fire(clock: Clock) -> bool:
    """Let the next schedule send its message, when it is time, and AWS delete it.

    Returns False if there is none.
    """
    scheduler, group = client("scheduler", "quick"), settings().schedule_group
    found = scheduler.list_schedules(GroupName=group)["Schedules"]
    if not found:
        return False
    first = min(found, key=lambda each: int(each["Name"].rpartition("-")[2]))
    at_ms = int(first["Name"].rpartition("-")[2]) * 1000
    message = scheduler.get_schedule(Name=first["Name"], GroupName=group)["Target"]["Input"]
    scheduler.delete_schedule(Name=first["Name"], GroupName=group)
    clock.advance(max(0, at_ms - now_ms()) / 1000 + 1)
    clients.sqs().send_message(QueueUrl=settings().monitor_queue_url, MessageBody=message)
    return True


def received() -> list[dict[str, Any]]:
    """Return the messages in the queue, as Lambda gets them, and delete them."""
    found = []
    url = settings().monitor_queue_url
    while (
        got := clients.sqs().receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages")
    ):
        for each in got:
            clients.sqs().delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
            found.append({"messageId": each["MessageId"], "body": each["Body"]})
    return found


def run_worker(records: list[dict[str, Any]] | None = None) -> list[str]:
    """Pass messages to the worker, those of the queue by default, with its permissions alone.

    Returns the ids of those that it wants again.
    """
    records = received() if records is None else records
    if not records:
        return []
    with calling_as("MonitorsFunction"):
        response = handler(json.loads(json.dumps({"Records": records})), None)
    return [each["itemIdentifier"] for each in response["batchItemFailures"]]


def send(project: Project, *items: dict[str, Any]) -> None:
    """Send check-ins to the endpoint, in one envelope."""
    body = sdk.envelope(*(sdk.item("check_in", each) for each in items))
    assert sdk.post(project, body).status == 200


def work(project: Project, *items: dict[str, Any]) -> None:
    """Send check-ins, and let the worker process them."""
    send(project, *items)
    assert not run_worker()


def found(project: Project) -> list[Issue]:
    """Let digest count the events. Return the issues of the project."""
    stream.pump(stream.records())
    return list(issues.list_issues(visible_in(project.id)))


def monitor(project: Project) -> Monitor:
    """Return the only monitor of a project."""
    (only,) = monitors.of_project(project.id)
    return only


def statuses(project: Project) -> list[str]:
    """Return those of the runs of the only monitor, oldest first."""
    return [run.status for run in monitor(project).runs]
