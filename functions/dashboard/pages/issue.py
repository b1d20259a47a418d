"""The page of one issue: an event in full, and what all events of the issue have in common."""

from errata.usecases import issue_events, issues, short_ids
from functions.dashboard.issue_view import composed
from functions.dashboard.routing import RequestContext, get, post
from functions.dashboard.web import Response, redirect


@get("projects/<project:project_id>/issues/<issue:issue_id>")
def show(ctx: RequestContext) -> Response:
    """Show an issue with its newest event."""
    return composed(ctx, issue_events.latest(ctx.visible, ctx.request.ids["issue_id"]))


@get("projects/<project:project_id>/issues/<short_id:name>")
def show_by_short_id(ctx: RequestContext) -> Response:
    """Redirect from an issue's short id or number to its page."""
    issue = short_ids.find(ctx.project, ctx.visible, ctx.request.ids["name"])
    return redirect(f"{ctx.request.root}projects/{ctx.project.id}/issues/{issue.id}")


@get("projects/<project:project_id>/issues/<issue:issue_id>/first")
def first(ctx: RequestContext) -> Response:
    """Redirect to the oldest event of an issue that has not expired."""
    issue_id = ctx.request.ids["issue_id"]
    below = f"{ctx.request.root}projects/{ctx.project.id}"
    event_id = issue_events.first(ctx.visible, issue_id)
    return redirect(f"{below}/events/{event_id}" if event_id else f"{below}/issues/{issue_id}")


@post("projects/<project:project_id>/issues/<issue:issue_id>")
def act(ctx: RequestContext) -> Response:
    """Resolve, ignore, reopen or delete an issue."""
    visible, issue_id = ctx.visible, ctx.request.ids["issue_id"]
    by = ctx.user.email
    below = f"{ctx.request.root}projects/{visible.project_id}/issues"
    match ctx.request.form.get("action"):
        case "resolve":
            issues.resolve(visible, issue_id, by)
        case "ignore":
            issues.ignore(visible, issue_id, by)
        case "reopen":
            issues.reopen(visible, issue_id, by)
        case "delete":
            issues.delete(visible, issue_id, by)
            return redirect(below)
    return redirect(f"{below}/{issue_id}")
