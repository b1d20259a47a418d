"""The page of one issue: an event in full, and what all events of the issue have in common."""

from errata.models.ids import UUID
from errata.usecases import issue_events, issue_refresh, issues, short_ids
from functions.dashboard.issue_view import composed
from functions.dashboard.routing import SESSION_COOKIE, RequestContext, get, post
from functions.dashboard.web import Request, Response, redirect

_MOST_GENERATIONS = 10**9


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


def _unchanged(request: Request, now_ms: int) -> Response | None:
    """Return an empty answer if the page still shows what is true. It costs one read unit."""
    args, ids = request.args, request.ids
    unchanged = request.partial and issue_refresh.is_unchanged(
        request.cookies.get(SESSION_COOKIE, ""),
        ids["project_id"],
        max(0, min(args.get("generation", 0, type=int), _MOST_GENERATIONS)),
        ids["issue_id"],
        args.get("mark", ""),
        now_ms,
    )
    return Response(status=204) if unchanged else None


@get("projects/<project:project_id>/issues/<issue:issue_id>/refresh", unless=_unchanged)
def refresh(ctx: RequestContext) -> Response:
    """Return the page without its event, for htmx, which takes the parts that may have changed.

    `event` is the event that the page shows. It stays. Somebody who opens this sees the issue.
    """
    event_id, issue_id = ctx.request.args.get("event", ""), ctx.request.ids["issue_id"]
    if not (ctx.request.partial and UUID.fullmatch(event_id)):
        return redirect(f"{ctx.request.root}projects/{ctx.project.id}/issues/{issue_id}")
    # The page that takes the parts is one level higher. Their links start from there.
    ctx.request.root = ctx.request.root.removeprefix("../")
    return composed(ctx, issue_events.course(ctx.visible, issue_id, event_id), event_id)


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
