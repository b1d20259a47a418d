"""Find issues by their short ids."""

from collections.abc import Collection, Sequence
from contextlib import suppress

from errata.errors import NotFoundError
from errata.models.ids import sdk_event_id
from errata.models.issue import Issue
from errata.models.project import Project
from errata.models.slug import parse_short_id
from errata.models.visible import Visible
from errata.protocol.query import TEXT, Term
from errata.store import numbers
from errata.store.issues import find_issues
from errata.usecases import issues, prefixes, read_events, slugs
from errata.usecases.merged import shown

# No id or short id is longer, and no key of a row may be much longer.
_LONGEST = 100


def find(project: Project, visible: Visible, name: str) -> Issue:
    """Return the issue with this id, short id or number. Ignores the case of a short id.

    Also accepts old slugs of the project, and the first digits of an id.

    Raises:
        AmbiguousError: the ids of several issues begin with these digits.
        NotFoundError: the project has no such issue, or it has expired, was cleared or deleted.
    """
    parsed = parse_short_id(name)
    if len(name) > _LONGEST:
        raise NotFoundError(f"Project {project.id} has no such issue.")
    if parsed is None:
        return prefixes.issue(visible, name) or issues.find(visible, name)
    slug, number = parsed
    if slug:
        _check_slug(slugs.shown(project), slug, number)
    for issue in numbered(visible, [number]):
        return issue
    raise NotFoundError(f"Project {project.id} has no issue {name}.")


def numbered(visible: Visible, wanted: Collection[int]) -> list[Issue]:
    """Return the issues with these numbers, those that exist."""
    # A row may be left over from another status, or from an issue that was deleted since.
    found = find_issues(visible, numbers.ids_of_numbers(visible, wanted))
    return [each for each in found if each.number in wanted]


def find_also_by_event(project: Project, visible: Visible, name: str) -> Issue:
    """Return the issue that `find` returns, or the issue of the event with this id.

    The id of an event is Errata's, or the one that its SDK created. If the issue is merged, returns
    its head.

    Raises:
        NotFoundError: as `find`, and the project has no such event either.
    """
    try:
        return shown(visible, find(project, visible, name))
    except NotFoundError:
        if event := read_events.find_any(visible, name):
            return shown(visible, issues.find(visible, event.issue_id))
        raise


def is_short_id(project: Project, text: str) -> bool:
    """Return whether a text is a short id of the project. There may be no such issue."""
    slug, _ = parse_short_id(text) or ("", 0)
    return slug in project.slugs


def named(project: Project, visible: Visible, terms: Sequence[Term]) -> Issue | None:
    """Return the issue that a query names by a short id, its id, or the id of one of its events.

    If that one is merged, returns its head. Returns None if the query is anything else, or if there
    is no such issue.
    """
    if len(terms) != 1 or terms[0].key != TEXT or terms[0].negated or not terms[0].exact:
        return None
    name = terms[0].value
    with suppress(NotFoundError):
        if is_short_id(project, name):
            return shown(visible, find(project, visible, name))
        if event := read_events.find_any(visible, name):
            return shown(visible, issues.find(visible, event.issue_id))
        if issue_id := sdk_event_id(name):
            return shown(visible, issues.find(visible, issue_id))
    return None


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
