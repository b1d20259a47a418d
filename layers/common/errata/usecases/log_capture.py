"""Create events from failures in CloudWatch Logs.

The id of its log line identifies an event, so it is stored once. It is scrubbed, grouped, counted
and limited like an event of an SDK. See docs/decisions/0069-log-capture.md.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from errata.caches import BoundedDict
from errata.config import settings
from errata.errors import (
    ConditionFailedError,
    HTTPError,
    ProjectBusyError,
    StoreError,
    ThrottledError,
)
from errata.logs import invocation
from errata.logs.batch import MAX_LINE, LogBatch, read_batch
from errata.logs.invocation import Captured, LoggedLine
from errata.logs.to_event import to_event
from errata.models.buckets import HOUR_MS
from errata.models.capture import is_own, project_of
from errata.models.project import Access
from errata.protocol.sentry.envelope import Envelope
from errata.store import captures, log_lines
from errata.store.failure_markers import FailureMarker
from errata.usecases import access, admission, report_losses
from errata.usecases.same_failure import common_kind
from errata.usecases.sentry import SdkSubmission

logger = logging.getLogger("errata")

# The hour for which this process has recorded that a log group of a project had an event.
_noted = BoundedDict[tuple[str, str], int](max_entries=10_000)


def capture(sent: Any, at_ms: int) -> int:
    """Store the failures of a batch of log lines. Returns how many events are new.

    A batch may be delivered again: what was stored is not stored again. If a line is refused, the
    others are stored all the same.

    Raises:
        ValueError: `sent` does not come from CloudWatch Logs.
        StoreError: the store failed. All lines have been tried; the same batch can be tried again.
    """
    batch = read_batch(sent)
    if batch is None:
        return 0
    if is_own(batch.group, settings().stack_name):
        logger.warning("log capture: %s is a log group of Errata itself", batch.group)
        return 0
    projects = {each for each in map(project_of, batch.filters) if each}
    looked_up = [access.of_project(each, at_ms) for each in sorted(projects)]
    opened = [each for each in looked_up if each]
    if not opened:
        logger.warning("log capture: no project for %s, by %s", batch.group, batch.filters)
        return 0
    for each in opened:
        if batch.unreadable:
            report_losses.note(each.project_id, "invalid", batch.unreadable)
    if not invocation.has_failure(batch.lines):
        return 0
    found = invocation.find(batch.lines, _around(batch))
    return sum(_store_all(batch, found.captured, each, at_ms) for each in opened)


def _around(batch: LogBatch) -> list[LoggedLine]:
    """Return the lines of the stream around a batch, none if they cannot be read.

    Without them, events have no breadcrumbs and less metadata. AWS allows few of these calls.
    """
    first, last = batch.lines[0].at_ms, batch.lines[-1].at_ms
    try:
        found = log_lines.around(batch.group, batch.stream, first, last)
    except StoreError as error:
        logger.warning("log capture: no lines around those of %s: %s", batch.group, error)
        return []
    return [LoggedLine(at_ms, text[:MAX_LINE]) for at_ms, text in found]


def _store_all(batch: LogBatch, found: Sequence[Captured], opened: Access, at_ms: int) -> int:
    # Frames in logs have no debug ids, and no release whose source maps could be looked up.
    opened = replace(opened, maps=False)
    if found:
        _note(opened, batch.group, at_ms)
    stored = 0
    failed: StoreError | None = None
    for captured in found:
        submission = _FailureSubmission.of(batch, captured)
        try:
            admitted = admission.store_event(submission, opened, at_ms, comes_again=True)
            stored += admitted.stored
        except ProjectBusyError:
            # An SDK would not send the event again. Lambda delivers the batch again in a minute.
            failed = ThrottledError()
        except HTTPError:
            pass  # it is counted as lost
        except StoreError as error:
            failed = error
    if failed:
        raise failed
    return stored


class _FailureSubmission(SdkSubmission):
    """The event of a failure in the logs."""

    @classmethod
    def of(cls, batch: LogBatch, captured: Captured) -> "_FailureSubmission":
        """Return the submission of a failure."""
        sent = to_event(batch, captured, settings().region)
        submission = cls(Envelope({}, ()), json.dumps(sent).encode(), "")
        failure = captured.failure
        if captured.request_id:
            submission.marker = FailureMarker(
                captured.request_id.lower(),
                common_kind(failure.kind),
                captured.line.at_ms,
                "log",
                claims=not failure.handled,
            )
        return submission


def _note(opened: Access, group: str, at_ms: int) -> None:
    """Record that a log group had an event, at most once an hour in each process."""
    hour = at_ms // HOUR_MS
    key = (opened.project_id, group)
    if _noted.get(key) == hour:
        return
    try:
        if not opened.captures:
            captures.note_captures(opened.project_id, at_ms)
        captures.note_event(opened.project_id, group, at_ms)
    except ConditionFailedError:
        return  # the project was deleted just now
    _noted[key] = hour


def clear_cache() -> None:
    """Drop what was recorded, as if the process had ended."""
    _noted.clear()
