"""Find a project by what people call it: its slug or its name."""

from collections.abc import Iterable, Mapping

from errata.errors import AmbiguousError, NotFoundError
from errata.models.project import Project


def is_id(text: str) -> bool:
    """Return whether a text is the id of a project: only digits. No slug has only digits."""
    return text.isascii() and text.isdecimal()


def choose(text: str, projects: Iterable[Project]) -> Project:
    """Return the project with this id, slug or name, in this order. Ignores case.

    `org/shop` looks only at the organization with the id `org`. If no project has the slug now, one
    that had it before is found.

    Raises:
        AmbiguousError: several projects have the slug or the name.
        NotFoundError: no project has it.
    """
    some = list(projects)
    organization, _, name = text.rpartition("/")
    if organization and any(each.organization == organization for each in some):
        some = [each for each in some if each.organization == organization]
    else:
        name = text
    wanted = name.strip().casefold()
    for found in (
        [each for each in some if each.id == wanted],
        [each for each in some if each.slug == wanted],
        [each for each in some if wanted in each.slugs],
        [each for each in some if each.name.strip().casefold() == wanted],
    ):
        if len(found) > 1:
            raise AmbiguousError(f"Several projects are called {text}", _choices(found))
        if found:
            return found[0]
    raise NotFoundError(f"There is no project {text}. See `errata projects list`.")


def _choices(projects: Iterable[Project]) -> Mapping[str, str]:
    return {each.id: f"{each.organization}/{each.slug}, {each.name}" for each in projects}
