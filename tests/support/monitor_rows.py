"""Cron monitors as they are stored, without the jobs that make them."""

from typing import Any

from errata.models.ids import now_ms
from errata.models.monitor import Monitor, MonitorConfig, Run, RunStatus
from errata.store.monitors import add_monitor

HOUR_MS = 3_600_000
NIGHTLY = MonitorConfig(crontab="0 3 * * *", timezone="Europe/Berlin", margin=5)


def watched(
    project_id: str,
    slug: str = "nightly-backup",
    environment: str = "production",
    statuses: tuple[RunStatus, ...] = ("ok", "ok", "error", "timeout", "missed", "in_progress"),
    **more: Any,
) -> Monitor:
    """Store a monitor with a run of each of these statuses, an hour apart. Return it."""
    now = now_ms()
    first = now - HOUR_MS * len(statuses)
    runs = tuple(
        Run(
            f"{number:032x}",
            status,
            first + number * HOUR_MS,
            ended_ms=None
            if status in ("missed", "in_progress")
            else first + number * HOUR_MS + 90_000,
        )
        for number, status in enumerate(statuses)
    )
    known = {"config": NIGHTLY, "config_ms": now, "expected_ms": now + HOUR_MS, "seen_ms": now}
    made = Monitor(project_id, slug, environment, first, runs=runs, **{**known, **more})
    assert add_monitor(made)
    return made
