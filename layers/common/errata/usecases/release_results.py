"""Results of `errata releases`: list, show, set. See `errata.usecases.results`."""

from dataclasses import asdict
from typing import Any

from errata.errors import InvalidInputError
from errata.models.issue import Release
from errata.models.project import Project
from errata.models.slug import short_id
from errata.protocol.query import RESOLVED_AFTER
from errata.protocol.read import iso, milliseconds
from errata.usecases import issues, releases
from errata.usecases.results import Result, Work

# The most issues of each kind that the command prints.
_MOST = 10


def list_(work: Work) -> Result:
    """Return the releases of a project, the newest first."""
    found = issues.list_releases(work.visible)
    return Result([_to_json(each) | {"open_issues": each.open_issues} for each in found])


def show(work: Work, *, release: str, compare_with: str = "") -> Result:
    """Return a release compared with another one: its new, regressed and resolved issues."""
    project = work.project
    view = releases.show(work.visible, release, compare_with, pages=None)
    this, before, older = view.this, view.before, view.older
    return Result(
        {
            **_summary_to_json(this, project),
            "resolved": _issues_to_json(view.resolved, project),
            "verdict": asdict(view.verdict),
            "compared_with": before and _summary_to_json(before, project),
            "older": older and older.release,
            "newer": view.newer and view.newer.release,
        },
        {
            "resolved_after": older and releases.query_of(RESOLVED_AFTER, older.release),
            "kinds": [
                {
                    "title": title,
                    "query": releases.query_of(key, this.release.release),
                    "issues": [
                        [
                            short_id(project.slug, each.number) or each.id,
                            each.title,
                            f"{each.count:,} events",
                        ]
                        for each in changed.issues[:_MOST]
                    ],
                    "more": max(0, len(changed.issues) - _MOST),
                }
                for title, key, changed in releases.kinds(view)
            ],
        },
    )


def set_(work: Work, *, release: str, released: str) -> Result:
    """Set when a release was released: a time in ISO 8601, or `none`."""
    at_ms = 0 if released == "none" else milliseconds(released)
    if at_ms is None or not 0 <= at_ms <= work.visible.now_ms:
        text = "Give a time that has passed in ISO 8601, such as 2026-11-26T10:00:00Z."
        raise InvalidInputError({"released": [text]})
    releases.set_released(work.visible, release, at_ms)
    return Result({"release": release, "released": iso(at_ms) if at_ms else None})


def _summary_to_json(summary: releases.Summary, project: Project) -> dict[str, Any]:
    return {
        **_to_json(summary.release),
        "new": _issues_to_json(summary.opened, project),
        "regressed": _issues_to_json(summary.regressed, project),
        "users_of_new_issues": summary.opened.users,
    }


def _issues_to_json(changed: releases.ChangedIssues, project: Project) -> dict[str, Any]:
    return {
        "issues": len(changed.issues),
        "complete": changed.complete,
        "ids": [each.id for each in changed.issues],
        "short_ids": [short_id(project.slug, each.number) for each in changed.issues],
    }


def _to_json(release: Release) -> dict[str, Any]:
    return {
        "release": release.release,
        "first_seen": iso(release.first_seen),
        "last_seen": iso(release.last_seen),
        "issues_opened": release.issues_opened,
        "events": release.events,
    }
