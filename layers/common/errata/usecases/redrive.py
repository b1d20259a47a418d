"""Process the contents of the dead-letter queues again; see docs/decisions/0013-redrive.md.

- Webhook messages and check-ins of cron monitors go back into their queues.
- Cleared events and the events of deleted issues are deleted now.
- Source maps are fetched and compiled, and unused ones deleted, with those of deleted projects.
- Failures in log lines are stored, unless they were stored before.
- Losses are counted in the loss ledger. It skips a batch that it has already counted.
- Events that were not counted are counted now, even if later events of the same issue were counted
  in the meantime. The number missing on a day is the difference between the stored events and the
  issue's count of that day. So a second redrive, or one of a counted event, changes nothing.
"""

import json
import zlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from errata.config import settings
from errata.errors import PermanentError, StoreError, UnavailableError
from errata.logs.batch import read_batch
from errata.models.buckets import MAX_DAYS
from errata.models.event import Stored
from errata.models.ids import DAY_MS, UUID, floor_id, minted_ms, now_ms
from errata.models.issue import Issue
from errata.models.times import CLEAR_MARGIN_MS, STREAM_KEPT_MS
from errata.protocol import losses
from errata.store import check_ins, digest_rows, event_queries, queues, stream, watermarks, webhooks
from errata.store.projects import list_deleted
from errata.store.queues import QueueMessage
from errata.store.retry import attempts
from errata.usecases import (
    compile_maps,
    delete_cleared,
    log_capture,
    loss_ledger,
    projects,
    sourcemaps,
)
from errata.usecases.digest import count_replayed, wanted_by

AT_ONCE = 1_000
_TRIES = 8
_ARRIVAL_MS = int(timedelta(seconds=2) / timedelta(milliseconds=1))


@dataclass(frozen=True, slots=True)
class Redriven:
    """The result for one queue message. `what` describes it. If not `done`, it stays queued."""

    queue: str
    message_id: str
    done: bool
    what: str


def queue_urls() -> dict[str, str]:
    """Return the URL of each dead-letter queue, by the names in `errata.config.QUEUES`."""
    return {
        "digest": settings().digest_dead_letter_url,
        "cleanup": settings().cleanup_dead_letter_url,
        "webhooks": settings().webhook_dead_letter_url,
        "ledger": settings().ledger_dead_letter_url,
        "maps": settings().compile_maps_dead_letter_url,
        "capture": settings().log_capture_dead_letter_url,
        "monitors": settings().monitor_dead_letter_url,
    }


def redrive_queue(queue: str, dry_run: bool = False) -> list[Redriven]:
    """Process the messages of one of the `QUEUES` again. With `dry_run`, only list them."""
    url = queue_urls()[queue]
    if not url:  # the stack is older than the queue
        return []
    redriven: dict[str, Redriven] = {}
    # Hold failed messages until the end. Released earlier, they would be received again before the
    # rest of the queue.
    held: dict[str, QueueMessage] = {}
    try:
        while messages := queues.hold(url, AT_ONCE):
            new = [each for each in messages if each.id not in redriven]
            held |= {each.id: each for each in messages}
            if not new:
                break  # this took longer than the visibility timeout of the messages
            if dry_run:
                found = [Redriven(queue, each.id, False, _describe(each)) for each in new]
            else:
                found = _BY_QUEUE[queue](new)
            for each in found:
                redriven[each.message_id] = each
                if each.done:
                    queues.delete(url, held.pop(each.message_id))
    finally:
        for message in held.values():
            queues.let_go(url, message)
    return list(redriven.values())


def _describe(message: QueueMessage) -> str:
    try:
        body = json.loads(message.body)
        if "DDBStreamBatchInfo" in body:
            info = body["DDBStreamBatchInfo"]
            came = info["approximateArrivalOfFirstRecord"]
            return f"a batch of {info['batchSize']} records from {came}"
        if "awslogs" in body:
            if lost := losses.batch(body["awslogs"]["data"]).lost:
                return f"{lost.total()} lost events"
            batch = read_batch(body)
            return f"{len(batch.lines)} log lines of {batch.group}" if batch else "no log lines"
        if "event_id" in body:
            return f"event {body['project_id']}-{body['event_id']}: {body['reason']}"
        if "look" in body or "check_ins" in body:
            what = f"{len(body['check_ins'])} check-ins" if "check_ins" in body else "a look"
            return f"{what} at cron monitors of project {body['project_id']}"
        return f"message {body['id']} of project {body['project_id']}"
    except (ValueError, KeyError, TypeError):
        return "an unknown kind of message"


# ------------------------------------------------------------------ queues of other things


def _redrive_webhooks(messages: list[QueueMessage]) -> list[Redriven]:
    redriven = []
    for message in messages:
        try:
            queued = webhooks.parse_message(message.body)
        except (ValueError, TypeError):
            redriven.append(Redriven("webhooks", message.id, False, "an unknown kind of message"))
            continue
        # If this is interrupted before the message is deleted, the message is sent twice, under
        # the same id.
        webhooks.enqueue([queued])
        redriven.append(Redriven("webhooks", message.id, True, f"sent: {_describe(message)}"))
    return redriven


def _redrive_cleanup(messages: list[QueueMessage]) -> list[Redriven]:
    # The queue message names a position in the stream, which keeps records for one day only. The
    # watermarks and cleanup tasks say everything that is needed. Cleaning a project that is already
    # clean costs a few reads.
    cleaned = 0
    for project_id in [each.id for each in projects.list_projects()] + list_deleted():
        if watermarks.find_watermark(project_id).generation:
            delete_cleared.clean(project_id)
            delete_cleared.drop_recent(project_id)
            cleaned += 1
        delete_cleared.finish_deletions(project_id)
    what = f"deleted what clears left behind in {cleaned} projects, and events of deleted issues"
    return [Redriven("cleanup", message.id, True, what) for message in messages]


def _redrive_losses(messages: list[QueueMessage]) -> list[Redriven]:
    redriven = []
    for message in messages:
        try:
            loss_ledger.count(json.loads(message.body)["awslogs"]["data"])
        except (ValueError, KeyError, TypeError):
            redriven.append(Redriven("ledger", message.id, False, "an unknown kind of message"))
        except StoreError as error:
            redriven.append(Redriven("ledger", message.id, False, f"not counted: {error}"))
        else:
            what = f"counted {_describe(message)}, unless they were counted before"
            redriven.append(Redriven("ledger", message.id, True, what))
    return redriven


def _redrive_maps(messages: list[QueueMessage]) -> list[Redriven]:
    # The message names a position in the stream, as for cleanup. The rows say what is left to do.
    begun = deleted = 0
    for project in projects.list_projects():
        begun += sourcemaps.begin_again(project.id, now_ms())
        deleted += sourcemaps.delete_unused(project.id)
    for project_id in list_deleted():
        compile_maps.delete_project_artifacts(project_id)
    what = f"began {begun} uploads and fetches again, and deleted {deleted} unused source maps"
    return [Redriven("maps", message.id, True, what) for message in messages]


def _redrive_capture(messages: list[QueueMessage]) -> list[Redriven]:
    redriven = []
    for message in messages:
        try:
            stored = log_capture.capture(json.loads(message.body), now_ms())
        except (ValueError, KeyError, TypeError):
            redriven.append(Redriven("capture", message.id, False, "an unknown kind of message"))
        except StoreError as error:
            redriven.append(Redriven("capture", message.id, False, f"not all stored: {error}"))
        else:
            what = f"stored {stored} events of {_describe(message)}; others were stored before"
            redriven.append(Redriven("capture", message.id, True, what))
    return redriven


def _redrive_monitors(messages: list[QueueMessage]) -> list[Redriven]:
    redriven = []
    for message in messages:
        try:
            check_ins.parse(message.body)
        except (ValueError, KeyError, TypeError):
            redriven.append(Redriven("monitors", message.id, False, "an unknown kind of message"))
            continue
        # As for webhooks. A check-in that comes twice changes nothing.
        queues.send(settings().monitor_queue_url, json.loads(message.body))
        redriven.append(Redriven("monitors", message.id, True, f"sent: {_describe(message)}"))
    return redriven


# ------------------------------------------------------------------ events that were not counted


type EventIds = list[tuple[str, str]]  # project and event


def _redrive_events(messages: list[QueueMessage]) -> list[Redriven]:
    named: dict[str, EventIds] = {}
    problems: dict[str, str] = {}
    for message in messages:
        try:
            named[message.id] = _events_of(message)
        except (ValueError, KeyError, TypeError):
            problems[message.id] = "an unknown kind of message"
        except StoreError as error:
            problems[message.id] = f"its records cannot be read: {error}"
    wanted: dict[str, set[str]] = defaultdict(set)
    for ids in named.values():
        for project_id, event_id in ids:
            wanted[project_id].add(event_id)
    counted: set[tuple[str, str]] = set()
    wrong: dict[tuple[str, str], str] = {}
    for project_id, event_ids in wanted.items():
        _count_project(project_id, event_ids, counted, wrong)
    for message_id, ids in named.items():
        for each in ids:
            if each in wrong:
                problems[message_id] = f"event {each[0]}-{each[1]}: {wrong[each]}"
    return [
        Redriven("digest", each.id, False, problems[each.id])
        if each.id in problems
        else Redriven("digest", each.id, True, _count_text(named[each.id], counted))
        for each in messages
    ]


def _count_text(ids: EventIds, counted: set[tuple[str, str]]) -> str:
    new = len(counted.intersection(ids))
    return f"counted {new} of {len(ids)} events; the others were counted before, or are deleted"


def _events_of(message: QueueMessage) -> EventIds:
    """Return the events that a queue message is about, in the order of the stream."""
    body = json.loads(message.body)
    if "DDBStreamBatchInfo" not in body:
        if not UUID.fullmatch(body["event_id"]):
            raise ValueError(body["event_id"])
        return [(body["project_id"], body["event_id"])]
    batch = stream.batch(body)
    if now_ms() - batch.first_ms < STREAM_KEPT_MS:
        return stream.new_events(batch)
    # The stream no longer has the records. So take every event stored at that time. The others are
    # already counted, or in this queue too: no event is in transit for that long.
    low = floor_id(batch.first_ms - CLEAR_MARGIN_MS - _ARRIVAL_MS)
    high = floor_id(batch.last_ms + _ARRIVAL_MS)
    return [
        (project.id, event_id)
        for project in projects.list_projects()
        for event_id, _, _ in event_queries.stored_between(project.id, low, high)
    ]


def count_events(project_id: str, event_ids: set[str]) -> tuple[int, list[str]]:
    """Count those of a project's events that are not counted.

    Returns how many these are, and what is wrong with the events that can never be counted.

    Raises:
        StoreError: not all could be counted now. Those that were do not count again.
    """
    counted: set[tuple[str, str]] = set()
    wrong: dict[tuple[str, str], str] = {}
    _count_project(project_id, event_ids, counted, wrong, strict=True)
    return len(counted), [f"event {a}-{b}: {reason}" for (a, b), reason in wrong.items()]


def _count_project(
    project_id: str,
    event_ids: set[str],
    counted: set[tuple[str, str]],
    wrong: dict[tuple[str, str], str],
    *,
    strict: bool = False,
) -> None:
    now_s = now_ms() // 1000
    by_day: dict[int, list[Stored]] = defaultdict(list)
    for event in _read(project_id, sorted(event_ids), wrong):
        by_day[minted_ms(event.id) // DAY_MS].append(event)
    for day in sorted(by_day):
        pending: dict[str, list[Stored]] = defaultdict(list)
        for event in by_day[day]:
            pending[event.issue_id].append(event)
        for _ in attempts(_TRIES):
            pending = _count_day(project_id, day, pending, now_s, counted, wrong, strict=strict)
            if not pending:
                break
        if pending and strict:
            raise UnavailableError
        for left in pending.values():
            wrong.update({(project_id, event.id): str(UnavailableError()) for event in left})


def _read(
    project_id: str, event_ids: list[str], wrong: dict[tuple[str, str], str]
) -> Iterable[Stored]:
    try:
        return event_queries.by_ids(project_id, event_ids, tallies=True)
    except (KeyError, ValueError, zlib.error) as error:
        if len(event_ids) == 1:
            wrong[project_id, event_ids[0]] = f"unreadable: {error!r}"
            return []
    return [event for each in event_ids for event in _read(project_id, [each], wrong)]


def _count_day(
    project_id: str,
    day: int,
    of_issues: dict[str, list[Stored]],
    now_s: int,
    counted: set[tuple[str, str]],
    wrong: dict[tuple[str, str], str],
    *,
    strict: bool,
) -> dict[str, list[Stored]]:
    """Count the missing events of a day. Return the events to retry, by issue.

    Skips what is cleared or has expired.
    """
    # Read the counts first, then the stored events. An event that is stored or counted in between
    # is newer than the issue's last event, so the code can tell the difference.
    wanted = wanted_by(event for found in of_issues.values() for event in found)
    rows = digest_rows.read({project_id: wanted}, now_s, {})[project_id]
    in_log: dict[str, list[str]] = defaultdict(list)
    low, high = floor_id(day * DAY_MS), floor_id((day + 1) * DAY_MS)
    for event_id, issue_id, legacy_id in event_queries.stored_between(project_id, low, high):
        if issue_id in of_issues and not rows.watermark.hides(event_id, legacy_id):
            in_log[issue_id].append(event_id)
    again: dict[str, list[Stored]] = {}
    for issue_id, named in of_issues.items():
        found = [
            event
            for event in named
            if rows.watermark.shows(event, now_s) and event.id > rows.deleted_through(issue_id)
        ]
        missing = _missing(rows.issues.get(issue_id), day, in_log[issue_id], found)
        if not missing:
            continue
        try:
            done = count_replayed(rows, missing)
            counted.update((project_id, event.id) for event in missing[:done])
            if done < len(missing):
                again[issue_id] = found
        except StoreError as error:
            if strict and not isinstance(error, PermanentError):
                raise
            wrong.update({(project_id, event.id): str(error) for event in missing})
    return again


def _missing(issue: Issue | None, day: int, in_log: list[str], found: list[Stored]) -> list[Stored]:
    """Return those of an issue's events of a day that are not counted, oldest first."""
    if issue is None:
        return found
    if day <= issue.last_seen // DAY_MS - MAX_DAYS:
        return []  # the issue no longer has a count for that day
    # An issue has counted nothing before its first event or after its last one.
    within = [event for event in found if issue.first_event <= event.id <= issue.last_event]
    stored = sum(issue.first_event <= event_id <= issue.last_event for event_id in in_log)
    short = min(max(0, stored - issue.buckets.days.get(day, 0)), len(within))
    # A batch counts an issue's events in order. So the missing ones are the last ones.
    counted = {event.id for event in within[: len(within) - short]}
    return [event for event in found if event.id not in counted]


_BY_QUEUE = {
    "digest": _redrive_events,
    "cleanup": _redrive_cleanup,
    "webhooks": _redrive_webhooks,
    "ledger": _redrive_losses,
    "maps": _redrive_maps,
    "capture": _redrive_capture,
    "monitors": _redrive_monitors,
}
