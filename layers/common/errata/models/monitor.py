"""Cron monitors: what a scheduled job reports, and what is known of its runs.

A job sends check-ins: one when a run begins, one when it ends. Those with the same id are of one
run. A monitor is one slug in one environment.
"""

import re
from dataclasses import dataclass
from typing import Literal

# Of a project. A worker refuses others.
MAX_MONITORS = 100
MAX_SLUG = 50
MAX_ENVIRONMENT = 64
MAX_RELEASE = 200
MAX_CRONTAB = 100
# Runs that a monitor keeps when they have ended, or as many as its thresholds need.
KEPT_RUNS = 20
# Runs in progress that it keeps. It does not watch others, so that anybody may begin any number.
MAX_IN_PROGRESS = 100
MAX_THRESHOLD = 100
# 28 days, as Sentry has it.
MAX_MINUTES = 40_320
# A monitor without a check-in for so many missed runs in a row looks no further. The next check-in
# wakes it.
MOST_MISSED = 1_000
DEFAULT_ENVIRONMENT = "production"

type Reported = Literal["in_progress", "ok", "error"]
type RunStatus = Literal["in_progress", "ok", "error", "timeout", "missed"]
type IntervalUnit = Literal["minute", "hour", "day", "week", "month", "year"]

_NOT_IN_SLUG = re.compile(r"[^a-z0-9_-]+")
FAILED: tuple[RunStatus, ...] = ("error", "timeout", "missed")


@dataclass(frozen=True, slots=True)
class MonitorConfig:
    """When the runs of a monitor are expected, and what is told of them.

    Attributes:
        crontab: five fields such as `0 3 * * *`, "" for an interval.
        every, unit: the interval: `every` 2, `unit` "hour". 0 for a crontab.
        timezone: of the crontab, such as `Europe/Berlin`.
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
        id: of this message, 32 hex digits. The same if the same message comes again.
        run_id: what the job calls the run, 32 hex digits. "" if it gave no id: then it means the
            newest run without an end.
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
        id: what the job calls it, or the id of its first check-in, or `missed-<milliseconds>`.
        at_ms: when it began, or ended if nobody said when it began; when a missed one was expected.
        began: whether the job said when it began.
        alive_ms: when the job said again that it is in progress, 0 if it did not.
        ended_ms: when it ended, or has timed out. None while it is in progress or if it was missed.
        ended_by: the id of the check-in that ended it, "" if none did.
        began_by: the id of the check-in that said when it began, if that came after the end.
        unnamed: whether the job gave no id.
        event: of a failed run: `owed` if its event must still be stored, `told` if it was.
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
        forgot_ms: when the newest of the runs ended that are no longer kept. Check-ins until then
            were seen.
        expected_ms: when the next run is expected. None without a usable schedule, or after
            `MOST_MISSED` missed runs.
        missed: missed runs since the last check-in.
        failing: whether its last runs have failed, by its thresholds.
        issue_id: the issue that its failed runs opened, "" if none did.
        told_ms: the timestamp of the newest event of that issue.
        stored_ms: when its last event was stored.
        recovered: whether the issue is still to be resolved.
        timer_ms: when a schedule of EventBridge Scheduler looks at it next. 0: there is none.
        timer_group: the schedule group in which that is.
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
        """Whether it has missed so many runs that it looks no further."""
        return self.missed >= MOST_MISSED


def to_slug(name: str) -> str:
    """Return the slug for what a job calls its monitor. "" if nothing is left.

    Sentry's have lower-case letters, digits, dashes and underscores, at most 50.
    """
    return _NOT_IN_SLUG.sub("-", name.lower()).strip("-")[:MAX_SLUG].rstrip("-")
