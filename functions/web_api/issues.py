"""Lists of issues, and one issue."""

from collections.abc import Iterable

from errata.config import settings
from errata.errors import NotFoundError
from errata.models.ids import DAY_MS
from errata.models.issue import Issue, why_all_grouped
from errata.models.project import Project
from errata.protocol.issues import SORTS
from errata.protocol.query import TEXT, parse_terms
from errata.usecases import across, across_ids, assignees, issues, short_ids
from errata.usecases.merged import members
from functions.web_api import cursors, queries
from functions.web_api.context import Context
from functions.web_api.found import FoundIssue, assigned_of, find_issue
from functions.web_api.issue_schemas import (
    IssueContext,
    IssueDetails,
    IssueSchema,
    ShortId,
    issue_details,
    issue_schema,
)
from functions.web_api.projects import slug
from functions.web_api.request import ApiResponse


def list_of_project(context: Context, organization: str, project: str) -> ApiResponse:
    """Return the issues of a project. Without `query`, those that are unresolved."""
    found = context.project(organization, project)
    visible = context.visible(found)
    asked = queries.asked(context, 0, of_project=True)
    if context.query.get("shortIdLookup") and asked.query.cursor is None:
        terms = parse_terms(context.query.get("query", ""))
        if issue := short_ids.named(found, visible, terms):
            return cursors.page(context, _listed(context, [(found, issue)]), "")
    if asked.projects and not is_named(found, asked.projects):
        return cursors.page(context, [], "")
    page = issues.search(visible, asked.query)
    content = _listed(context, ((found, each) for each in page.issues))
    return cursors.page(context, content, page.next_cursor or "")


def list_of_organization(context: Context, organization: str) -> ApiResponse:
    """Return the issues of the projects that the token sees, or of those named by `project`."""
    owner = context.check_organization(organization)
    asked = queries.asked(context, settings().retention_days * DAY_MS)
    if context.query.get("shortIdLookup") and asked.query.cursor is None:
        terms = parse_terms(context.query.get("query", ""))
        if named := across_ids.named(owner, context.bearer.sees, terms, context.now_ms):
            return cursors.page(context, _listed(context, [(named.project, named.issue)]), "")
    given = [each for each in context.query.getlist("project") if each != "-1"]
    named_by = [names for names in (given, asked.projects) if names]
    if len(named_by) == 1 and len(set(named_by[0])) == 1:
        return _of_one(context, owner, named_by[0][0], asked)
    sort = asked.query.sort if asked.query.sort in SORTS else SORTS[0]
    page = across.search(
        owner,
        lambda each: context.bearer.sees(each) and all(is_named(each, some) for some in named_by),
        queries.sorted_by(asked.query, sort),
        context.now_ms,
        context.bearer.token.member,
    )
    return cursors.page(context, _listed(context, page.found), page.next_cursor or "")


def _of_one(context: Context, owner: str, name: str, asked: queries.IssueRequest) -> ApiResponse:
    """Return the issues of one project of an organization."""
    project = context.project(owner, name)
    page = issues.search(context.visible(project), asked.query)
    content = _listed(context, ((project, each) for each in page.issues))
    return cursors.page(context, content, page.next_cursor or "")


def show(context: Context, issue: str, organization: str = "") -> ApiResponse:
    """Return an issue."""
    return ApiResponse(details(context, find_issue(context, issue, organization)))


def of_short_id(context: Context, organization: str, short_id: str) -> ApiResponse:
    """Return the issue that a short id stands for, such as `SHOP-42`."""
    terms = parse_terms(short_id)
    if len(terms) != 1 or terms[0].key != TEXT:
        raise NotFoundError("This is no short id.")
    found = find_issue(context, short_id, organization)
    group = details(context, found)
    return ApiResponse(
        ShortId(
            organization_slug=found.project.organization,
            project_slug=slug(found.project),
            group_id=group.id,
            group=group,
            short_id=group.short_id,
        )
    )


def details(context: Context, found: FoundIssue) -> IssueDetails:
    """Return an issue by itself. Makes up to two calls: who is assigned, and what is merged."""
    about = IssueContext(found.project, context.dashboard_url, context.now_ms)
    merged = members(found.visible, found.issue)
    reason = why_all_grouped(found.issue)
    return issue_details(about, found.issue, assigned_of(found), merged, reason)


def _listed(context: Context, found: Iterable[tuple[Project, Issue]]) -> list[IssueSchema]:
    """Return issues as lists have them. Makes at most one call: who is assigned."""
    some = list(found)
    owner, now_ms = context.bearer.organization, context.now_ms
    assigned = assignees.of_list(owner, (issue for _, issue in some), now_ms)
    period = queries.period_of(context)
    return [
        issue_schema(
            IssueContext(project, context.dashboard_url, now_ms),
            issue,
            assigned.get(issue.assignee),
            period,
        )
        for project, issue in some
    ]


def is_named(project: Project, names: Iterable[str]) -> bool:
    """Return whether one of these names is the id or a slug of a project."""
    return bool({project.id, *project.slugs}.intersection(names))
