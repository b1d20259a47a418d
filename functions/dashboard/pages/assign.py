"""Assign an issue: the members and teams to choose from, as a page or in the menu of the issue."""

from errata.errors import HTTPError
from errata.models.assignee import Assigned, email_of, of_member, of_team, team_of
from errata.models.member import Team
from errata.models.slug import short_id
from errata.usecases import assign, assignees, issue_events, rights, slugs
from functions.dashboard.forms import text_of
from functions.dashboard.render import page
from functions.dashboard.routing import RequestContext, get, post
from functions.dashboard.web import PageResponse, redirect


@get("projects/<project:project_id>/issues/<issue:issue_id>/assign")
def show(ctx: RequestContext) -> PageResponse:
    """Show the members and teams that the issue can be assigned to. For htmx, only the buttons."""
    return _page(ctx)


@post("projects/<project:project_id>/issues/<issue:issue_id>/assign")
def change(ctx: RequestContext) -> PageResponse:
    """Assign the issue to the chosen or typed member or team."""
    form = ctx.request.form
    to = form.get("assign_to", "") if "assign_typed" in form else form.get("assign", "")
    try:
        return assign_to(ctx, to)
    except HTTPError as refused:
        return _page(ctx, text_of(refused), to, refused.status)


def assign_to(ctx: RequestContext, text: str) -> PageResponse:
    """Assign the issue of the page, and lead back to it."""
    issue_id = ctx.request.ids["issue_id"]
    rights.check(ctx.visible, "settle")
    to = assignees.parse(ctx.project, ctx.visible, text)
    assign.assign(ctx.visible, issue_id, to, ctx.user.email, ctx.request.form.get("was"))
    return redirect(f"{ctx.request.root}projects/{ctx.project.id}/issues/{issue_id}")


def _page(
    ctx: RequestContext, failed: str = "", typed: str = "", status: int = 200
) -> PageResponse:
    rights.check(ctx.visible, "settle")
    issue = issue_events.find(ctx.visible, ctx.request.ids["issue_id"])
    known = assignees.shown(ctx.project.organization, [issue.assignee], ctx.now_ms)
    below = f"{ctx.request.root}projects/{ctx.project.id}"
    if ctx.request.partial:
        # The menu is on the page of the issue, one level higher.
        below = below.removeprefix("../")
    return page(
        ctx.request,
        "assign.html",
        ctx.now_ms,
        status,
        ctx,
        issue=issue,
        issue_path=f"{below}/issues/{issue.id}",
        short_id=short_id(slugs.shown(ctx.project).slug, issue.number),
        assigned=known.get(issue.assignee),
        current=email_of(issue.assignee) or team_of(issue.assignee),
        offer=assignees.offer(ctx.project),
        person=_person,
        team=_team,
        failed=failed,
        typed=typed,
    )


def _person(email: str) -> Assigned:
    return Assigned(of_member(email), email)


def _team(team: Team) -> Assigned:
    return Assigned(of_team(team.id), team.name)
