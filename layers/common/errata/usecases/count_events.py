"""Compute what events change in issues, releases and days. Calls nothing."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from functools import cache

from errata.models import sketch
from errata.models.buckets import MINUTE_MS
from errata.models.event import Stored, StoredEvent, summary, unpack, user_identity
from errata.models.ids import DAY_MS, minted_ms
from errata.models.issue import (
    MAX_CULPRIT,
    MAX_FINGERPRINT,
    MAX_GROUPED_BY,
    MAX_TEXT,
    MAX_TITLE,
    RANK_LAG_MS,
    REGRESSED,
    RESOLVED,
    ROWS_LINGER_S,
    TTL_LAG_S,
    Activity,
    Closed,
    Day,
    Issue,
    Position,
    Release,
    count_names,
    cut,
    short_name,
)
from errata.models.search_text import same_words, search_text
from errata.models.seen_values import RELEASE, KeyValue, SeenValues, searchable
from errata.models.titles import culprit, short_text, title
from errata.store.day_counts import day_key
from errata.store.digest import IssueChange, Totals
from errata.store.digest_rows import Rows
from errata.store.events import release_hash
from errata.store.values import NewValue

_HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Record:
    """An event and its position in the stream.

    `packed` has all of its fields, if those in `event` are a summary. A summary may have no title.
    """

    position: Position
    event: Stored
    packed: bytes = b""

    @property
    def titled(self) -> StoredEvent:
        """The event's fields, or a summary with its title."""
        fields = self.event.fields
        return summary(unpack(self.packed)) if self.packed and "title" not in fields else fields

    @property
    def text(self) -> str:
        """Return the words by which people find the event's issue."""
        return search_text(unpack(self.packed) if self.packed else self.event.fields)


type Events = dict[str, list[Record]]  # by issue id, in the order of the stream


def not_counted(records: Iterable[Record], rows: Rows) -> Events:
    """Return the events that their issues have not counted. Leaves out those of deleted issues."""
    fresh: Events = defaultdict(list)
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
    fresh: list[Record],
    rows: Rows,
    closed: Closed | None,
    new_values: set[KeyValue],
) -> IssueChange:
    """Return an issue after these events.

    `closed` is how it was closed before it expired. `new_values` are new in other issues of the
    batch; those of this issue are added.
    """
    current = rows.issues.get(issue_id)
    issue = _copy(current) if current else _new_issue(fresh[0], rows.deleted_through(issue_id))
    if current is None and closed:
        issue.status, issue.status_at = closed.status, closed.at
    if current is None and not closed:
        issue.opened_by = fresh[0].event.id
    change = IssueChange(issue)
    _regress(change, fresh)
    before = (issue.title, issue.culprit, issue.status if current is None else current.status)
    _count(issue, fresh)
    _rank(issue)
    newest = max(fresh, key=lambda record: record.event.id)
    if issue.expires_at > issue.rows_until:
        # The value rows expire, too. Forget them, so that later events write them again.
        change.renewed = True
        issue.rows_until = issue.expires_at + ROWS_LINGER_S
        issue.values, issue.value_counts = b"", {}
    if (
        change.renewed
        or issue.status != before[2]
        or not (same_words(issue.title, before[0]) and same_words(issue.culprit, before[1]))
    ):
        change.text = newest.text
    change.values = _new_values(change, fresh, rows, new_values)
    return change


def _copy(issue: Issue) -> Issue:
    return replace(
        issue,
        environments=dict(issue.environments),
        releases=dict(issue.releases),
        servers=dict(issue.servers),
        buckets=issue.buckets.copy(),
    )


def _new_issue(record: Record, deleted_through: str) -> Issue:
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


def _regress(change: IssueChange, fresh: list[Record]) -> None:
    """Open a resolved issue again if one of these events was received after it was resolved."""
    issue = change.issue
    if issue.status != RESOLVED:
        return
    for event in (record.event for record in fresh):
        received_ms = minted_ms(event.id)
        if received_ms > issue.status_at:
            issue.status, issue.status_at, issue.status_by = REGRESSED, received_ms, ""
            release = event.fields.get("release") or ""
            change.activity = Activity(
                received_ms, REGRESSED, event=event.id, release=short_name(release)
            )
            return


def _count(issue: Issue, fresh: list[Record]) -> None:
    newest: Record | None = None
    minutes = Counter[int]()
    for record in fresh:
        event, fields = record.event, record.event.fields
        seen_ms = minted_ms(event.id)
        release = short_name(fields.get("release") or "")
        if event.id <= issue.first_event:
            issue.first_event, issue.first_seen = event.id, seen_ms
            issue.first_release = release or issue.first_release
        if event.id > issue.last_event:
            issue.last_event, issue.last_seen = event.id, seen_ms
            issue.last_release = release or issue.last_release
            newest = record
        issue.first_release = issue.first_release or release
        issue.expires_at = max(issue.expires_at, event.expires_at)
        minutes[seen_ms // MINUTE_MS] += 1
    for minute, number in minutes.items():
        issue.buckets.add(minute * MINUTE_MS, number)
    count_names(issue, (record.event.fields for record in fresh))
    issue.count += len(fresh)
    issue.position = fresh[-1].position
    if newest:
        shown = newest.titled
        issue.title = cut(title(shown), MAX_TITLE)
        issue.culprit = cut(culprit(shown), MAX_CULPRIT)
        issue.level = shown.get("level", "error")
        issue.transaction = cut(short_text(shown.get("transaction")), MAX_TEXT)
        issue.logger = cut(short_text(shown.get("logger")), MAX_TEXT)
        issue.exception_class = cut(shown.get("exception_class") or "", MAX_TEXT)
    users = {user_identity(record.event.fields) for record in fresh}
    issue.users = sketch.add(issue.users, filter(None, users))


def _rank(issue: Issue) -> None:
    """Bring the time under which lists have an issue up to date, if it is too old."""
    if issue.last_seen - issue.ranked_at >= RANK_LAG_MS or issue.expires_at > issue.ttl:
        issue.ranked_at, issue.ttl = issue.last_seen, issue.expires_at + TTL_LAG_S


def _new_values(
    change: IssueChange, fresh: list[Record], rows: Rows, batch: set[KeyValue]
) -> list[NewValue]:
    """Return the values that an issue has for the first time, and note them in the issue."""
    issue = change.issue
    regressed_by = change.activity.event if change.activity else ""
    found: dict[KeyValue, bool] = {}
    known: set[KeyValue] = set()
    changed_in: dict[KeyValue, str] = {}
    for record in fresh:
        event = record.event
        release = event.fields.get("release") or ""
        # Write the value row of a release, even if the value is known, if the release itself has no
        # row (it is new or has expired), or if it opened this issue or let it regress.
        is_new = release_hash(release) not in rows.releases
        changes = {issue.opened_by: "opened", regressed_by: REGRESSED}.get(event.id)
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
    records: Iterable[Record],
    fresh: Events,
    opened_by: Collection[str],
    rows: Rows,
    *,
    late: bool = False,
) -> Totals:
    """Return the releases and days after these events.

    Args:
        fresh: the events that the issues have not counted before.
        opened_by: the events that opened their issues, now or before.
        late: the events are no longer in the stream: count all of them.
    """
    changed = Totals()
    of_issues = {record.event.id for some in fresh.values() for record in some}

    position = cache(rows.position)

    def is_counted(sk: str, record: Record) -> bool:
        counted = position(sk)
        if late or counted is None:
            return False
        if not counted.sequence:
            # The row is restored, or from release 0.1.0, which wrote it together with the issue.
            return record.event.id not in of_issues
        return not record.position.is_after(counted)

    for record in records:
        day = minted_ms(record.event.id) // DAY_MS
        name = release_hash(record.event.fields.get("release") or "")
        if record.event.fields.get("release") and not is_counted(f"release#{name}", record):
            release = _release(changed, rows, name, record)
            release.issues_opened += record.event.id in opened_by
            release.position = _moved(rows, f"release#{name}", record, late=late)
        if not is_counted(day_key(day), record):
            _day(changed, rows, day, record).position = _moved(
                rows, day_key(day), record, late=late
            )
    return changed


def without_position(changed: Totals, rows: Rows) -> Totals:
    """Return the releases and days whose stored rows have no position."""
    unplaced = rows.without_position
    return Totals(
        {name: each for name, each in changed.releases.items() if f"release#{name}" in unplaced},
        {day: each for day, each in changed.days.items() if day_key(day) in unplaced},
    )


def _release(changed: Totals, rows: Rows, name: str, record: Record) -> Release:
    event = record.event
    seen_ms = minted_ms(event.id)
    release = changed.releases.get(name)
    if release is None:
        current = rows.releases.get(name)
        release = (
            replace(current) if current else Release(event.fields["release"], seen_ms, seen_ms)
        )
        changed.releases[name] = release
    release.events += 1
    release.first_seen = min(release.first_seen, seen_ms)
    release.last_seen = max(release.last_seen, seen_ms)
    release.expires_at = max(release.expires_at, event.expires_at)
    return release


def _day(changed: Totals, rows: Rows, number: int, record: Record) -> Day:
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


def _moved(rows: Rows, sk: str, record: Record, *, late: bool) -> Position:
    if not late:
        return record.position
    counted = rows.position(sk)
    if counted and not counted.sequence:
        return counted  # without a position, the row counts what is new to its issues
    return (counted or Position()).next()
