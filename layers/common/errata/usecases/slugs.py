"""Choose the slug of a project (docs/decisions/0040-slugs.md)."""

import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace

from errata.errors import SlugTakenError, StoreError, UnavailableError
from errata.models.project import Project
from errata.models.slug import is_slug, numbered, slugify
from errata.store import slugs as store
from errata.store.projects import find_project

# A project keeps its old slugs, so that its old short ids work.
MAX_SLUGS = 20
# `shop-2` to `shop-9`.
_NUMBERS = range(2, 10)
_TRIES = 3
_ID = re.compile("[0-9]{1,18}")


def with_free_slug[T](project: Project, save: Callable[[Project], T]) -> T:
    """Call `save` with the project and slugs from its name, until one is free. Return its result.

    Raises:
        UnavailableError: on every try, another project took the slug first.
    """
    for slug in _candidates(project):
        try:
            return save(replace(project, slugs=(slug,)))
        except SlugTakenError:
            continue
    raise UnavailableError


def _candidates(project: Project) -> Iterator[str]:
    """Yield `shop`, a free one of `shop-2` to `shop-9`, `shop-<project id>`, then a random one."""
    slug = slugify(project.name)
    yield slug
    for _ in range(_TRIES):  # another project may take it first
        others = [numbered(slug, str(number)) for number in _NUMBERS]
        taken = store.taken(project.organization, others)
        yield from [each for each in others if each not in taken][:1]
    yield numbered(slug, project.id)
    yield numbered(slug, secrets.token_hex(4))


def find_named(organization_id: str, name: str, now_ms: int) -> Project | None:
    """Return the project of an organization with this id or slug, None if there is none.

    A slug that the project had before works, too.
    """
    project_id: str | None = name
    if is_slug(name):
        project_id = store.find_slug(organization_id, name)
    if not project_id or not _ID.fullmatch(project_id):
        return None
    project = find_project(project_id)
    if project is None or project.organization != organization_id or project.expired(now_ms):
        return None
    return project


def shown(project: Project) -> Project:
    """Return a project with its slug. One of release 0.1.0 gets its slug now.

    Leaves the project without one if it is unclaimed, or if the store refuses: readers may have no
    permission to write.
    """
    if project.slugs or project.unclaimed:
        return project

    def save(each: Project) -> Project:
        return each if store.save_slugs(project, each) else find_project(project.id) or project

    try:
        return with_free_slug(project, save)
    except StoreError:
        return project
