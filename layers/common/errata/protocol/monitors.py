"""Cron monitors in words, for people, and as JSON, for the command."""

from itertools import groupby
from typing import Any

from errata.models.monitor import Monitor, Run, RunStatus
from errata.protocol.read import iso

WORDS: dict[RunStatus, str] = {
    "in_progress": "running",
    "ok": "ok",
    "error": "failed",
    "timeout": "timed out",
    "missed": "missed",
}


def schedule(monitor: Monitor) -> str:
    """Return when runs are expected, in words. The time zone of a crontab is part of it."""
    if monitor.config is None:
        return "no schedule"
    if monitor.config.crontab:
        return f"{monitor.config.schedule} ({monitor.config.timezone})"
    return monitor.config.schedule


def waits_for(monitor: Monitor) -> str:
    """Return why no run is expected, in words. "" if one is."""
    if monitor.problem:
        return monitor.problem
    if monitor.sleeps:
        return f"{monitor.missed:,} runs were missed. The next check-in wakes it."
    return "" if monitor.expected_ms else "Its check-ins name no schedule."


def in_a_row(runs: tuple[Run, ...]) -> str:
    """Return the statuses of runs in words, oldest first: `18 ok, 1 failed, 1 ok`."""
    groups = [(status, len(list(same))) for status, same in groupby(each.status for each in runs)]
    return ", ".join(f"{number} {WORDS[status]}" for status, number in groups)


def took(run: Run) -> str:
    """Return how long a run took, in words. "" if that is unknown."""
    if run.took_ms is None:
        return ""
    seconds = run.took_ms / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def to_json(monitor: Monitor) -> dict[str, Any]:
    """Return a monitor as the command prints it with `--json`, its runs newest first."""
    config = monitor.config
    return {
        "slug": monitor.slug,
        "environment": monitor.environment,
        "schedule": config.schedule if config else None,
        "timezone": config.timezone if config and config.crontab else None,
        "checkin_margin_minutes": config.margin if config else None,
        "max_runtime_minutes": config.max_runtime if config else None,
        "failure_issue_threshold": config.failure_threshold if config else None,
        "recovery_threshold": config.recovery_threshold if config else None,
        "problem": monitor.problem or None,
        "status": monitor.status,
        "failing": monitor.failing,
        "issue_id": monitor.issue_id or None,
        "expected_at": _time(monitor.expected_ms),
        "created_at": iso(monitor.created_ms),
        "runs": [_run(each) for each in reversed(monitor.runs)],
    }


def _run(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "status": run.status,
        "at": iso(run.at_ms),
        "ended_at": _time(run.ended_ms),
        "took_ms": run.took_ms,
        "release": run.release or None,
    }


def _time(at_ms: int | None) -> str | None:
    return iso(at_ms) if at_ms else None
