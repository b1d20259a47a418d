"""Find the projects, issues and events that the arguments of an MCP tool name."""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from errata.errors import InvalidInputError, NotFoundError
from errata.models.event import Stored
from errata.models.issue import Issue
from errata.models.project import Project
from errata.models.slug import parse_short_id
from errata.models.token import Bearer
from errata.models.visible import Visible
from errata.protocol.query import TEXT, Term
from errata.store import projects
from errata.usecases import across_ids, read_events, short_ids
from errata.usecases.projects import operator_access
from errata.usecases.visible import find_visible

# The URL of a page of the dashboard.
_URL = re.compile(r"https?://\S+/projects/([0-9]{1,18})/(?:issues|events)/([0-9A-Za-z-]{1,60})")
_MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class NamedIssue:
    """An issue that was found, with its project and what the reader may see of that."""

    project: Project
    visible: Visible
    issue: Issue

    @property
    def path(self) -> str:
        """The path of the issue's page below `/dashboard/`."""
        return f"projects/{self.project.id}/issues/{self.issue.id}"


@dataclass(frozen=True, slots=True)
class Reader:
    """Who calls a tool, when (milliseconds since the epoch), and the base URL of the dashboard."""

    bearer: Bearer
    now_ms: int
    dashboard_url: str

    def url(self, path: str) -> str:
        """Return the URL of a page of the dashboard."""
        return f"{self.dashboard_url}/{path}"

    def projects(self) -> list[Project]:
        """Return the projects that the token may read, oldest first. Makes one call for each MB."""
        found, _ = projects.some_projects(self.bearer.organization, "", pages=None)
        return [each for each in found if self.bearer.sees(each) and not each.expired(self.now_ms)]

    def project(self, name: str) -> Project:
        """Return a project by its id, its slug or an old slug. Makes the calls of `projects`.

        Raises:
            NotFoundError: the token may read no such project. Names some that it may read.
        """
        seen = self.projects()
        for each in seen:
            if name == each.id or name.lower() in each.slugs:
                return each
        others = [each.slug or each.id for each in seen]
        more = ", …" if len(others) > _MOST_NAMED else ""
        known = ", ".join(others[:_MOST_NAMED]) + more
        raise NotFoundError(
            f"There is no project {name[:60]} that this token may read."
            + (f" There are: {known}." if known else " It may read no project.")
        )

    def visible(self, project: Project) -> Visible:
        """Return what the token may see of a project, and in which role. Makes one call."""
        found = find_visible(operator_access(project), self.now_ms)
        return found.for_member(self.bearer.token.member, self.bearer.role)

    def issue(self, name: str, project: str) -> NamedIssue:
        """Return an issue by its short id, number, id or URL, or by the id of one of its events.

        If it is merged, returns its head. `project` is its id or slug, "" for any.

        Raises:
            InvalidInputError: it is a number, and no project is named.
            NotFoundError: the token may read no such issue.
        """
        name, project = _parted(name, project)
        for each in self._candidates(name, project):
            visible = self.visible(each)
            with suppress(NotFoundError):
                found = short_ids.find_also_by_event(each, visible, name)
                return NamedIssue(each, visible, found)
        raise NotFoundError(
            f"There is no issue {name[:60]}. It may have expired, or somebody has deleted it."
            " Search for it with list_issues."
        )

    def event(self, name: str, project: str) -> tuple[Project, Visible, Stored]:
        """Return an event by its id, the id that its SDK gave it, or its URL.

        Raises:
            NotFoundError: the token may read no such event.
        """
        name, project = _parted(name, project)
        for each in self._candidates(name, project):
            visible = self.visible(each)
            if event := read_events.find(visible, name):
                return each, visible, event
        raise NotFoundError(
            f"There is no event {name[:60]}. It may have expired. The newest one of an issue is"
            " found with the argument issue."
        )

    def _candidates(self, name: str, project: str) -> Sequence[Project]:
        """Return the projects that may have an issue or event of this name."""
        if project:
            return [self.project(project)]
        parsed = parse_short_id(name)
        if parsed is None:
            # Ids are looked up in all projects at once.
            term = Term(TEXT, (name,))
            bearer = self.bearer
            found = across_ids.named(bearer.organization, bearer.sees, [term], self.now_ms)
            return [found.project] if found else []
        slug, number = parsed
        if not slug:
            text = f"{number} is the number of an issue in each project. Name the project, too."
            raise InvalidInputError({"project": [text]})
        return [each for each in self.projects() if slug in each.slugs]


def _parted(name: str, project: str) -> tuple[str, str]:
    """Return the name and the project in a URL of the dashboard, or in an id of the web API.

    Returns both unchanged if `name` is neither.
    """
    if found := _URL.match(name):
        return found[2], found[1]
    if name.isdecimal() and name.isascii() and len(name) < 30 and (owner := int(name) >> 32):
        return str(int(name) & 0xFFFFFFFF), str(owner)
    return name, project
