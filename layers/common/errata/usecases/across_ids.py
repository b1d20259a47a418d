"""Find an issue of any project by its short id, its id, or the id of one of its events."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from errata.errors import NotFoundError
from errata.models.event import Stored
from errata.models.ids import UUID, sdk_event_id
from errata.models.issue import Issue
from errata.models.project import Project
from errata.models.slug import parse_short_id
from errata.models.visible import Visible
from errata.protocol.query import TEXT, Term
from errata.store import event_queries, issues, projects, watermarks
from errata.usecases import short_ids
from errata.usecases.across import Sees, in_parallel
from errata.usecases.merged import shown
from errata.usecases.projects import operator_access
from errata.usecases.visible import make_visible


@dataclass(frozen=True, slots=True)
class FoundById:
    """What an id stands for: an issue, and the event if it is the id of one."""

    project: Project
    issue: Issue
    event_id: str = ""


def named(organization_id: str, sees: Sees, terms: Sequence[Term], now_ms: int) -> FoundById | None:
    """Return what a query names, if it is an id and nothing else. None otherwise, or if not found.

    Looks into all projects that somebody sees. An event of the last seconds may not be found by the
    id that its SDK gave it.
    """
    if len(terms) != 1 or terms[0].key != TEXT or terms[0].negated or not terms[0].exact:
        return None
    name = terms[0].value
    slug, _ = parse_short_id(name) or ("", 0)
    sdk_id = sdk_event_id(name)
    if not (slug or sdk_id):
        return None
    listed, _ = projects.some_projects(organization_id, "", pages=None)
    seen = [each for each in listed if sees(each)]
    if slug:
        return _by_short_id([each for each in seen if slug in each.slugs], name, now_ms)
    limits = watermarks.find_watermarks(each.id for each in seen)
    of = {
        each.id: (each, make_visible(operator_access(each), limits[each.id], now_ms))
        for each in seen
    }
    return _by_id(of, sdk_id or "")


def _by_short_id(some: Iterable[Project], name: str, now_ms: int) -> FoundById | None:
    for project in some:
        limit = watermarks.find_watermark(project.id)
        visible = make_visible(operator_access(project), limit, now_ms)
        with suppress(NotFoundError):
            return FoundById(project, shown(visible, short_ids.find(project, visible, name)))
    return None


def _by_id(of: dict[str, tuple[Project, Visible]], name: str) -> FoundById | None:
    for project_id, issue in _issues(of, dict.fromkeys(of, name)).items():
        return FoundById(of[project_id][0], issue)
    for event in _events(of, name):
        if of[event.project_id][1].shows(event):
            its = _issues(of, {event.project_id: event.issue_id})
            if event.project_id in its:
                return FoundById(of[event.project_id][0], its[event.project_id], event.id)
    return None


def _issues(of: dict[str, tuple[Project, Visible]], wanted: dict[str, str]) -> dict[str, Issue]:
    """Return issues by project. `wanted` has the id of one issue for each project."""
    found = issues.find_across((of[project_id][1], each) for project_id, each in wanted.items())
    return {project_id: shown(of[project_id][1], issue) for (project_id, _), issue in found.items()}


def _events(of: dict[str, tuple[Project, Visible]], name: str) -> list[Stored]:
    own_id = f"{name[:8]}-{name[8:12]}-{name[12:16]}-{name[16:20]}-{name[20:]}"
    keys = [(each, own_id) for each in of] if UUID.fullmatch(own_id) else []

    def known(each: tuple[Project, Visible]) -> list[tuple[str, str]]:
        project, visible = each
        ids = event_queries.ids_of_sdk_event(project.id, name, visible.low, 1)
        return [(project.id, event_id) for event_id in ids]

    found = event_queries.of_projects(keys)
    return found or event_queries.of_projects(
        key for some in in_parallel(known, list(of.values())) for key in some
    )
