"""Convert issues, releases and days to items of IssuesTable, and back.

The attribute `last_seen` puts an issue into the index by_last_seen, which also has its `ttl`. Both
lag behind (`Issue.ranked_at`), because each change costs write units of the index. `seen_at` and
`expires_at` are exact. Open and regressed issues have `last_seen`, and so do those that are ignored
until a time, because they are open when it is over. Items of release 0.1.0 have neither `seen_at`
nor `number`.
"""

from typing import Any

from errata.models.buckets import Buckets
from errata.models.issue import OPEN_STATUSES, Day, Issue, Position, Release
from errata.models.seen_values import MAX_RELEASE
from errata.models.settled import FIELDS, TIME, stored_status
from errata.store.items import PlainItem, Values

# Stored for an empty `opened_by` or `last_release`. If these attributes are missing, they equal
# `first_event` and `first_release`.
_NONE = "-"
# Characters of an issue's id.
_ID = 32
# Left out if they are empty.
_RARE = (
    *("status_at", "status_by", "first_release", "users", "values"),
    *("deleted_through", "grouped_by", "transaction", "logger"),
    *("assignee", "assigned_at", "assigned_by", "notes"),
    *("tracker_url", "linked_at", "linked_by", "tallies", "last_kept"),
    *FIELDS,
)
_MAPS = ("environments", "releases", "servers", "value_counts", "notified_at")


def issue_item(issue: Issue) -> Values:
    """Return an issue's item without its key."""
    values: Values = {
        "fingerprint": issue.fingerprint,
        "grouping": issue.grouping,
        "title": issue.title,
        "culprit": issue.culprit,
        "level": issue.level,
        "exception_class": issue.exception_class,
        "first_seen": issue.first_seen,
        "first_event": issue.first_event,
        "seen_at": issue.last_seen,
        "last_event": issue.last_event,
        "number": issue.number,
        "count": issue.count,
        "status": stored_status(issue),
        ranked_name(issue): issue.ranked_at,
        "expires_at": issue.expires_at,
        "ttl": issue.ttl,
        "rows_until": issue.rows_until,
        "buckets": issue.buckets.pack(),
        **_of_position(issue.position),
    }
    values |= {name: value for name in _RARE + _MAPS if (value := getattr(issue, name))}
    if issue.members:
        values["members"] = bytes.fromhex("".join(issue.members))
    if issue.opened_by != issue.first_event:
        values["opened_by"] = issue.opened_by or _NONE
    if issue.last_release != issue.first_release:
        values["last_release"] = issue.last_release or _NONE
    return values


def ranked_name(issue: Issue) -> str:
    """Return the name of the attribute that stores `ranked_at`, by which lists sort an issue."""
    listed = issue.status in OPEN_STATUSES or issue.ignored_until == TIME
    return "last_seen" if listed else "ranked_at"


def is_issue(item: Any) -> bool:
    """Return whether an item is an issue's. A tombstone has the same key."""
    return "fingerprint" in item


def to_issue(item: PlainItem) -> Issue:
    """Return the issue in an item of plain values."""
    optional: dict[str, Any] = {
        name: item[name] for name in _RARE + _MAPS if item.get(name) is not None
    }
    if packed := item.get("members"):
        ids = packed.hex()
        optional["members"] = tuple(ids[n : n + _ID] for n in range(0, len(ids), _ID))
    last_seen = item.get("seen_at") or item["last_seen"]
    first_event, first_release = item["first_event"], item.get("first_release", "")
    # Release 0.1.0 did not say what opened an issue.
    opened_by = item.get("opened_by", first_event if "number" in item else "")
    return Issue(
        id=item["sk"].removeprefix("issue#"),
        fingerprint=item["fingerprint"],
        grouping=item["grouping"],
        title=item["title"],
        culprit=item["culprit"],
        level=item["level"],
        exception_class=item["exception_class"],
        first_seen=item["first_seen"],
        first_event=first_event,
        opened_by="" if opened_by == _NONE else opened_by,
        last_release=item.get("last_release", first_release),
        last_seen=last_seen,
        last_event=item["last_event"],
        position=to_position(item),
        number=item.get("number", 0),
        count=item["count"],
        status=item["status"],
        expires_at=item.get("expires_at") or item["ttl"],
        ranked_at=item.get("ranked_at") or item.get("last_seen") or last_seen,
        ttl=item["ttl"],
        rows_until=item.get("rows_until", 0),
        buckets=_to_buckets(item),
        **optional,
    )


def _to_buckets(item: PlainItem) -> Buckets:
    if "days" in item:  # of 0.1.0, which counted days only
        return Buckets(days={int(day): count for day, count in item["days"].items()})
    return Buckets.unpack(item["buckets"])


def release_item(release: Release) -> Values:
    """Return a release's item without its key."""
    return {
        "release": release.release[:MAX_RELEASE],
        "first_seen": release.first_seen,
        # Not named `last_seen`: that would put releases into the index by_last_seen.
        "release_last_seen": release.last_seen,
        "events": release.events,
        "issues_opened": release.issues_opened,
        "ttl": release.expires_at,
        "known_since": release.known_since or None,
        "known_until": release.known_until or None,
        "released_at": release.released_at or None,
        **_of_position(release.position),
    }


def to_release(item: PlainItem) -> Release:
    """Return the release in an item of plain values. The item has no number of open issues."""
    return Release(
        release=item["release"],
        first_seen=item["first_seen"],
        last_seen=item["release_last_seen"],
        events=item["events"],
        issues_opened=item["issues_opened"],
        expires_at=item["ttl"],
        position=to_position(item),
        known_since=item.get("known_since", 0),
        known_until=item.get("known_until", 0),
        released_at=item.get("released_at", 0),
    )


def day_item(day: Day) -> Values:
    """Return a day's item without its key."""
    return {
        "count": day.count,
        "hours": {str(hour): count for hour, count in day.hours.items()},
        "ttl": day.expires_at,
        "last_issue": day.last_issue or None,
        **_of_position(day.position),
    }


def to_day(item: PlainItem) -> Day:
    """Return the day in an item of plain values."""
    hours = {int(hour): count for hour, count in item.get("hours", {}).items()}
    last_issue = item.get("last_issue", "")
    return Day(item["count"], hours, item["ttl"], to_position(item), last_issue)


def _of_position(position: Position) -> Values:
    return {"last_sequence": position.sequence or None, "stream": position.stream or None}


def to_position(item: PlainItem) -> Position:
    """Return the position in an item."""
    return Position(item.get("stream", ""), item.get("last_sequence", ""))
