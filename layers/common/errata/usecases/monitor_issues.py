"""Store events of failed runs of a monitor, and resolve the issue when the monitor has recovered.

An event is scrubbed, grouped, counted and limited like that of an SDK. Its id follows from the run,
so it is stored once, however often this is tried.
"""

import hashlib
import json
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any

from errata.errors import (
    HTTPError,
    InvalidInputError,
    NotFoundError,
    ProjectBusyError,
    ThrottledError,
)
from errata.models.event import Event
from errata.models.ids import issue_id
from errata.models.issue import OPEN_STATUSES
from errata.models.issue_change import RESOLVE, Change
from errata.models.monitor import Monitor, Run
from errata.models.project import Access
from errata.protocol.sentry.envelope import Envelope
from errata.store import check_ins, watermarks
from errata.store.issues import find_issue
from errata.store.monitors import save_monitor
from errata.usecases import admission, apply_rules, issues
from errata.usecases.sentry import SdkSubmission
from errata.usecases.visible import make_visible

# Digest counts an event within seconds. After this time, it has failed, or the event was cleared.
_COUNTED_MS = 10 * 60_000
_LOOK_AGAIN_S = 20
_WORDS = {"error": "failed run", "timeout": "run timed out", "missed": "missed run"}


def update_issue(opened: Access, monitor: Monitor, now_ms: int) -> Monitor | None:
    """Store the events that a monitor still owes, and resolve its issue. No-op if it owes nothing.

    Returns the monitor as it is stored then. None if somebody else has changed it: read it again.

    Raises:
        StoreError: not now. What was stored is not stored again.
    """
    after = monitor
    if any(run.event == "owed" for run in monitor.runs):
        after = _with_events(opened, after, now_ms)
    if after.recovered and _resolved(opened, after, now_ms):
        after = replace(after, recovered=False)
    if after == monitor:
        return monitor
    if not save_monitor(after):
        return None
    return replace(after, version=after.version + 1)


# ------------------------------------------------------------------ events


def _with_events(opened: Access, monitor: Monitor, now_ms: int) -> Monitor:
    runs = []
    for run in monitor.runs:
        if run.event == "owed":
            submission = _RunSubmission(Envelope({}, ()), _event(monitor, run), "")
            try:
                admission.store_event(submission, opened, now_ms, comes_again=True)
                monitor = replace(
                    monitor,
                    issue_id=submission.issue,
                    told_ms=max(monitor.told_ms, _known_ms(monitor, run)),
                    stored_ms=now_ms,
                )
            except ProjectBusyError:
                raise ThrottledError from None  # the queue message comes again
            except HTTPError:
                pass  # it is counted as lost
            run = replace(run, event="told")
        runs.append(run)
    return replace(monitor, runs=tuple(runs))


class _RunSubmission(SdkSubmission):
    """The event of a failed run. `read` sets `issue`, the id of the issue that will count it."""

    issue = ""

    def read(self, access: Access, now_ms: int) -> Event:
        """Return the event's fields, grouped as they are stored."""
        fields = super().read(access, now_ms)
        if access.rules:
            apply_rules.apply(access, fields)
        self.issue = issue_id(access.project_id, fields["fingerprint"])
        return fields


def _known_ms(monitor: Monitor, run: Run) -> int:
    """Return when it was known that a run had failed."""
    if run.ended_ms is not None:
        return run.ended_ms
    margin = monitor.config.margin if monitor.config else 0
    return run.at_ms + margin * 60_000


def _event(monitor: Monitor, run: Run) -> bytes:
    key = (monitor.project_id, monitor.slug, monitor.environment)
    config = monitor.config
    named = hashlib.sha256("\n".join(["monitor", *key, run.id]).encode()).hexdigest()
    what = _WORDS[run.status]
    context: dict[str, Any] = {
        "slug": monitor.slug,
        "status": run.status,
        "run": run.id,
        "expected" if run.status == "missed" else "started": _text(run.at_ms),
    }
    if run.took_ms is not None and run.status == "error":
        context["seconds"] = run.took_ms / 1000
    if config and not monitor.problem:
        context |= {
            "schedule": config.schedule,
            "timezone": config.timezone,
            "margin_minutes": config.margin,
            "max_runtime_minutes": config.max_runtime,
        }
    sent = {
        "event_id": named[:32],
        "timestamp": _known_ms(monitor, run) / 1000,
        "platform": "other",
        "level": "error",
        "environment": monitor.environment,
        "exception": {
            "values": [{"type": monitor.slug, "value": f"{what}\n{_detail(monitor, run)}"}]
        },
        # One issue for all that goes wrong with a job in an environment.
        "fingerprint": ["cron monitor", monitor.slug, monitor.environment],
        "tags": {"monitor.slug": monitor.slug, "monitor.status": run.status},
        "contexts": {"monitor": context},
    }
    if run.release:
        sent["release"] = run.release
    return json.dumps(sent).encode()


def _detail(monitor: Monitor, run: Run) -> str:
    config, at = monitor.config, _text(run.at_ms)
    if run.status == "missed" and config:
        return (
            f"A run was expected at {at} ({config.schedule}, {config.timezone}), and none began"
            f" within {config.margin} min."
        )
    if run.status == "timeout" and config:
        return f"The run that began at {at} did not end within {config.max_runtime} min."
    run_text = f"The run that began at {at}" if run.began else f"The run that ended at {at}"
    return f"{run_text} reported an error."


def _text(at_ms: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at_ms // 1000))


# ------------------------------------------------------------------ the issue


def _resolved(opened: Access, monitor: Monitor, now_ms: int) -> bool:
    """Resolve the issue of a monitor that is good again, if it is open.

    Returns False if digest has not counted the last event yet: then a worker looks again. Leaves an
    issue that is ignored or merged as it is.
    """
    watermark = watermarks.find_watermark(opened.project_id)
    visible = replace(make_visible(opened, watermark, now_ms), role=None)
    issue = find_issue(visible, monitor.issue_id) if monitor.issue_id else None
    counted = issue is not None and issue.last_seen >= monitor.told_ms
    if not counted and now_ms - monitor.stored_ms <= _COUNTED_MS:
        check_ins.look_later(opened.project_id, monitor.slug, monitor.environment, _LOOK_AGAIN_S)
        return False
    if issue is not None and issue.status in OPEN_STATUSES:
        with suppress(InvalidInputError, NotFoundError):  # somebody has just merged or deleted it
            issues.change(visible, issue.id, Change(RESOLVE), f"monitor {monitor.slug}")
    return True
