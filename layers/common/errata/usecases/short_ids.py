"""Find issues by their short ids."""

from errata.errors import NotFoundError
from errata.models.issue import Issue
from errata.models.project import Project
from errata.models.slug import parse_short_id
from errata.models.visible import Visible
from errata.store import issues as store
from errata.store import numbers
from errata.usecases import issues, slugs


def find(project: Project, visible: Visible, name: str) -> Issue:
    """Return the issue with this id, short id or number. Ignores the case of a short id.

    The old slugs of the project work, too.

    Raises:
        NotFoundError: the project has no such issue, or it has expired, was cleared or deleted.
    """
    parsed = parse_short_id(name)
    if parsed is None:
        return issues.find(visible, name)
    slug, number = parsed
    if slug:
        _check_slug(slugs.shown(project), slug, number)
    # A row may be left over from another status, or from an issue that was deleted since.
    for issue in store.find_issues(visible, numbers.ids_of_number(visible, number)):
        if issue.number == number:
            return issue
    raise NotFoundError(f"Project {project.id} has no issue {name}.")


def is_short_id(project: Project, text: str) -> bool:
    """Return whether a text is a short id of the project. There may be no such issue."""
    slug, _ = parse_short_id(text) or ("", 0)
    return slug in project.slugs


def _check_slug(project: Project, slug: str, number: int) -> None:
    """Check that the project has or had a slug.

    Raises:
        NotFoundError: the project never had it, or has no slug. The message says what to use.
    """
    right = project.slug.upper()
    if not right:
        raise NotFoundError(
            f"The issues of project {project.id} have no short ids. Use the number: {number}."
        )
    if slug not in project.slugs:
        raise NotFoundError(
            f"The short ids of project {project.id} begin with {right}, not with {slug.upper()}."
            f" Did you mean {right}-{number}?"
        )
