"""Cron monitors and their runs, as the web API returns them.

Source: Sentry's API documentation, "Crons".
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from errata.models.monitor import Monitor, MonitorConfig, Run
from errata.models.project import Project
from functions.web_api.fields import Time, time, time_or_none
from functions.web_api.projects import slug
from functions.web_api.schemas import Schema

_MINUTE_MS = 60_000


def _named(name: str) -> Any:
    return Field(alias=name)


class MonitorSchedule(Schema):
    """When the runs of a monitor are expected. In minutes: margin and longest run."""

    schedule_type: Annotated[Literal["crontab", "interval"], _named("schedule_type")]
    schedule: str | list[int | str]
    checkin_margin: Annotated[int, _named("checkin_margin")]
    max_runtime: Annotated[int, _named("max_runtime")]
    timezone: str
    failure_issue_threshold: Annotated[int, _named("failure_issue_threshold")]
    recovery_threshold: Annotated[int, _named("recovery_threshold")]


class MonitorEnvironment(Schema):
    """A monitor in an environment. `active`: it has had no run yet."""

    name: str
    status: Literal["active", "ok", "error"]
    is_muted: bool = False
    date_created: Time
    last_check_in: Time | None
    next_check_in: Time | None
    next_check_in_latest: Time | None


class MonitorProject(Schema):
    """The project of a monitor."""

    id: str
    slug: str
    name: str


class MonitorSchema(Schema):
    """A monitor. `config` is the newest one of its environments, null if no check-in had one."""

    id: str
    slug: str
    name: str
    type: Literal["cron_job"] = "cron_job"
    status: Literal["active"] = "active"
    is_muted: bool = False
    config: MonitorSchedule | None
    date_created: Time
    project: MonitorProject
    environments: list[MonitorEnvironment]


class CheckInSchema(Schema):
    """A run of a monitor. `duration` is in milliseconds, null if it is not known."""

    id: str
    environment: str
    status: Literal["in_progress", "ok", "error", "timeout", "missed"]
    duration: int | None
    date_created: Time
    expected_time: Time | None


def monitor_schema(project: Project, found: Sequence[Monitor]) -> MonitorSchema:
    """Return the monitors with one slug, one for each environment."""
    newest = max(found, key=lambda each: each.config_ms)
    name = newest.slug
    return MonitorSchema(
        id=f"{project.id}-{name}",
        slug=name,
        name=name,
        config=_schedule(newest.config) if newest.config else None,
        date_created=time(min(each.created_ms for each in found)),
        project=MonitorProject(id=project.id, slug=slug(project), name=project.name),
        environments=[_environment(each) for each in found],
    )


def check_in_schema(monitor: Monitor, run: Run) -> CheckInSchema:
    """Return a run of a monitor."""
    return CheckInSchema(
        id=run.id,
        environment=monitor.environment,
        status=run.status,
        duration=run.took_ms,
        date_created=time(run.at_ms),
        expected_time=time(run.at_ms) if run.status == "missed" else None,
    )


def _schedule(config: MonitorConfig) -> MonitorSchedule:
    return MonitorSchedule(
        schedule_type="crontab" if config.crontab else "interval",
        schedule=config.crontab or [config.every, config.unit],
        checkin_margin=config.margin,
        max_runtime=config.max_runtime,
        timezone=config.timezone,
        failure_issue_threshold=config.failure_threshold,
        recovery_threshold=config.recovery_threshold,
    )


def _environment(each: Monitor) -> MonitorEnvironment:
    late_ms = each.config.margin * _MINUTE_MS if each.config else 0
    expected = each.expected_ms
    return MonitorEnvironment(
        name=each.environment,
        status="error" if each.failing else "ok" if each.runs else "active",
        date_created=time(each.created_ms),
        last_check_in=time_or_none(each.seen_ms),
        next_check_in=time_or_none(expected or 0),
        next_check_in_latest=time_or_none(expected + late_ms if expected else 0),
    )
