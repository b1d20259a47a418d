"""Group stored events into issues, releases and counters; each event counts exactly once.

Everything that an event changes is written in one transaction that also moves its issue's
`last_sequence` forward. A batch that comes twice, in part or in other pieces therefore finds its
events behind that mark and leaves them alone; one that is cut off has changed all of an issue's
rows or none. Within a shard of the stream an issue's events come in order, and all of a project's
new events come from one shard: their ids rise, so they share the newest partition.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from botocore.exceptions import ClientError

from errata.models import sketch
from errata.models.event import culprit, title, user_identity
from errata.models.ids import minted_ms
from errata.models.issue import MAX_DAYS, MAX_NAMES, Issue, Release
from errata.store import events, issues
from errata.store.attributes import back_off, code
from errata.store.events import DAY_MS, Stored, release_hash
from errata.store.issues import Changes, Rows
from errata.usecases import notify

logger = logging.getLogger("errata")

SEQUENCE_DIGITS = 40
_TRIES = 6
# A slice of an issue's events must fit a transaction: the issue, two rows a release, one a day.
_MAX_RELEASES = 30
_MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class Record:
    """An event with its place in the stream: a number, zero-padded so that texts compare right."""

    sequence: str
    event: Stored


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a batch.

    `retry` holds records to be delivered again; `hopeless` those that the store refuses for what
    they are, with the reason.
    """

    retry: list[Record]
    hopeless: list[tuple[Record, str]]


type Slice = list[Record]  # of one issue, in the order of the stream


def pad(sequence: str) -> str:
    """A stream's sequence number, comparable as text."""
    return sequence.zfill(SEQUENCE_DIGITS)


def digest(records: Iterable[Record]) -> Outcome:
    """Apply a batch of events, in the order of the stream.

    Raises:
        ClientError, BotoCoreError, Unavailable: nothing could be read; the whole batch is to be
            delivered again.
    """
    by_project: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        by_project[record.event.project_id].append(record)
    boundaries = events.boundaries(by_project)
    outcome = Outcome([], [])
    for project_id, of_project in by_project.items():
        boundary = boundaries[project_id]
        visible = (r for r in of_project if not boundary.hides(r.event.id, r.event.legacy_id))
        pk = issues.partition(project_id, boundary.generation)
        _digest_project(pk, list(_slices(visible)), outcome)
    return outcome


def _slices(records: Iterable[Record]) -> Iterator[Slice]:
    by_issue: dict[str, Slice] = defaultdict(list)
    for record in records:
        by_issue[record.event.issue_id].append(record)
    for of_issue in by_issue.values():
        piece: Slice = []
        releases: set[str] = set()
        for record in of_issue:
            releases.add(record.event.fields.get("release") or "")
            if len(releases) > _MAX_RELEASES:
                yield piece
                piece, releases = [], {record.event.fields.get("release") or ""}
            piece.append(record)
        yield piece


def _digest_project(pk: str, slices: list[Slice], outcome: Outcome) -> None:
    for attempt in range(_TRIES):
        try:
            slices = _apply(pk, slices)
        except ClientError as error:
            if len(slices) > 1:
                # One of them is at fault, or none: each for itself.
                for alone in slices:
                    if _waits(alone, outcome):
                        outcome.retry.extend(alone)
                    else:
                        _digest_project(pk, [alone], outcome)
            elif code(error) in ("ValidationException", "TransactionCanceledException"):
                outcome.hopeless.extend((record, str(error)) for record in slices[0])
            else:
                logger.warning("digest tries again", exc_info=error)
                outcome.retry.extend(slices[0])
            return
        if not slices:
            return
        back_off(attempt)
    outcome.retry.extend(record for piece in slices for record in piece)


def _waits(piece: Slice, outcome: Outcome) -> bool:
    """Whether earlier events of the same issue are to come again: these must not overtake them."""
    return any(record.event.issue_id == piece[0].event.issue_id for record in outcome.retry)


def _apply(pk: str, slices: list[Slice]) -> list[Slice]:
    """Apply what fits, transaction by transaction; returns what somebody else's write hindered."""
    seen = {(r.event.issue_id, name) for piece in slices for r in piece if (name := _release(r))}
    rows = issues.rows(pk, {piece[0].event.issue_id for piece in slices}, seen)
    hindered: list[Slice] = []
    changes, pending = Changes(), list[Slice]()
    for piece in slices:
        planned = _plan(piece, rows, changes)
        if planned is None:
            if not _commit(pk, changes, pending):
                hindered += pending
            changes, pending = Changes(), []
            planned = _plan(piece, rows, changes)
        if planned:
            pending.append(piece)
    if changes and not _commit(pk, changes, pending):
        hindered += pending
    return hindered


def _commit(pk: str, changes: Changes, slices: list[Slice]) -> bool:
    # The notices first: cut off in between, the batch comes again and sends them again under the
    # same ids. The other way round they would be lost (docs/decisions/0009-notices.md).
    opened = [piece[0].event for piece in slices if not changes.before[piece[0].event.issue_id]]
    if opened:
        notify.issues_created(pk, opened)
    return issues.apply(pk, changes)


def _release(record: Record) -> str:
    name = record.event.fields.get("release")
    return release_hash(name) if name else ""


def _plan(piece: Slice, rows: Rows, changes: Changes) -> bool | None:
    """Add to the changes what these events do to the rows.

    False when they were counted before; None when they do not fit into the same transaction.
    """
    issue_id = piece[0].event.issue_id
    issue = rows.issues.get(issue_id)
    before = issue.last_sequence if issue else ""
    fresh = [record for record in piece if record.sequence > before]
    if not fresh:
        return False
    room = issues.MAX_ACTIONS - len(changes)
    if issue_id in changes.issues or (room < 2 * len(fresh) + 3 and room < 2 * _MAX_RELEASES + 5):
        return None
    if issue is None:
        issue = rows.issues[issue_id] = _new_issue(fresh[0])
    changes.issues[issue_id] = issue
    changes.before[issue_id] = before
    for record in fresh:
        _count_release(issue, record, rows, changes)
        _count_day(record, changes)
    _count(issue, fresh)
    return True


def _new_issue(record: Record) -> Issue:
    event = record.event
    return Issue(
        id=event.issue_id,
        fingerprint=event.fields.get("fingerprint", ""),
        grouping=event.fields.get("grouping", "client"),
        title="",
        culprit="",
        level="",
        exception_class="",
        first_seen=minted_ms(event.id),
        first_event=event.id,
    )


def _count(issue: Issue, fresh: Slice) -> None:
    for record in fresh:
        event, fields = record.event, record.event.fields
        seen_ms = minted_ms(event.id)
        if event.id < issue.first_event:
            issue.first_event, issue.first_seen = event.id, seen_ms
        if event.id > issue.last_event:
            issue.last_event, issue.last_seen = event.id, seen_ms
        issue.expires_at = max(issue.expires_at, event.expires_at)
        _tally(issue.environments, fields.get("environment"))
        _tally(issue.releases, fields.get("release"))
        day = str(seen_ms // DAY_MS)
        issue.days[day] = issue.days.get(day, 0) + 1
    issue.count += len(fresh)
    issue.last_sequence = fresh[-1].sequence
    newest = fresh[-1].event.fields
    issue.title, issue.culprit = title(newest), culprit(newest)
    issue.level = newest.get("level", "error")
    issue.exception_class = newest.get("exception_class") or ""
    issue.users = sketch.add(
        issue.users, filter(None, (user_identity(record.event.fields) for record in fresh))
    )
    for day in sorted(issue.days, key=int)[:-MAX_DAYS]:
        del issue.days[day]


def _tally(counts: dict[str, int], name: str | None) -> None:
    if not name:
        return
    name = name[:_MAX_NAME]
    counts[name] = counts.get(name, 0) + 1
    if len(counts) > MAX_NAMES:
        # The newcomer stays: what matters of a long tail is its end.
        del counts[min((each for each in counts if each != name), key=lambda each: counts[each])]


def _count_release(issue: Issue, record: Record, rows: Rows, changes: Changes) -> None:
    name = _release(record)
    if not name:
        return
    event = record.event
    seen_ms = minted_ms(event.id)
    change = changes.releases.get(name)
    if change is None:
        stands = rows.releases.get(name)
        change = changes.releases[name] = Release(
            release=event.fields["release"],
            first_seen=stands.first_seen if stands else seen_ms,
            last_seen=stands.last_seen if stands else seen_ms,
            expires_at=stands.expires_at if stands else event.expires_at,
        )
        rows.releases[name] = change
    change.events += 1
    change.last_seen = max(change.last_seen, seen_ms)
    change.expires_at = max(change.expires_at, event.expires_at)
    if issue.first_event == event.id:
        change.issues_opened += 1
    seen = (issue.id, name)
    known_until = rows.sightings.get(seen, 0)
    if not known_until:
        change.open_issues += issue.status != "resolved"
    if known_until < event.expires_at:
        # It must outlive the issue, which would else be counted again; a day more saves writes.
        rows.sightings[seen] = changes.sightings[seen] = event.expires_at + DAY_MS // 1000


def _count_day(record: Record, changes: Changes) -> None:
    seen_ms = minted_ms(record.event.id)
    day = time.strftime("%Y-%m-%d", time.gmtime(seen_ms / 1000))
    count, expires_at = changes.days.get(day, (0, 0))
    changes.days[day] = (count + 1, max(expires_at, record.event.expires_at))
