"""Cron monitors: what a scheduled job reports, and what is known of its runs.

A job sends check-ins: one when a run begins, one when it ends. Check-ins with the same id belong to
one run. A monitor is one slug in one environment.
"""

import re
from dataclasses import dataclass
from typing import Literal

# Monitors of a project. A worker refuses more.
MAX_MONITORS = 100
MAX_SLUG = 50
MAX_ENVIRONMENT = 64
MAX_RELEASE = 200
MAX_CRONTAB = 100
# Ended runs that a monitor keeps. More if its thresholds need them.
KEPT_RUNS = 20
# Runs in progress that a monitor keeps. It does not watch more: a job may begin any number.
MAX_IN_PROGRESS = 100
MAX_THRESHOLD = 100
# 28 days, the same as in Sentry.
MAX_MINUTES = 40_320
# After this many missed runs in a row, a monitor stops looking for runs until the next check-in.
MOST_MISSED = 1_000
DEFAULT_ENVIRONMENT = "production"

type Reported = Literal["in_progress", "ok", "error"]
type RunStatus = Literal["in_progress", "ok", "error", "timeout", "missed"]
type IntervalUnit = Literal["minute", "hour", "day", "week", "month", "year"]

_NOT_IN_SLUG = re.compile(r"[^a-z0-9_-]+")
FAILED: tuple[RunStatus, ...] = ("error", "timeout", "missed")


@dataclass(frozen=True, slots=True)
class MonitorConfig:
    """When the runs of a monitor are expected, and when they open or resolve an issue.

    Attributes:
        crontab: five fields such as `0 3 * * *`, "" for an interval.
        every, unit: the interval: `every` 2, `unit` "hour". 0 for a crontab.
        timezone: the time zone of the crontab, such as `Europe/Berlin`.
        margin: minutes that a run may begin late before it is missed.
        max_runtime: minutes that a run may take before it has timed out.
        failure_threshold: failed runs in a row that open an issue.
        recovery_threshold: good runs in a row that resolve it.
    """

    crontab: str = ""
    every: int = 0
    unit: IntervalUnit = "hour"
    timezone: str = "UTC"
    margin: int = 1
    max_runtime: int = 30
    failure_threshold: int = 1
    recovery_threshold: int = 1

    @property
    def schedule(self) -> str:
        """The schedule as people read it: `0 3 * * *`, or `every 2 hours`."""
        if self.crontab:
            return self.crontab
        return f"every {self.unit}" if self.every == 1 else f"every {self.every} {self.unit}s"


@dataclass(frozen=True, slots=True)
class CheckIn:
    """What a job says of a run.

    Attributes:
        id: identifies this message, 32 hex digits. A repeated message has the same id.
        run_id: the id that the job gave the run, 32 hex digits. "" if it gave none: then it means
            the newest run without an end.
        at_ms: when Errata received it.
        duration_ms: what the job says the run has taken.
    """

    slug: str
    environment: str
    status: Reported
    id: str
    run_id: str
    at_ms: int
    duration_ms: int | None = None
    release: str = ""
    config: MonitorConfig | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a job, or one that is missing.

    Attributes:
        id: the id that the job gave it, or that of its first check-in, or `missed-<milliseconds>`.
        at_ms: when it began, or when it ended if the job did not say when it began. For a missed
            run, when it was expected.
        began: whether the job said when it began.
        alive_ms: when the job last repeated that it is in progress, 0 if it did not.
        ended_ms: when it ended, or has timed out. None while it is in progress or if it was missed.
        ended_by: the id of the check-in that ended it, "" if none did.
        began_by: the id of the check-in that said when it began, if that came after the end.
        unnamed: whether the job gave no id.
        event: for a failed run, `owed` if its event must still be stored, `told` if it was.
    """

    id: str
    status: RunStatus
    at_ms: int
    began: bool = True
    alive_ms: int = 0
    ended_ms: int | None = None
    ended_by: str = ""
    began_by: str = ""
    unnamed: bool = False
    event: Literal["", "owed", "told"] = ""
    duration_ms: int | None = None
    release: str = ""

    @property
    def failed(self) -> bool:
        """Whether it failed, has timed out or was missed."""
        return self.status in FAILED

    @property
    def took_ms(self) -> int | None:
        """How long it took. None if that is unknown."""
        if self.duration_ms is not None:
            return self.duration_ms
        return self.ended_ms - self.at_ms if self.began and self.ended_ms else None


@dataclass(frozen=True, slots=True)
class Monitor:
    """A job that is watched, in one environment, with its newest runs.

    Attributes:
        config: None if no check-in had one: then runs are neither expected nor too long.
        config_ms: when the check-in with the config was received.
        problem: why the schedule cannot be used, "" if it can.
        runs: the newest ones, oldest first.
        forgot_ms: when the newest run that is no longer kept ended. Check-ins up to then count as
            seen.
        expected_ms: when the next run is expected. None without a usable schedule, or after
            `MOST_MISSED` missed runs.
        missed: missed runs since the last check-in.
        failing: whether its last runs have failed, by its thresholds.
        issue_id: the issue that its failed runs opened, "" if none did.
        told_ms: the timestamp of the newest event of that issue.
        stored_ms: when its last event was stored.
        recovered: whether the issue must still be resolved.
        timer_ms: when a schedule of EventBridge Scheduler looks at it next, 0 if there is none.
        timer_group: the group of that schedule.
        seen_ms: when its last check-in was received.
        version: counts the changes.
    """

    project_id: str
    slug: str
    environment: str
    created_ms: int
    config: MonitorConfig | None = None
    config_ms: int = 0
    problem: str = ""
    runs: tuple[Run, ...] = ()
    forgot_ms: int = 0
    expected_ms: int | None = None
    missed: int = 0
    failing: bool = False
    issue_id: str = ""
    told_ms: int = 0
    stored_ms: int = 0
    recovered: bool = False
    timer_ms: int = 0
    timer_group: str = ""
    seen_ms: int = 0
    version: int = 0

    @property
    def last(self) -> Run | None:
        """The newest run, None if there is none yet."""
        return self.runs[-1] if self.runs else None

    @property
    def status(self) -> RunStatus | None:
        """The status of the newest run. None if there is none yet."""
        return self.last.status if self.last else None

    @property
    def sleeps(self) -> bool:
        """Whether it has missed so many runs that it stops looking for them."""
        return self.missed >= MOST_MISSED


def to_slug(name: str) -> str:
    """Return the slug for the name that a job gives its monitor. "" if nothing is left of it.

    As in Sentry, a slug has at most 50 lower-case letters, digits, dashes and underscores.
    """
    return _NOT_IN_SLUG.sub("-", name.lower()).strip("-")[:MAX_SLUG].rstrip("-")
