"""Compute what events change in issues, releases and days. Calls nothing."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from functools import cache

from errata.models.ids import DAY_MS, minted_ms
from errata.models.issue import (
    RANK_LAG_MS,
    REGRESSED,
    ROWS_LINGER_S,
    TTL_LAG_S,
    Closed,
    Day,
    Issue,
    Position,
    Release,
)
from errata.models.merged import Group, free, is_member
from errata.models.release_order import compare
from errata.models.search_text import same_words
from errata.models.seen_values import RELEASE, KeyValue, SeenValues, searchable
from errata.models.settled import fields_of, set_fields
from errata.models.texts import MAX_FINGERPRINT, MAX_GROUPED_BY, cut
from errata.store import known_releases
from errata.store.day_counts import day_key
from errata.store.digest import IssueChange, Totals
from errata.store.digest_rows import Rows
from errata.store.events import release_hash
from errata.store.values import OPENED, NewValue
from errata.usecases.count_issue import StreamRecord, count_in
from errata.usecases.reopen_issues import reopen

_HOUR_MS = 3_600_000


type EventsByIssue = dict[str, list[StreamRecord]]  # by issue id, in the order of the stream


def not_counted(records: Iterable[StreamRecord], rows: Rows) -> EventsByIssue:
    """Return the events that their issues have not counted. Leaves out those of deleted issues."""
    fresh: EventsByIssue = defaultdict(list)
    position = cache(rows.position)
    for record in records:
        event = record.event
        counted = position(f"issue#{event.issue_id}")
        if counted and not record.position.is_after(counted):
            continue
        if event.id > rows.deleted_through(event.issue_id):
            fresh[event.issue_id].append(record)
    return fresh


def change_issue(
    issue_id: str,
    fresh: list[StreamRecord],
    rows: Rows,
    closed: Closed | None,
    new_values: set[KeyValue],
    first_seen: Callable[[str], int],
    group: Group | None = None,
) -> IssueChange:
    """Return how new events change an issue. A head may have none: then its members have some.

    `closed` is how it was closed before it expired. `new_values` are new in other issues of the
    batch; those of this issue are added. `first_seen` returns when a release was first seen.
    `group` has the members of a head.
    """
    current = rows.issues.get(issue_id)
    issue = _copy(current) if current else _new_issue(fresh[0], rows.deleted_through(issue_id))
    if current is None and closed:
        issue.status, issue.status_at = closed.status, closed.at
        issue.assignee, issue.tracker_url = closed.assignee, closed.tracker_url
        # Its counts start again, and so does what it waits for.
        set_fields(issue, {**closed.settled, "ignored_base": 0})
    if current is None and not closed:
        issue.opened_by = fresh[0].event.id
    before = (issue.title, issue.culprit, issue.status)
    if issue.merged_into and not is_member(issue, rows.issues.get(issue.merged_into)):
        free(issue)
    change = IssueChange(issue)
    if issue.resolved_in and not issue.resolved_in_seen:
        issue.resolved_in_seen = first_seen(issue.resolved_in)
    events = group.events if group else [record.event for record in fresh]
    change.activity = reopen(issue, events, first_seen, group.members if group else ())
    if fresh:
        count_in(issue, fresh)
    if group:
        group.follow(issue)
    _rank(issue)
    if issue.expires_at > issue.rows_until:
        # The value rows expire, too. Drop them here, so that later events write them again.
        change.renewed = True
        issue.rows_until = issue.expires_at + ROWS_LINGER_S
        issue.values, issue.value_counts = b"", {}
    if fresh and (
        change.renewed
        or issue.status != before[2]
        or not (same_words(issue.title, before[0]) and same_words(issue.culprit, before[1]))
    ):
        change.text = _text(current, fresh, issue.title != before[0])
    change.values = _new_values(change, fresh, rows, new_values)
    return change


def _text(current: Issue | None, fresh: list[StreamRecord], retitled: bool) -> str | None:
    """Return the words by which people find an issue. None: keep those that are stored.

    A tally has only some of the words. They are better than none.
    """
    kept = [record for record in fresh if not record.event.tally]
    if not kept and not retitled and current and current.number:
        return None
    return max(kept or fresh, key=lambda record: record.event.id).text


def first_seen(rows: Rows, records: Iterable[StreamRecord]) -> Callable[[str], int]:
    """Return a function that returns when a release was first seen, in milliseconds.

    `records` are those of the batch: its first event may be among them.
    """

    @cache
    def of(release: str) -> int:
        known = rows.first_seen(release_hash(release))
        times = (minted_ms(r.event.id) for r in records if r.event.fields.get("release") == release)
        in_batch = min(times, default=known)
        return min(known or in_batch, in_batch)

    return of


def unknown_releases(rows: Rows, fresh: EventsByIssue, closed: Mapping[str, Closed]) -> set[str]:
    """Return the hashes of releases whose first-seen time must be read.

    Issues are resolved in them, and they were not seen then. New events of these issues have
    releases that cannot be compared with them by version.
    """
    found = set()
    for issue_id, records in fresh.items():
        issue, before = rows.issues.get(issue_id), closed.get(issue_id)
        settled = fields_of(issue) if issue else before.settled if before else {}
        resolved_in = settled.get("resolved_in")
        if resolved_in and not settled.get("resolved_in_seen"):
            releases = {record.event.fields.get("release") or "" for record in records}
            if any(each and compare(each, resolved_in) is None for each in releases):
                found.add(release_hash(resolved_in))
    return found


def _copy(issue: Issue) -> Issue:
    return replace(
        issue,
        environments=dict(issue.environments),
        releases=dict(issue.releases),
        servers=dict(issue.servers),
        notified_at=dict(issue.notified_at),
        buckets=issue.buckets.copy(),
    )


def _new_issue(record: StreamRecord, deleted_through: str) -> Issue:
    event = record.event
    return Issue(
        id=event.issue_id,
        fingerprint=cut(event.fields.get("fingerprint", ""), MAX_FINGERPRINT),
        grouping=event.fields.get("grouping", "client"),
        title="",
        culprit="",
        level="",
        exception_class="",
        first_seen=minted_ms(event.id),
        first_event=event.id,
        deleted_through=deleted_through,
        grouped_by=cut(str(event.fields.get("grouped_by") or ""), MAX_GROUPED_BY),
    )


def _rank(issue: Issue) -> None:
    """Update the time by which lists sort an issue, if it is too old."""
    if issue.last_seen - issue.ranked_at >= RANK_LAG_MS or issue.expires_at > issue.ttl:
        issue.ranked_at, issue.ttl = issue.last_seen, issue.expires_at + TTL_LAG_S


def _new_values(
    change: IssueChange, fresh: list[StreamRecord], rows: Rows, batch: set[KeyValue]
) -> list[NewValue]:
    """Return the values that an issue has for the first time, and record them in the issue."""
    issue = change.issue
    regressed = change.activity and change.activity.what == REGRESSED
    regressed_by = change.activity.event if change.activity and regressed else ""
    found: dict[KeyValue, bool] = {}
    known: set[KeyValue] = set()
    changed_in: dict[KeyValue, str] = {}
    for record in fresh:
        event = record.event
        release = event.fields.get("release") or ""
        # Write the value row of a release, even if the value is known, if the release itself has no
        # row (it is new or has expired), or if it opened this issue or let it regress.
        is_new = release_hash(release) not in rows.releases
        changes = {issue.opened_by: OPENED, regressed_by: REGRESSED}.get(event.id)
        for value in searchable(event.fields, None if changes else known):
            if value[0] == RELEASE and changes:
                changed_in.setdefault(value, changes)
            found[value] = value[0] == RELEASE and (is_new or value in changed_in)
    seen = SeenValues.unpack(issue.values, issue.value_counts)
    new = seen.add_new(found, batch)
    if not new:
        return []
    issue.values, issue.value_counts = seen.pack(), seen.counts
    at, expires_at = issue.last_seen, issue.rows_until
    return [NewValue(issue.id, each, at, expires_at, changed_in.get(each, "")) for each in new]


# ------------------------------------------------------------------ releases and days


def totals(
    records: Iterable[StreamRecord],
    fresh: EventsByIssue,
    opened_by: Collection[str],
    rows: Rows,
    *,
    replayed: bool = False,
) -> Totals:
    """Return the releases and days after these events.

    Args:
        fresh: the events that the issues have not counted before.
        opened_by: the events that opened their issues, now or before.
        replayed: the events are no longer in the stream: count all of them.
    """
    changed = Totals()
    of_issues = {record.event.id for some in fresh.values() for record in some}

    position = cache(rows.position)

    def is_counted(sk: str, record: StreamRecord) -> bool:
        counted = position(sk)
        if replayed or counted is None:
            return False
        if not counted.sequence:
            # The row is restored, or from release 0.1.0, which wrote it together with the issue.
            return record.event.id not in of_issues
        return not record.position.is_after(counted)

    for record in records:
        day = minted_ms(record.event.id) // DAY_MS
        if sent := record.event.fields.get("release"):
            name = release_hash(sent)
            if not is_counted(f"release#{name}", record):
                release = _release(changed, rows, name, record)
                release.issues_opened += record.event.id in opened_by
                release.position = _moved(rows, f"release#{name}", record, replayed=replayed)
        if not is_counted(day_key(day), record):
            _day(changed, rows, day, record).position = _moved(
                rows, day_key(day), record, replayed=replayed
            )
    for release in changed.releases.values():
        known_releases.keep(release)
    return changed


def without_position(changed: Totals, rows: Rows) -> Totals:
    """Return the releases and days whose stored rows have no position."""
    unplaced = rows.without_position
    return Totals(
        {name: each for name, each in changed.releases.items() if f"release#{name}" in unplaced},
        {day: each for day, each in changed.days.items() if day_key(day) in unplaced},
    )


def _release(changed: Totals, rows: Rows, name: str, record: StreamRecord) -> Release:
    event = record.event
    seen_ms = minted_ms(event.id)
    release = changed.releases.get(name)
    if release is None:
        current = rows.releases.get(name)
        release = (
            replace(current)
            if current
            else Release(
                event.fields["release"], seen_ms, seen_ms, known_since=rows.first_seen(name)
            )
        )
        changed.releases[name] = release
    release.events += 1
    release.first_seen = min(release.first_seen, seen_ms)
    release.last_seen = max(release.last_seen, seen_ms)
    release.expires_at = max(release.expires_at, event.expires_at)
    return release


def _day(changed: Totals, rows: Rows, number: int, record: StreamRecord) -> Day:
    event = record.event
    hour = minted_ms(event.id) % DAY_MS // _HOUR_MS
    day = changed.days.get(number)
    if day is None:
        current = rows.days.get(number)
        day = replace(current, hours=dict(current.hours)) if current else Day()
        changed.days[number] = day
    day.count += 1
    day.hours[hour] = day.hours.get(hour, 0) + 1
    day.expires_at = max(day.expires_at, event.expires_at)
    day.last_issue = event.issue_id
    return day


def _moved(rows: Rows, sk: str, record: StreamRecord, *, replayed: bool) -> Position:
    if not replayed:
        return record.position
    counted = rows.position(sk)
    if counted and not counted.sequence:
        return counted  # without a position, the row counts what is new to its issues
    return (counted or Position()).next()
