"""Find the dashboard page of an issue, an event or a project by what people call it."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from errata.config import settings
from errata.errors import AmbiguousError, NotFoundError
from errata.models import project_names
from errata.models.ids import sdk_event_id
from errata.models.issue import Issue
from errata.models.project import Project
from errata.models.slug import parse_short_id
from errata.protocol.issues import read_query
from errata.usecases import across_ids, merged, projects, short_ids


@dataclass(frozen=True, slots=True)
class DashboardPages:
    """The dashboard pages that somebody may open: those of the projects that they see."""

    projects: Sequence[Project]
    dashboard_url: str
    now_ms: int

    def of(self, project: Project) -> str:
        """Return the page of a project."""
        return f"{self.dashboard_url}/projects/{project.id}"

    def of_issue(self, project: Project, issue: Issue) -> str:
        """Return the page of an issue."""
        return f"{self.of(project)}/issues/{issue.id}"


def of_operator(name: str, now_ms: int) -> str:
    """Return the URL of a page, for an operator, who sees all projects. See `find_page`."""
    pages = DashboardPages(projects.list_projects(), settings().dashboard_url, now_ms)
    return find_page(pages, name)


def find_page(pages: DashboardPages, name: str) -> str:
    """Return the URL of a page, by a short id, an id of an issue or event, or a project's name.

    "" is the page with all projects. Makes calls for each organization if it is an id.

    Raises:
        AmbiguousError: several issues or projects have this name.
        NotFoundError: nothing has.
    """
    if not name:
        return f"{pages.dashboard_url}/"
    slug, _ = parse_short_id(name) or ("", 0)
    found = {
        pages.of_issue(project, issue): f"{project.name}: {issue.title}"
        for project, issue in _issues(pages, slug, name)
    }
    if len(found) > 1:
        raise AmbiguousError(f"Several issues are called {name}", found)
    if found:
        return next(iter(found))
    if sdk_event_id(name):
        return _by_id(pages, name)
    try:
        return pages.of(project_names.choose(name, pages.projects))
    except AmbiguousError:
        raise
    except NotFoundError:
        what = "issue" if slug else "project"
        raise NotFoundError(f"There is no {what} {name}.") from None


def _issues(pages: DashboardPages, slug: str, name: str) -> Iterator[tuple[Project, Issue]]:
    for project in pages.projects:
        if slug and slug in project.slugs:
            visible = projects.visible_of(project)
            with suppress(NotFoundError):
                yield project, merged.shown(visible, short_ids.find(project, visible, name))


def _by_id(pages: DashboardPages, name: str) -> str:
    terms, seen = read_query(name).terms, {each.id for each in pages.projects}
    for organization in dict.fromkeys(each.organization for each in pages.projects):
        named = across_ids.named(organization, lambda each: each.id in seen, terms, pages.now_ms)
        if named and named.event_id:
            return f"{pages.of(named.project)}/events/{named.event_id}"
        if named:
            return pages.of_issue(named.project, named.issue)
    raise NotFoundError(f"There is no issue or event {name}.")
