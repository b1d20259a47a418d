"""Projects that anybody creates through the legacy endpoint. They belong to no organization.

At most `MAX_UNCLAIMED` exist. If there are as many, an operator adopts or deletes some. A project
that gets no event expires a week after it was generated. After its first event it never expires.
Readers do not find expired projects. Each creation of a project deletes the rows of a few expired
ones (docs/decisions/0027-unclaimed-projects.md).
"""

from dataclasses import replace
from typing import Any

from errata.errors import InvalidInputError, NotFoundError
from errata.models.ids import DAY_MS, now_ms
from errata.models.organization import UNCLAIMED
from errata.models.project import Project
from errata.store import creation_counts
from errata.store import unclaimed as store
from errata.store.projects import find_key, find_project
from errata.usecases import audit, organizations, projects, slugs
from errata.usecases.access import hash_key

MAX_UNCLAIMED = 1_000
GENERATED_KEPT_MS = 7 * DAY_MS
# A creation deletes up to this many expired projects. With one, their number would not shrink.
_DELETED_AT_ONCE = 3


def create(
    name: str, key: str, label: str, block_count: Any, at_ms: int
) -> projects.Created | None:
    """Create an unclaimed project, and delete some that have expired.

    Without a `key`, the project is only generated: it gets a random key, and expires after a week
    without an event. `block_count` counts it for its creator's address block, None for callers
    without such a limit. Returns None if a project has the key already.

    Raises:
        LimitReachedError: with `index` 0, there are too many unclaimed projects; with 1, the
            address block has created too many.
    """
    for project_id in store.some_expired(_DELETED_AT_ONCE, at_ms):
        store.remove_expired(project_id, at_ms)
    if key:
        _free(key, at_ms)
    counts = [creation_counts.one_more_unclaimed(MAX_UNCLAIMED), block_count]
    return projects.create(
        name,
        key,
        label=label,
        organization=UNCLAIMED,
        counts=[count for count in counts if count],
        expires_at=None if key else at_ms + GENERATED_KEPT_MS,
    )


def _free(key: str, at_ms: int) -> None:
    """Delete the expired project that has this key, if there is one."""
    record = find_key(hash_key(key))
    project = record and find_project(record.project_id)
    if project and project.expired(at_ms):
        store.remove_expired(project.id, at_ms)


@audit.recorded("project adopted")
def adopt(project_id: str, organization_id: str) -> Project:
    """Move an unclaimed project into an organization, and return it. After that it never expires.

    It gets a slug of the organization. Takes effect within 30 seconds.

    Raises:
        InvalidInputError: the project belongs to an organization already.
        NotFoundError: there is no such project or organization.
    """
    project = projects.find(project_id)
    organization = organizations.find(organization_id)
    adopting = replace(project, organization=organization.id, expires_at=None)
    if not project.unclaimed or not slugs.with_free_slug(
        adopting, lambda each: store.adopt(each, now_ms())
    ):
        owner = projects.find(project_id).organization  # somebody else may have adopted it first
        complaint = f"Project {project_id} already belongs to organization {owner}."
        raise InvalidInputError({"project": [complaint]})
    adopted = find_project(project_id)
    if adopted is None:
        raise NotFoundError(f"Somebody has just deleted project {project_id}.")
    return adopted
