"""Measure cron monitors: check-ins from the endpoint to the worker, and the looks of schedules.

A job runs each hour and reports when a run begins and when it ends, as an SDK does. Its monitor has
as many runs as it keeps. Each message is alone in its batch, and each project and key is looked up
again, because the check-ins of most jobs are minutes apart.
"""

import gzip
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

from bench import bill, feedback, prices, seed
from bench.bill import Dollars
from bench.process import Spent, Worker
from bench.server import RecordingServer, RowsByTable
from bench.stage import Stage
from errata.config import settings
from errata.models.ids import now_ms
from errata.models.monitor import KEPT_RUNS, Monitor
from errata.store import clients
from errata.store.check_ins import Look, look_message
from errata.store.monitors import find_monitor
from errata.usecases import access, watch_monitors

_ENDPOINT = "SentryIngestFunction"
_FUNCTION, _FOLDER = "MonitorsFunction", "monitors"
_SLUG, _ENVIRONMENT = "nightly-backup", "production"
_MINUTE_MS, _HOUR_MS = 60_000, 3_600_000
_MARGIN, _MAX_RUNTIME = 5, 30
# Minutes that a run takes.
_SHORT, _LONG = 2, 20
# SendMessage, ReceiveMessage and DeleteMessage.
_QUEUE_REQUESTS = 3
_OF_RUN = 2  # check-ins


class WorkerInput(NamedTuple):
    """A message to the worker, and the rows that it finds."""

    message: str
    rows: RowsByTable

    @property
    def looks(self) -> bool:
        """Whether a schedule has sent the message."""
        return "look" in json.loads(self.message)


type Process = Callable[[WorkerInput, int], Spent]


# ------------------------------------------------------------------ the endpoint


def posted(status: str, due_ms: int) -> bytes:
    """Return what an SDK posts for a check-in of a job that is due at this time each hour."""
    event_id = os.urandom(16).hex()
    at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    content = {
        "type": "check_in",
        "monitor_slug": _SLUG,
        "check_in_id": os.urandom(16).hex(),
        "status": status,
        "duration": None if status == "in_progress" else 60.0 * _SHORT,
        "environment": _ENVIRONMENT,
        "release": "shop@2026.11.22",
        "monitor_config": {
            "schedule": {"type": "crontab", "value": f"{_minute(due_ms)} * * * *"},
            "timezone": "Europe/Berlin",
            "checkin_margin": _MARGIN,
            "max_runtime": _MAX_RUNTIME,
        },
        "event_id": event_id,
        "timestamp": at,
        "contexts": {"trace": {"trace_id": os.urandom(16).hex(), "span_id": os.urandom(8).hex()}},
        "server_name": "ip-10-0-3-17.eu-central-1.compute.internal",
        "sdk": {
            "name": "sentry.python",
            "version": "2.75.0",
            "packages": [{"name": "pypi:sentry-sdk", "version": "2.75.0"}],
            "integrations": ["argv", "atexit", "dedupe", "excepthook", "logging", "modules"],
        },
        "platform": "python",
    }
    lines = [{"event_id": event_id, "sent_at": at}, {"type": "check_in"}, content]
    return gzip.compress("\n".join(map(json.dumps, lines)).encode())


def _minute(at_ms: int) -> int:
    return at_ms // _MINUTE_MS % 60


def queued(sent: Spent) -> list[str]:
    """Return the messages that the endpoint has sent to the queue."""
    bodies = [call.request["MessageBody"] for call in sent.calls if call.operation == "SendMessage"]
    assert bodies
    return bodies


def alone(stage: Stage, due_ms: int) -> Spent:
    """Post the check-in of a begin to an execution environment that has looked up nothing."""
    with feedback.endpoint(stage) as send:
        return send([posted("in_progress", due_ms)])


# ------------------------------------------------------------------ the worker


@contextmanager
def worker() -> Iterator[Process]:
    """Yield a function that passes a message to a new environment of the worker, several times."""
    with (
        RecordingServer() as server,
        Worker.of_function(_FUNCTION, _FOLDER, server.url) as function,
    ):

        def process(input_: WorkerInput, times: int) -> Spent:
            server.keep(input_.rows)
            batches = [_batch(input_.message)] * times
            return function.spend(batches, server, {"batchItemFailures": []})

        yield process


def worked(input_: WorkerInput) -> Spent:
    """Pass a message to an execution environment of the worker that has looked up nothing."""
    with worker() as process:
        return process(input_, 1)


def _batch(message: str) -> dict[str, Any]:
    return {
        "Records": [
            {
                "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
                "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
                "body": message,
                "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1795341600000"},
                "messageAttributes": {},
                "md5OfBody": "048a5c29fe6ea1eead625c1f06a9dd24",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:MonitorQueue",
                "awsRegion": "us-east-1",
            }
        ]
    }


def next_due_ms() -> int:
    """Return when the first of `runs` begins. It is far enough ahead that no look comes first."""
    return (now_ms() // _MINUTE_MS + 60) * _MINUTE_MS


def runs(stage: Stage, due_ms: int) -> tuple[list[WorkerInput], list[WorkerInput]]:
    """Return the messages of two runs in order, with what they find: a short and a long run.

    The short one begins at `due_ms` and ends within its margin. The long one is the next, and does
    not. The messages are those of the endpoint, and of the schedules that the worker makes.
    """
    with feedback.endpoint(stage) as send:
        sent = send([posted(status, due_ms) for status in ("in_progress", "ok")])
    with seed.account(_FUNCTION):
        clients.scheduler().create_schedule_group(Name=settings().schedule_group)
        access.clear_cache()
        job = _Job(seed.a_project_id(), *queued(sent))
        for hours in range(KEPT_RUNS, 0, -1):
            job.run(due_ms - hours * _HOUR_MS, _SHORT)
        job.read_rows = True
        return job.run(due_ms, _SHORT), job.run(due_ms + _HOUR_MS, _LONG)


class _Job:
    """A job whose runs the worker's own code watches. `begin` and `end` are its messages.

    The messages of its first runs come without what they find, which takes long to read.
    """

    def __init__(self, project_id: str, begin: str, end: str) -> None:
        self._project_id, self._begin, self._end = project_id, begin, end
        self.read_rows = False

    def run(self, begin_ms: int, minutes: int) -> list[WorkerInput]:
        """Run it for some minutes, until a schedule waits for the next run. Return the messages."""
        run_id = os.urandom(16).hex()
        end_ms = begin_ms + minutes * _MINUTE_MS
        inputs = [self._send(self._begin, run_id, begin_ms)]
        while (monitor := self._monitor()) and monitor.timer_ms < end_ms:
            inputs.append(self._look(monitor))
        inputs.append(self._send(self._end, run_id, end_ms))
        while (monitor := self._monitor()) and monitor.timer_ms < begin_ms + _HOUR_MS:
            inputs.append(self._look(monitor))
        return inputs

    def _monitor(self) -> Monitor | None:
        return find_monitor(self._project_id, _SLUG, _ENVIRONMENT)

    def _send(self, message: str, run_id: str, at_ms: int) -> WorkerInput:
        (check_in,) = json.loads(message)["check_ins"]
        check_in |= {"id": os.urandom(16).hex(), "run_id": run_id, "at_ms": at_ms}
        sent = {"project_id": self._project_id, "check_ins": [check_in]}
        return self._process(json.dumps(sent, separators=(",", ":")), at_ms)

    def _look(self, monitor: Monitor) -> WorkerInput:
        look = Look(_SLUG, _ENVIRONMENT, monitor.timer_ms)
        return self._process(look_message(self._project_id, look), monitor.timer_ms)

    def _process(self, message: str, at_ms: int) -> WorkerInput:
        found = WorkerInput(message, seed.rows() if self.read_rows else {})
        watch_monitors.process(message, at_ms)
        return found


# ------------------------------------------------------------------ the price


def of_check_in(
    sent: Spent, run: Sequence[tuple[WorkerInput, Spent]], cpu: dict[str, float]
) -> Dollars:
    """Return the dollars of a check-in: half of those of a run, with the looks at its monitor.

    `sent` is what one takes in the endpoint, `run` what each message takes in the worker.
    """
    calls = [call for _, each in run for call in each.calls]
    looks = sum(input_.looks for input_, _ in run)
    # Each look makes the schedule of the next one, and check-ins make none.
    assert looks == sum(call.operation == "CreateSchedule" for call in calls) == len(run) - _OF_RUN
    works = sum(
        bill.invocation(
            _FUNCTION, cpu["look" if input_.looks else "check-in, worker"], len(each.calls)
        )
        for input_, each in run
    )
    return {
        "endpoint": bill.invocation(_ENDPOINT, cpu["check-in"], len(sent.calls)),
        "worker": works / _OF_RUN,
        "queues": len(run) * _QUEUE_REQUESTS * prices.QUEUE_REQUEST / _OF_RUN,
        "schedules": looks * prices.SCHEDULED / _OF_RUN,
        "monitors": _of_tables(sent) + sum(_of_tables(each) for _, each in run) / _OF_RUN,
    }


def _of_tables(sent: Spent) -> float:
    written = bill.writes(sent.calls).total() * prices.WRITE_UNIT
    return written + bill.reads(sent.calls) * prices.READ_UNIT
