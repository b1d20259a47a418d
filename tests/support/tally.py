"""Compute the expected counts of digest in a simple way, and read its real counts."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from errata.models import sketch
from errata.models.event import Stored, user_identity
from errata.models.ids import DAY_MS, minted_ms
from errata.models.visible import Visible
from errata.store import day_counts, events, releases, watermarks
from errata.usecases.issues import list_issues

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
    }


def _issue(found: list[Stored]) -> Counts:
    ids = [event.id for event in found]
    newest = max(found, key=lambda event: event.id).fields
    return {
        "count": len(found),
        "fingerprint": newest["fingerprint"],
        "title": newest["message"],
        "level": newest["level"],
        "first": (min(ids), minted_ms(min(ids))),
        "last": (max(ids), minted_ms(max(ids))),
        "expires_at": max(event.expires_at for event in found),
        "environments": _names(found, "environment"),
        "releases": _names(found, "release"),
        "days": dict(Counter(minted_ms(event_id) // DAY_MS for event_id in ids)),
        "users": sketch.add(b"", filter(None, (user_identity(event.fields) for event in found))),
    }


def _names(found: list[Stored], field: str) -> dict[str, int]:
    fields: list[Mapping[str, Any]] = [event.fields for event in found]
    return dict(Counter(each[field] for each in fields if each.get(field)))


def _day(event: Stored) -> str:
    return f"{datetime.fromtimestamp(minted_ms(event.id) / 1000, UTC):%Y-%m-%d}"


def counted(project_id: str) -> Counts:
    """Return what readers see of a project."""
    visible = Visible(project_id, watermarks.find_watermark(project_id), 0, 0)
    return {
        "issues": {
            issue.id: {
                "count": issue.count,
                "fingerprint": issue.fingerprint,
                "title": issue.title,
                "level": issue.level,
                "first": (issue.first_event, issue.first_seen),
                "last": (issue.last_event, issue.last_seen),
                "expires_at": issue.expires_at,
                "environments": issue.environments,
                "releases": issue.releases,
                "days": issue.buckets.days,
                "users": issue.users,
            }
            for issue in list_issues(visible)
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
    }


def assert_exact(items: Iterable[Item]) -> None:
    """Assert that each project's counts are exactly those of its events."""
    of_project: dict[str, list[Item]] = {}
    for item in items:
        of_project.setdefault(item["pk"]["S"], []).append(item)
    for project_id, found in of_project.items():
        assert counted(project_id) == expected(found)
