"""Group stored events into issues, releases and counters; each event counts exactly once.

One transaction writes everything that an event changes, and moves `last_sequence` of the issue
forward. A batch may be delivered again, in part or divided differently: its events are then not
above `last_sequence`, and are skipped. A batch that is interrupted has changed all of an issue's
rows or none. Within a shard of the stream the events of an issue arrive in order. All new events of
a project come from one shard: their ids rise, so they share the newest partition. The issue also
stores the stream's label, because another stream may have lower numbers
(docs/decisions/0031-stream-label.md).

An expired row counts as deleted, whether or not DynamoDB has deleted it yet, and starts at zero. No
event counts twice because of that: a row outlives every event that it has counted, and an expired
event is not counted.

An event may be stored after the clear or the deletion that covers it: its id was created before.
It is not counted, and deleted here, because cleanup may have finished.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from errata.errors import PermanentError, StoreError
from errata.models import sketch
from errata.models.event import Stored, user_identity
from errata.models.ids import DAY_MS, minted_ms, now_ms
from errata.models.issue import (
    MAX_DAYS,
    MAX_GROUPED_BY,
    REGRESSED,
    RESOLVED,
    Activity,
    Day,
    Issue,
    Release,
    count_names,
    short_name,
)
from errata.models.titles import culprit, short_text, title
from errata.models.visible import Watermark, issues_partition
from errata.store import digest as store
from errata.store import issue_deletions, watermarks
from errata.store.digest import Changes, Rows
from errata.store.events import release_hash
from errata.store.releases import LINGER_S
from errata.store.retry import attempts
from errata.usecases import notify

logger = logging.getLogger("errata")

SEQUENCE_DIGITS = 40
_TRIES = 6
# A slice of an issue's events must fit into a transaction: the issue, its activity, two rows per
# release, one row per day.
_MAX_RELEASES = 30


@dataclass(frozen=True, slots=True)
class Record:
    """An event and its sequence number, zero-padded so that it sorts as text.

    `stream` is the label of the stream, which is the time of its creation.
    """

    sequence: str
    event: Stored
    stream: str = ""

    def is_after(self, stream: str, sequence: str) -> bool:
        """Return whether the record comes after the last one that was counted.

        A table that was replaced or recovered has a new stream, whose sequence numbers may be
        lower. What an older release has counted has no label, and is of the same stream.
        """
        if stream and self.stream and stream != self.stream:
            return self.stream > stream
        return self.sequence > sequence


type Slice = list[Record]  # of one issue, in the order of the stream


@dataclass(frozen=True, slots=True)
class Outcome:
    """What failed in a batch.

    `retry` has the records to deliver again. `permanent` has those that no retry can store or
    delete, with the reason.
    """

    retry: list[Record]
    permanent: list[tuple[Record, str]]

    def dead_letter(self, records: Slice, error: PermanentError) -> None:
        """Add records to `permanent`. One that failed before is there already."""
        known = {record.sequence for record, _ in self.permanent}
        self.permanent.extend((each, str(error)) for each in records if each.sequence not in known)


def pad(sequence: str) -> str:
    """Return a sequence number of the stream, padded so that it sorts as text."""
    return sequence.zfill(SEQUENCE_DIGITS)


def digest(records: Iterable[Record]) -> Outcome:
    """Count a batch of events, in the order of the stream. Return what failed.

    Raises:
        StoreError: nothing could be read; deliver the whole batch again.
    """
    by_project: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        by_project[record.event.project_id].append(record)
    limits = watermarks.find_watermarks(by_project)
    now_s = now_ms() // 1000
    outcome = Outcome([], [])
    for project_id, of_project in by_project.items():
        watermark = limits[project_id]
        _delete_hidden(watermark, of_project, outcome)
        visible = (r for r in of_project if watermark.shows(r.event, now_s))
        pk = issues_partition(project_id, watermark.generation)
        _digest_project(pk, list(_slices(visible)), now_s, outcome)
    return outcome


def _delete_hidden(watermark: Watermark, records: list[Record], outcome: Outcome) -> None:
    """Delete the cleared events among `records`."""
    hidden = [r for r in records if watermark.hides(r.event.id, r.event.legacy_id)]
    if not hidden:
        return
    try:
        _delete(hidden, watermarks.delete_hidden, outcome)
    except StoreError as error:
        logger.warning("cleared events stay, they will be delivered again", exc_info=error)
        outcome.retry.extend(hidden)


def _delete_late(events: list[Stored]) -> None:
    """Delete events of a project that were stored after the deletion of their issues."""
    issue_deletions.delete_events(events[0].project_id, [event.id for event in events])


def _delete(
    records: list[Record], delete: Callable[[list[Stored]], None], outcome: Outcome
) -> None:
    """Delete the events of these records. One that can never be deleted does not keep the others.

    Raises:
        StoreError: they cannot be deleted now.
    """
    try:
        delete([record.event for record in records])
    except PermanentError as error:
        if len(records) == 1:
            outcome.dead_letter(records, error)
        else:
            for record in records:
                _delete([record], delete, outcome)


def current_rows(pk: str, found: list[Stored], now_s: int) -> Rows:
    """Return the current rows that these events of one project change, without expired ones."""
    seen = {(event.issue_id, name) for event in found if (name := _release(event))}
    issue_ids = {event.issue_id for event in found}
    days = {minted_ms(event.id) // DAY_MS for event in found}
    return store.rows(pk, issue_ids, seen, days, now_s)


def count_late(pk: str, late: list[Stored], rows: Rows) -> int:
    """Count events of one issue that are no longer in the stream. `rows` is its current state.

    Returns:
        How many are counted, from the first on: fewer than all if they do not fit into one
        transaction, 0 after a conflict. Then read the rows again, and count what is left.

    Raises:
        StoreError: the store refuses the events.
    """
    # Sorts after the current sequence number and before the next one. So no event in the stream
    # looks counted, and a batch that read the issue earlier gets a conflict and reads it again.
    stream, last = rows.last_counted(late[0].issue_id)
    sequence = (last or "0" * SEQUENCE_DIGITS) + "~"
    piece = next(_slices(Record(sequence, event, stream) for event in late))
    changes = Changes()
    _plan(piece, rows, changes)
    return len(piece) if _commit(pk, rows, changes) else 0


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


def _digest_project(pk: str, slices: list[Slice], now_s: int, outcome: Outcome) -> None:
    for _ in attempts(_TRIES):
        try:
            slices = _apply(pk, slices, now_s, outcome)
        except StoreError as error:
            if not error.code:
                raise  # no response, so the others would wait for one, too
            if len(slices) > 1:
                # Any slice may be the cause, or none: apply each alone.
                for alone in slices:
                    if _must_wait(alone, outcome):
                        outcome.retry.extend(alone)
                    else:
                        _digest_project(pk, [alone], now_s, outcome)
            elif isinstance(error, PermanentError):
                outcome.dead_letter(slices[0], error)
            else:
                logger.warning("digest failed, its records will be delivered again", exc_info=error)
                outcome.retry.extend(slices[0])
            return
        if not slices:
            return
    outcome.retry.extend(record for piece in slices for record in piece)


def _must_wait(piece: Slice, outcome: Outcome) -> bool:
    """Return whether to retry this slice because earlier events of its issue are retried."""
    return any(record.event.issue_id == piece[0].event.issue_id for record in outcome.retry)


def _apply(pk: str, slices: list[Slice], now_s: int, outcome: Outcome) -> list[Slice]:
    """Apply the slices, one transaction after the other. Delete late events of deleted issues.

    Returns the slices from the first conflict on. Later ones of the same issue must not be applied
    before it.
    """
    records = [record for piece in slices for record in piece]
    rows = current_rows(pk, [record.event for record in records], now_s)
    late = [r for r in records if r.event.id <= rows.deleted_through(r.event.issue_id)]
    if late:
        _delete(late, _delete_late, outcome)
    changes, applied = Changes(), 0
    for n, piece in enumerate(slices):
        if not _plan(piece, rows, changes):
            if not _commit(pk, rows, changes):
                return slices[applied:]
            changes, applied = Changes(), n
            _plan(piece, rows, changes)
    return slices[applied:] if changes and not _commit(pk, rows, changes) else []


def _commit(pk: str, rows: Rows, changes: Changes) -> bool:
    # Send the messages first. If the function is interrupted in between, the batch is delivered
    # again and sends them again under the same ids. In the other order they would be lost
    # (docs/decisions/0009-webhook-messages.md).
    if changes.opened:
        notify.issues_created(pk, list(changes.opened.values()))
    return store.apply(pk, rows, changes)


def _release(event: Stored) -> str:
    name = event.fields.get("release")
    return release_hash(name) if name else ""


def _plan(piece: Slice, rows: Rows, changes: Changes) -> bool:
    """Add to `changes` what the events of a slice change that were not counted before.

    Returns False if they do not fit into the same transaction.
    """
    issue_id = piece[0].event.issue_id
    counted = rows.last_counted(issue_id)
    deleted = rows.deleted_through(issue_id)
    fresh = [each for each in piece if each.is_after(*counted) and each.event.id > deleted]
    if not fresh:
        return True
    left = store.MAX_ACTIONS - len(changes)
    if issue_id in changes.issues or (left < 2 * len(fresh) + 4 and left < 2 * _MAX_RELEASES + 6):
        return False
    current = rows.issues.get(issue_id)
    if current is None:
        changes.opened[issue_id] = fresh[0].event
    issue = changes.issues[issue_id] = _copy(current) if current else _new_issue(fresh[0], deleted)
    _regress(issue, fresh, changes)
    for record in fresh:
        seen_ms = minted_ms(record.event.id)
        _count_release(issue, record.event, seen_ms, rows, changes)
        _count_day(record.event, seen_ms // DAY_MS, rows, changes)
    _count(issue, fresh)
    return True


def _regress(issue: Issue, fresh: Slice, changes: Changes) -> None:
    """Open a resolved issue again if one of these events was received after it was resolved."""
    if issue.status != RESOLVED:
        return
    for event in (record.event for record in fresh):
        received_ms = minted_ms(event.id)
        if received_ms > issue.status_at:
            issue.status, issue.status_at, issue.status_by = REGRESSED, received_ms, ""
            release = event.fields.get("release") or ""
            changes.activity[issue.id] = Activity(
                received_ms, REGRESSED, event=event.id, release=short_name(release)
            )
            return


def _copy(issue: Issue) -> Issue:
    return replace(
        issue,
        environments=dict(issue.environments),
        releases=dict(issue.releases),
        servers=dict(issue.servers),
        days=dict(issue.days),
    )


def _new_issue(record: Record, deleted_through: str) -> Issue:
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
        deleted_through=deleted_through,
        grouped_by=str(event.fields.get("grouped_by") or "")[:MAX_GROUPED_BY],
    )


def _count(issue: Issue, fresh: Slice) -> None:
    newest = None
    for record in fresh:
        event, fields = record.event, record.event.fields
        seen_ms = minted_ms(event.id)
        if event.id < issue.first_event:
            issue.first_event, issue.first_seen = event.id, seen_ms
        if event.id > issue.last_event:
            issue.last_event, issue.last_seen = event.id, seen_ms
            newest = fields
        issue.expires_at = max(issue.expires_at, event.expires_at)
        day = str(seen_ms // DAY_MS)
        issue.days[day] = issue.days.get(day, 0) + 1
    count_names(issue, (record.event.fields for record in fresh))
    issue.count += len(fresh)
    issue.last_sequence, issue.stream = fresh[-1].sequence, fresh[-1].stream
    if newest:
        issue.title, issue.culprit = title(newest), culprit(newest)
        issue.level = newest.get("level", "error")
        issue.transaction = short_text(newest.get("transaction"))
        issue.logger = short_text(newest.get("logger"))
        issue.exception_class = newest.get("exception_class") or ""
    issue.users = sketch.add(
        issue.users, filter(None, (user_identity(record.event.fields) for record in fresh))
    )
    for day in sorted(issue.days, key=int)[:-MAX_DAYS]:
        del issue.days[day]


def _count_release(issue: Issue, event: Stored, seen_ms: int, rows: Rows, changes: Changes) -> None:
    name = _release(event)
    if not name:
        return
    release = changes.releases.get(name)
    if release is None:
        current = rows.releases.get(name)
        release = changes.releases[name] = (
            replace(current) if current else Release(event.fields["release"], seen_ms, seen_ms)
        )
    release.events += 1
    release.first_seen = min(release.first_seen, seen_ms)
    release.last_seen = max(release.last_seen, seen_ms)
    release.expires_at = max(release.expires_at, event.expires_at)
    if changes.opened.get(issue.id) is event:
        release.issues_opened += 1
    seen = (issue.id, name)
    known_until = changes.release_links.get(seen) or rows.release_links.get(seen, 0)
    if known_until < event.expires_at:
        changes.release_links[seen] = event.expires_at + LINGER_S


def _count_day(event: Stored, number: int, rows: Rows, changes: Changes) -> None:
    day = changes.days.get(number)
    if day is None:
        current = rows.days.get(number)
        day = changes.days[number] = replace(current) if current else Day()
    day.count += 1
    day.expires_at = max(day.expires_at, event.expires_at)
