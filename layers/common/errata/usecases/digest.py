"""Group stored events into issues, releases and days; each event counts exactly once.

Every row stores the position in the stream up to which it has counted. A batch may be delivered
again, in part or divided differently: an event that is not after the position of a row is not
counted in it. So each row is written by itself, and an interrupted batch is completed when it comes
again (`errata.store.digest`). Within a shard of the stream, events arrive in order. All new events
of a project come from one shard: their ids rise, so they share the newest partition.

An expired row counts as deleted, whether or not DynamoDB has deleted it yet, and starts at zero. No
event counts twice because of that: a row outlives every event that it has counted, and an expired
event is not counted.

An event may be stored after the clear or the deletion that covers it: its id was created before.
It is deleted here, because cleanup may have finished. After a clear it is not counted. After the
deletion of its issue it only counts for its release and its day, which say what was received.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from errata.caches import BoundedDict
from errata.errors import ConflictError, PermanentError, StoreError
from errata.models.event import Stored
from errata.models.ids import DAY_MS, minted_ms, now_ms
from errata.models.issue import SEQUENCE_DIGITS, Closed, Day, Position
from errata.models.loss import BUSY, BUSY_EVENTS
from errata.models.merged import Group
from errata.models.seen_values import KeyValue
from errata.store import digest as store
from errata.store import digest_rows, issue_deletions, numbers, watermarks
from errata.store.digest import IssueChange, Totals
from errata.store.digest_rows import Rows, Wanted
from errata.store.events import release_hash
from errata.store.retry import attempts
from errata.usecases.count_events import (
    EventsByIssue,
    change_issue,
    first_seen,
    not_counted,
    totals,
    unknown_releases,
    without_position,
)
from errata.usecases.count_issue import StreamRecord
from errata.usecases.count_merged import as_one, groups
from errata.usecases.occasions import occasions

logger = logging.getLogger("errata")

# How often each project was cleared, when it was last read.
_generations = BoundedDict[str, int](max_entries=10_000)
_TRIES = 6
# Replayed events of one issue and day have at most this many releases, to fit into a transaction.
_MAX_RELEASES = 40


@dataclass(slots=True)
class FailedRecords:
    """What failed in a batch.

    `retry` has the records to deliver again. `permanent` has those that no retry can store or
    delete, with the reason.
    """

    retry: list[StreamRecord] = field(default_factory=list)
    permanent: list[tuple[StreamRecord, str]] = field(default_factory=list)

    def dead_letter(self, records: Iterable[StreamRecord], error: PermanentError) -> None:
        """Add records to `permanent`. One that failed before is there already."""
        known = {record.position for record, _ in self.permanent}
        self.permanent.extend((each, str(error)) for each in records if each.position not in known)


def pad(sequence: str) -> str:
    """Return a sequence number of the stream, padded so that it sorts as text."""
    return sequence.zfill(SEQUENCE_DIGITS)


def digest(records: Iterable[StreamRecord]) -> FailedRecords:
    """Count a batch of events, in the order of the stream. Return what failed.

    If DynamoDB throttles or another writer comes first, all of a project's events are tried again
    after a pause: those that are counted need no write.

    Raises:
        StoreError: there was no response; deliver the whole batch again.
    """
    pending: dict[str, list[StreamRecord]] = defaultdict(list)
    for record in records:
        pending[record.event.project_id].append(record)
    outcome = FailedRecords()
    for _ in attempts(_TRIES):
        try:
            pending = _digest(pending, outcome)
        except StoreError as error:
            _log(error)
            if not error.code:
                raise
        if not pending:
            return outcome
    outcome.retry.extend(record for of_project in pending.values() for record in of_project)
    return outcome


def _digest(
    pending: dict[str, list[StreamRecord]], outcome: FailedRecords
) -> dict[str, list[StreamRecord]]:
    """Count the events of these projects. Return what must be tried again.

    Raises:
        StoreError: the rows could not be read, or there was no response.
    """
    now_s = now_ms() // 1000
    wanted = {
        project_id: wanted_by(r.event for r in found) for project_id, found in pending.items()
    }
    again: dict[str, list[StreamRecord]] = {}
    for project_id, rows in digest_rows.read(wanted, now_s, _generations).items():
        try:
            _digest_project(rows, pending[project_id], now_s, outcome)
        except PermanentError as error:
            # None of them is known to be at fault. They must not block other projects.
            outcome.dead_letter(pending[project_id], error)
        except StoreError as error:
            _log(error)
            if not error.code:
                raise  # the others would wait for a response, too
            again[project_id] = pending[project_id]
    return again


def _log(error: StoreError) -> None:
    logger.info("digest tries again", exc_info=error)


def wanted_by(events: Iterable[Stored]) -> Wanted:
    """Return which rows these events of one project change."""
    wanted = Wanted()
    for event in events:
        wanted.issues.add(event.issue_id)
        wanted.days.add(minted_ms(event.id) // DAY_MS)
        if name := event.fields.get("release"):
            wanted.releases.add(release_hash(name))
    return wanted


def _digest_project(
    rows: Rows, records: list[StreamRecord], now_s: int, outcome: FailedRecords
) -> None:
    """Count the events of one project, and delete those that a clear or a deletion covers.

    Raises:
        StoreError: not everything is done. Call it again, with the current rows.
    """
    watermark = rows.watermark
    shown = [record for record in records if watermark.shows(record.event, now_s)]
    hidden = [r for r in records if watermark.hides(r.event.id, r.event.legacy_id)]
    deleted = [r for r in shown if r.event.id <= rows.deleted_through(r.event.issue_id)]
    failed: StoreError | None = None
    for covered, delete in ((hidden, watermarks.delete_hidden), (deleted, _delete_events)):
        try:
            _delete(covered, delete, outcome)
        except StoreError as error:
            failed = error
    if any("source_map_url" in each.event.fields for each in shown):
        from errata.usecases import linked_maps  # hardly any event names one

        linked_maps.ask_for((each.event for each in shown), now_s * 1000)
    _count(rows, shown, now_s, outcome)
    if failed:
        raise failed


def _count(rows: Rows, records: list[StreamRecord], now_s: int, outcome: FailedRecords) -> None:
    if not records:
        return
    fresh = not_counted(records, rows)
    opened_by = {each.opened_by for each in rows.issues.values()}
    last, closed = _before_opening(rows, fresh, now_s)
    if fresh:
        new_values: set[KeyValue] = set()
        seen = first_seen(rows, records)
        merged, closed = groups(rows, fresh, closed, now_s)
        changes = [
            change_issue(
                issue_id, found, rows, closed.get(issue_id), new_values, seen, merged.get(issue_id)
            )
            for issue_id, found in fresh.items()
        ]
        opened_by |= {each.issue.opened_by for each in changes}
        heads = _heads(rows, fresh, merged, seen)
        _enqueue_messages(rows, fresh, [*heads, *changes], merged)
        changes = [each for each in heads if each.issue != rows.issues[each.issue.id]] + changes
        if rows.without_position:
            # Write these before the issues. They use the positions of the issues to tell which
            # events are new.
            unplaced = without_position(totals(records, fresh, opened_by, rows), rows)
            _write_totals(rows, unplaced, records, outcome)
        for issue_id, error in store.write_issues(rows, changes, last).items():
            outcome.dead_letter(fresh.pop(issue_id, []), error)
            records = [each for each in records if each.event.issue_id != issue_id]
    _write_totals(rows, totals(records, fresh, opened_by, rows), records, outcome)


def _write_totals(
    rows: Rows, changed: Totals, records: list[StreamRecord], outcome: FailedRecords
) -> None:
    before = dict(rows.days)
    try:
        store.write_totals(rows, changed)
        _note_busy(rows.project_id, before, changed.days)
    except PermanentError as error:
        outcome.dead_letter(records, error)


def _note_busy(project_id: str, before: Mapping[int, Day], after: Mapping[int, Day]) -> None:
    """Log that a project has reached a very large number of events in an hour.

    The owners get a notice if that is far above the usual number (`errata.usecases.owner_notices`).
    """
    for day, counted in after.items():
        was = before[day].hours if day in before else {}
        for hour, number in counted.hours.items():
            reached = [each for each in BUSY_EVENTS if was.get(hour, 0) < each <= number]
            if reached:
                logger.warning(BUSY, project_id, reached[-1])


def _before_opening(
    rows: Rows, fresh: EventsByIssue, now_s: int
) -> tuple[int, Mapping[str, Closed]]:
    """Return the project's last issue number, and how new issues were closed before they expired.

    The number is 0 if no issue needs a new one, or if there is none yet.
    """
    unnumbered = [each for each in fresh if each not in rows.issues or not rows.issues[each].number]
    last, closed = digest_rows.before_opening(rows, unnumbered, now_s)
    if unknown := unknown_releases(rows, fresh, closed):
        digest_rows.read_known(rows, unknown, now_s)
    if unnumbered and not last:
        numbers.begin(rows.pk, now_ms())
    return last, closed


def _heads(
    rows: Rows, fresh: EventsByIssue, merged: Mapping[str, Group], seen: Callable[[str], int]
) -> list[IssueChange]:
    """Return what events of members change in heads that have no new events themselves."""
    return [
        change_issue(head_id, [], rows, None, set(), seen, group)
        for head_id, group in merged.items()
        if head_id not in fresh
    ]


def _enqueue_messages(
    rows: Rows,
    fresh: EventsByIssue,
    changes: Collection[IssueChange],
    merged: Mapping[str, Group],
) -> None:
    """Enqueue the messages about new and regressed issues, before these are stored.

    If the function is interrupted in between, the batch is delivered again and sends them again
    under the same ids. In the other order they would be lost
    (docs/decisions/0009-webhook-messages.md).
    """
    before, events, reported = as_one(rows, fresh, changes, merged)
    found = list(occasions(before, events, reported, rows.watermark.thresholds))
    if found:
        from errata.usecases import notify  # most batches have only events of known issues

        notify.enqueue(rows.pk, rows.project_id, found)


# ------------------------------------------------------------------ replayed events


def count_replayed(rows: Rows, replayed: list[Stored]) -> int:
    """Count events of one issue and day that are no longer in the stream.

    `rows` is the current state, and is brought up to date. So it can be used for the next issue.

    Returns:
        How many are counted, from the first on: fewer than all if they do not fit into one
        transaction, 0 after a conflict. Then read the rows again, and count what is left.

    Raises:
        StoreError: the store refuses the events.
    """
    # Store a position between the current one and the next event. So no event in the stream looks
    # counted, and a batch that read the issue earlier gets a conflict and reads it again.
    issue_id = replayed[0].issue_id
    position = (rows.position(f"issue#{issue_id}") or Position()).next()
    records = [StreamRecord(position, event) for event in _fitting(replayed)]
    fresh = {issue_id: records}
    now_s = now_ms() // 1000
    last, closed = _before_opening(rows, fresh, now_s)
    seen = first_seen(rows, records)
    merged, closed = groups(rows, fresh, closed, now_s)
    group = merged.get(issue_id)
    change = change_issue(issue_id, records, rows, closed.get(issue_id), set(), seen, group)
    heads = _heads(rows, fresh, merged, seen)
    _enqueue_messages(rows, fresh, [*heads, change], merged)
    try:
        store.write_issues(rows, [e for e in heads if e.issue != rows.issues[e.issue.id]], last)
        store.write_replayed(
            rows,
            change,
            last,
            totals(records, fresh, {change.issue.opened_by}, rows, replayed=True),
        )
    except ConflictError:
        return 0
    return len(records)


def _fitting(replayed: list[Stored]) -> list[Stored]:
    """Return the first of these events: as many as fit into one transaction."""
    releases: set[str | None] = set()
    for n, event in enumerate(replayed):
        releases.add(event.fields.get("release"))
        if len(releases) > _MAX_RELEASES:
            return replayed[:n]
    return replayed


def _delete_events(events: list[Stored]) -> None:
    """Delete events of a project that were stored after the deletion of their issues."""
    issue_deletions.delete_events(events[0].project_id, [event.id for event in events])


def _delete(
    records: list[StreamRecord], delete: Callable[[list[Stored]], None], outcome: FailedRecords
) -> None:
    """Delete the events of these records. If one can never be deleted, the others still are.

    Raises:
        StoreError: they cannot be deleted now.
    """
    if not records:
        return
    try:
        delete([record.event for record in records])
    except PermanentError as error:
        if len(records) == 1:
            outcome.dead_letter(records, error)
        else:
            for record in records:
                _delete([record], delete, outcome)
