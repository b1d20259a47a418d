"""Find the issue that a path names: `/issues/{id}`, or the same below an organization."""

from dataclasses import dataclass

from errata.errors import NotFoundError
from errata.models.assignee import Assigned
from errata.models.issue import Issue
from errata.models.project import Project
from errata.models.visible import Visible
from errata.protocol.query import TEXT, Term
from errata.usecases import across_ids, assignees, short_ids
from errata.usecases.merged import shown
from functions.web_api.context import Context
from functions.web_api.issue_schemas import is_issue_id, split_issue_id


@dataclass(frozen=True, slots=True)
class FoundIssue:
    """An issue with its project, and what the token may see of it.

    If the requested issue is merged, this is its head, with the sum of all members.
    """

    project: Project
    visible: Visible
    issue: Issue


def find_issue(context: Context, issue: str, organization: str = "") -> FoundIssue:
    """Return the issue with this id, short id, or id in the dashboard. Makes three or four calls.

    Raises:
        NotFoundError: there is no such issue, or the token does not see it.
    """
    owner = context.check_organization(organization or context.bearer.organization)
    if is_issue_id(issue):
        project_id, number = split_issue_id(issue)
        try:
            project = context.project(owner, project_id)
        except NotFoundError:
            raise _no_issue() from None
        visible = context.visible(project)
        found = shown(visible, short_ids.find(project, visible, str(number)))
        return FoundIssue(project, visible, found)
    named = across_ids.named(owner, context.bearer.sees, [Term(TEXT, (issue,))], context.now_ms)
    if named is None or named.event_id:
        raise _no_issue()
    return FoundIssue(named.project, context.visible(named.project), named.issue)


def _no_issue() -> NotFoundError:
    return NotFoundError("This issue does not exist, or the token does not see it.")


def assigned_of(found: FoundIssue) -> Assigned | None:
    """Return who works on an issue. Makes at most one call."""
    of = found.issue.assignee
    known = assignees.shown(found.project.organization, [of], found.visible.now_ms)
    return known.get(of)
