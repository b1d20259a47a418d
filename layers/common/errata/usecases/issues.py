"""Read issues and releases, as of the last clear."""

from collections.abc import Iterator

from errata.errors import NotFound
from errata.models.ids import now_ms
from errata.models.issue import Issue, Release
from errata.store import events
from errata.store import issues as store


def list_issues(project_id: str) -> Iterator[Issue]:
    """A project's issues, the most recently seen first."""
    return store.by_last_seen(_partition(project_id), now_ms() // 1000)


def find(project_id: str, issue_id: str) -> Issue:
    """One issue.

    Raises:
        NotFound: the project has no such issue, or it has expired or was cleared.
    """
    issue = store.find_issue(_partition(project_id), issue_id, now_ms() // 1000)
    if issue is None:
        raise NotFound(f"Project {project_id} has no issue {issue_id}.")
    return issue


def list_releases(project_id: str) -> list[Release]:
    """A project's releases, the most recently seen first."""
    found = store.list_releases(_partition(project_id), now_ms() // 1000)
    return sorted(found, key=lambda release: release.last_seen, reverse=True)


def list_days(project_id: str, first: str) -> dict[str, int]:
    """The project's events of each day from `first` (`2026-11-22`) on."""
    return store.list_days(_partition(project_id), first, now_ms() // 1000)


def _partition(project_id: str) -> str:
    return store.partition(project_id, events.boundary(project_id).generation)
