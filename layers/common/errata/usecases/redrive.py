"""Put back what lies in the dead-letter queues; see docs/decisions/0013-redrive.md.

Notices go back into their queue. What a clear left behind is deleted now. Lost events go through
the ledger, which knows a batch that it has counted. Events that were not counted are counted now,
although later ones of the same issue were counted meanwhile: how many of a day are missing is the
difference between the log and the issue's count of that day, so that doing it again, or for an
event that was counted after all, changes nothing.
"""

import json
import zlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from errata.config import settings
from errata.errors import StoreError, UnavailableError
from errata.models.ids import DAY_MS, UUID, floor_id, minted_ms, now_ms
from errata.models.issue import MAX_DAYS, Issue
from errata.protocol import losses
from errata.store import event_queries, issues, projects, queues, stream, watermarks, webhooks
from errata.store.events import CLEAR_MARGIN_MS, Stored
from errata.store.queues import Message
from errata.store.retry import attempts
from errata.store.watermarks import Watermark
from errata.usecases import delete_cleared, loss_ledger
from errata.usecases.digest import count_late, standing

QUEUES = ("digest", "cleanup", "webhooks", "ledger")
AT_ONCE = 1_000
_TRIES = 8
_ARRIVAL_MS = int(timedelta(seconds=2) / timedelta(milliseconds=1))


@dataclass(frozen=True, slots=True)
class Redriven:
    """What became of a message. One that is not `done` stays in its queue, for the reason given."""

    queue: str
    message_id: str
    done: bool
    what: str


def redrive(queue: str, dry_run: bool = False) -> list[Redriven]:
    """Put back what lies in a queue of `QUEUES`, or with `dry_run` only look."""
    urls = {
        "digest": settings().digest_dead_letter_url,
        "cleanup": settings().cleanup_dead_letter_url,
        "webhooks": settings().webhook_dead_letter_url,
        "ledger": settings().ledger_dead_letter_url,
    }
    url = urls[queue]
    redriven: dict[str, Redriven] = {}
    # Held until the end: what was let go at once would come again before the rest of the queue.
    held: dict[str, Message] = {}
    try:
        while messages := queues.hold(url, AT_ONCE):
            new = [each for each in messages if each.id not in redriven]
            held |= {each.id: each for each in messages}
            if not new:
                break  # this has taken longer than messages are held
            if dry_run:
                found = [Redriven(queue, each.id, False, _tells(each)) for each in new]
            else:
                found = _REDRIVE[queue](new)
            for each in found:
                redriven[each.message_id] = each
                if each.done:
                    queues.delete(url, held.pop(each.message_id))
    finally:
        for message in held.values():
            queues.let_go(url, message)
    return list(redriven.values())


def _tells(message: Message) -> str:
    try:
        body = json.loads(message.body)
        if "DDBStreamBatchInfo" in body:
            info = body["DDBStreamBatchInfo"]
            came = info["approximateArrivalOfFirstRecord"]
            return f"a batch of {info['batchSize']} records from {came}"
        if "awslogs" in body:
            _, lost = losses.batch(body["awslogs"]["data"])
            return f"{lost.total()} lost events"
        if "event_id" in body:
            return f"event {body['project_id']}-{body['event_id']}: {body['reason']}"
        return f"notice {body['id']} of project {body['project_id']}"
    except (ValueError, KeyError, TypeError):
        return "a message of no known kind"


# ------------------------------------------------------------------ webhooks, cleanup, losses


def _notices(messages: list[Message]) -> list[Redriven]:
    redriven = []
    for message in messages:
        try:
            notice = webhooks.notice(message.body)
        except (ValueError, TypeError):
            redriven.append(Redriven("webhooks", message.id, False, "a message of no known kind"))
            continue
        # Cut off between this and its deletion, the notice goes out twice, under one id.
        webhooks.enqueue([notice])
        redriven.append(Redriven("webhooks", message.id, True, f"sent: {_tells(message)}"))
    return redriven


def _clears(messages: list[Message]) -> list[Redriven]:
    # The message names a place in the stream, which forgets within a day. A clear's watermark and a
    # deletion say all there is to know, and to clean what is clean costs a few reads.
    cleaned = 0
    for project_id in [each.id for each in projects.list_projects()] + projects.list_deleted():
        if watermarks.find_watermark(project_id).generation:
            delete_cleared.clean(project_id)
            cleaned += 1
        delete_cleared.finish_deletions(project_id)
    what = f"deleted what clears left behind in {cleaned} projects, and events of deleted issues"
    return [Redriven("cleanup", message.id, True, what) for message in messages]


def _losses(messages: list[Message]) -> list[Redriven]:
    redriven = []
    for message in messages:
        try:
            loss_ledger.count(json.loads(message.body)["awslogs"]["data"])
        except (ValueError, KeyError, TypeError):
            redriven.append(Redriven("ledger", message.id, False, "a message of no known kind"))
        except StoreError as error:
            redriven.append(Redriven("ledger", message.id, False, f"not counted: {error}"))
        else:
            what = f"counted {_tells(message)}, unless they were counted before"
            redriven.append(Redriven("ledger", message.id, True, what))
    return redriven


# ------------------------------------------------------------------ events that were not counted


type Ids = list[tuple[str, str]]  # project and event


def _events(messages: list[Message]) -> list[Redriven]:
    named: dict[str, Ids] = {}
    problems: dict[str, str] = {}
    for message in messages:
        try:
            named[message.id] = _named(message)
        except (ValueError, KeyError, TypeError):
            problems[message.id] = "a message of no known kind"
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
        else Redriven("digest", each.id, True, _counted(named[each.id], counted))
        for each in messages
    ]


def _counted(ids: Ids, counted: set[tuple[str, str]]) -> str:
    new = len(counted.intersection(ids))
    return f"counted {new} of {len(ids)} events; the others were counted, or are gone"


def _named(message: Message) -> Ids:
    """The events that a message is about, in the order of the stream."""
    body = json.loads(message.body)
    if "DDBStreamBatchInfo" not in body:
        if not UUID.fullmatch(body["event_id"]):
            raise ValueError(body["event_id"])
        return [(body["project_id"], body["event_id"])]
    batch = stream.batch(body)
    if now_ms() - batch.first_ms < stream.KEPT_MS:
        return stream.new_events(batch)
    # The stream has forgotten. Whatever else came in at that time has been counted since, or lies
    # in this queue too: nothing is on its way for that long.
    low = floor_id(batch.first_ms - CLEAR_MARGIN_MS - _ARRIVAL_MS)
    high = floor_id(batch.last_ms + _ARRIVAL_MS)
    return [
        (project.id, event_id)
        for project in projects.list_projects()
        for event_id, _, _ in event_queries.stored_between(project.id, low, high)
    ]


def _count_project(
    project_id: str,
    event_ids: set[str],
    counted: set[tuple[str, str]],
    wrong: dict[tuple[str, str], str],
) -> None:
    watermark = watermarks.find_watermark(project_id)
    now_s = now_ms() // 1000
    by_day: dict[int, list[Stored]] = defaultdict(list)
    for event in _read(project_id, sorted(event_ids), wrong):
        if watermark.shows(event, now_s):
            by_day[minted_ms(event.id) // DAY_MS].append(event)
    for day in sorted(by_day):
        pending: dict[str, list[Stored]] = defaultdict(list)
        for event in by_day[day]:
            pending[event.issue_id].append(event)
        for _ in attempts(_TRIES):
            pending = _count_day(project_id, watermark, day, pending, now_s, counted, wrong)
            if not pending:
                break
        for left in pending.values():
            wrong.update({(project_id, event.id): str(UnavailableError()) for event in left})


def _read(
    project_id: str, event_ids: list[str], wrong: dict[tuple[str, str], str]
) -> Iterable[Stored]:
    try:
        return event_queries.by_ids(project_id, event_ids)
    except (KeyError, ValueError, zlib.error) as error:
        if len(event_ids) == 1:
            wrong[project_id, event_ids[0]] = f"unreadable: {error!r}"
            return []
    return [event for each in event_ids for event in _read(project_id, [each], wrong)]


def _count_day(
    project_id: str,
    watermark: Watermark,
    day: int,
    of_issues: dict[str, list[Stored]],
    now_s: int,
    counted: set[tuple[str, str]],
    wrong: dict[tuple[str, str], str],
) -> dict[str, list[Stored]]:
    """Count what is missing of a day; returns what must be looked at again."""
    pk = issues.partition(project_id, watermark.generation)
    # The counts first, then the log: what is stored or counted in between is newer than what the
    # counts know, and is told by that.
    rows = standing(pk, [event for found in of_issues.values() for event in found], now_s)
    in_log: dict[str, list[str]] = defaultdict(list)
    low, high = floor_id(day * DAY_MS), floor_id((day + 1) * DAY_MS)
    for event_id, issue_id, legacy_id in event_queries.stored_between(project_id, low, high):
        if issue_id in of_issues and not watermark.hides(event_id, legacy_id):
            in_log[issue_id].append(event_id)
    again: dict[str, list[Stored]] = {}
    for issue_id, named in of_issues.items():
        found = [event for event in named if event.id > rows.deleted_through(issue_id)]
        missing = _missing(rows.issues.get(issue_id), day, in_log[issue_id], found)
        if not missing:
            continue
        try:
            if count_late(pk, missing, rows):
                counted.update((project_id, event.id) for event in missing)
            else:
                again[issue_id] = found
        except StoreError as error:
            wrong.update({(project_id, event.id): str(error) for event in missing})
    return again


def _missing(issue: Issue | None, day: int, in_log: list[str], found: list[Stored]) -> list[Stored]:
    """Which of these events of an issue and a day, ascending, the issue has not counted."""
    if issue is None:
        return found
    if (
        str(day) not in issue.days
        and len(issue.days) >= MAX_DAYS
        and day < min(map(int, issue.days))
    ):
        return []  # the issue has forgotten what it counted on that day
    # An issue has counted nothing before its first event or after its last one.
    within = [event for event in found if issue.first_event <= event.id <= issue.last_event]
    stored = sum(issue.first_event <= event_id <= issue.last_event for event_id in in_log)
    short = min(max(0, stored - issue.days.get(str(day), 0)), len(within))
    # A batch counts an issue's events in their order: what it has left out is its end.
    counted = {event.id for event in within[: len(within) - short]}
    return [event for event in found if event.id not in counted]


_REDRIVE = {"digest": _events, "cleanup": _clears, "webhooks": _notices, "ledger": _losses}
