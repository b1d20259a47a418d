"""Compute the expected counts of digest in a simple way, and read its real counts."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from errata.config import settings
from errata.models import sketch
from errata.models.buckets import Buckets
from errata.models.event import Stored, user_identity
from errata.models.ids import minted_ms
from errata.models.seen_values import searchable
from errata.models.titles import title
from errata.models.visible import Visible
from errata.store import day_counts, events, ranks, releases, values, watermarks
from errata.store.issue_items import to_day
from errata.store.items import query, read_all, write_all
from tests.support.visible import all_issues

type Counts = dict[str, Any]
type Item = dict[str, Any]


def expected(items: Iterable[Item]) -> Counts:
    """Return the counts of these events of one project, in the order in which digest got them."""
    stored = [events.stored(item) for item in items]
    of_issue: dict[str, list[Stored]] = {}
    of_release: dict[str, list[Stored]] = {}
    for event in stored:
        of_issue.setdefault(event.issue_id, []).append(event)
        if release := event.fields.get("release"):
            of_release.setdefault(release, []).append(event)
    opened = {each[0].id for each in of_issue.values()}
    return {
        "issues": {issue_id: _issue(each) for issue_id, each in of_issue.items()},
        "releases": {
            name: {
                "events": len(each),
                "issues_opened": sum(event.id in opened for event in each),
                "open_issues": len({event.issue_id for event in each}),
                "first_seen": min(minted_ms(event.id) for event in each),
                "last_seen": max(minted_ms(event.id) for event in each),
                "expires_at": max(event.expires_at for event in each),
            }
            for name, each in of_release.items()
        },
        "days": dict(Counter(_day(event) for event in stored)),
        "hours": dict(Counter(_hour(event) for event in stored)),
    }


def _issue(found: list[Stored]) -> Counts:
    ids = [event.id for event in found]
    kept = [event for event in found if not event.tally]
    newest: Any = max(kept or found, key=lambda event: event.id).fields
    return {
        "count": len(found),
        "tallies": len(found) - len(kept),
        "newest_kept": max((event.id for event in kept), default=""),
        "fingerprint": newest["fingerprint"],
        "title": title(newest),
        "level": newest["level"],
        "first": (min(ids), minted_ms(min(ids))),
        "last": (max(ids), minted_ms(max(ids))),
        "expires_at": max(event.expires_at for event in found),
        "environments": _names(found, "environment"),
        "releases": _names(found, "release"),
        "buckets": _buckets(ids),
        "values": {value for event in found for value in searchable(event.fields)},
        "users": sketch.add(b"", filter(None, (user_identity(event.fields) for event in found))),
    }


def _names(found: list[Stored], field: str) -> dict[str, int]:
    fields: list[Mapping[str, Any]] = [event.fields for event in found]
    return dict(Counter(each[field] for each in fields if each.get(field)))


def _day(event: Stored) -> str:
    return f"{datetime.fromtimestamp(minted_ms(event.id) / 1000, UTC):%Y-%m-%d}"


def _hour(event: Stored) -> str:
    return f"{datetime.fromtimestamp(minted_ms(event.id) / 1000, UTC):%Y-%m-%d %-H}"


def _buckets(ids: list[str]) -> Buckets:
    """Count in the simplest way: add up, then drop what is too old for the newest."""
    kept = []
    for unit_ms, most in ((60_000, 60), (3_600_000, 25), (86_400_000, 30)):
        times = [minted_ms(event_id) // unit_ms for event_id in ids]
        kept.append(dict(Counter(each for each in times if each > max(times) - most)))
    return Buckets(*kept)


def counted(project_id: str) -> Counts:
    """Return what readers see of a project. Each issue must have the rows by which it is found."""
    visible = Visible(project_id, watermarks.find_watermark(project_id), 0, 0)
    rows = {row["sk"]: row for row in map(read_all, _rows(visible))}
    of_issues = _values(rows)
    found = all_issues(visible)
    for issue in found:
        assert ranks.rows(issue).keys() <= rows.keys()
        (number, *_) = ranks.number_rows(issue)
        assert rows[number]["issue"] == issue.id
    return {
        "issues": {
            issue.id: {
                "count": issue.count,
                "tallies": issue.tallies,
                "newest_kept": issue.newest_kept,
                "fingerprint": issue.fingerprint,
                "title": issue.title,
                "level": issue.level,
                "first": (issue.first_event, issue.first_seen),
                "last": (issue.last_event, issue.last_seen),
                "expires_at": issue.expires_at,
                "environments": issue.environments,
                "releases": issue.releases,
                "buckets": issue.buckets,
                "values": of_issues.get(issue.id, set()),
                "users": issue.users,
            }
            for issue in found
        },
        "releases": {
            release.release: {
                "events": release.events,
                "issues_opened": release.issues_opened,
                "open_issues": release.open_issues,
                "first_seen": release.first_seen,
                "last_seen": release.last_seen,
                "expires_at": release.expires_at,
            }
            for release in releases.list_releases(visible).by_hash.values()
        },
        "days": day_counts.list_days(visible, ""),
        "hours": {
            f"{sk.removeprefix('day#')} {hour}": count
            for sk, row in rows.items()
            if sk.startswith("day#")
            for hour, count in to_day(row).hours.items()
        },
    }


def _rows(visible: Visible) -> Iterable[Any]:
    """Return all rows of a project's issues."""
    return query(
        TableName=settings().issues_table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues=write_all({":pk": visible.partition}),
        ConsistentRead=True,
    )


def _values(rows: Mapping[str, Any]) -> dict[str, set[tuple[str, str]]]:
    """Return the values with which each issue can be found."""
    of_issues: dict[str, set[tuple[str, str]]] = {}
    for sk, row in rows.items():
        if sk.startswith("value#"):
            key, value, issue_ids = values.to_value(row)
            for each in issue_ids:
                of_issues.setdefault(each, set()).add((key, value))
    return of_issues


def assert_exact(items: Iterable[Item]) -> None:
    """Assert that each project's counts are exactly those of its events."""
    of_project: dict[str, list[Item]] = {}
    for item in items:
        of_project.setdefault(item["pk"]["S"], []).append(item)
    for project_id, found in of_project.items():
        assert counted(project_id) == expected(found)
