"""The page of one issue: an event in full, and what all events of the issue have in common."""

from errata.models.ids import UUID
from errata.protocol.settle import change_of
from errata.usecases import issue_events, issue_refresh, issues, short_ids, tickets
from errata.usecases.markdown_forms import of_issue
from functions.dashboard.issue_view import composed
from functions.dashboard.pages.assign import assign_to
from functions.dashboard.routing import SESSION_COOKIE, RequestContext, get, post
from functions.dashboard.web import PageRequest, PageResponse, markdown_response, redirect

_MOST_GENERATIONS = 10**9


@get("projects/<project:project_id>/issues/<issue:issue_id>")
def show(ctx: RequestContext) -> PageResponse:
    """Show an issue with its newest event."""
    return composed(ctx, issue_events.latest(ctx.visible, ctx.request.ids["issue_id"]))


@get("projects/<project:project_id>/issues/<short_id:name>")
def show_by_short_id(ctx: RequestContext) -> PageResponse:
    """Redirect from an issue's short id or number to its page."""
    issue = short_ids.find(ctx.project, ctx.visible, ctx.request.ids["name"])
    return redirect(f"{ctx.request.root}projects/{ctx.project.id}/issues/{issue.id}")


@get("projects/<project:project_id>/issues/<issue:issue_id>.md")
def markdown(ctx: RequestContext) -> PageResponse:
    """Return the issue with its newest event as Markdown, for an agent or a ticket."""
    issue_id = ctx.request.ids["issue_id"]
    url = f"{ctx.request.root_url}projects/{ctx.project.id}/issues/{issue_id}"
    return markdown_response(of_issue(ctx.project, ctx.visible, issue_id, url))


@get("projects/<project:project_id>/issues/<short_id:name>.md")
def markdown_by_short_id(ctx: RequestContext) -> PageResponse:
    """Redirect from an issue's short id or number to its Markdown."""
    issue = short_ids.find(ctx.project, ctx.visible, ctx.request.ids["name"])
    return redirect(f"{ctx.request.root}projects/{ctx.project.id}/issues/{issue.id}.md")


@get("projects/<project:project_id>/issues/<issue:issue_id>/first")
def first(ctx: RequestContext) -> PageResponse:
    """Redirect to the oldest event of an issue that has not expired."""
    issue_id = ctx.request.ids["issue_id"]
    below = f"{ctx.request.root}projects/{ctx.project.id}"
    event_id = issue_events.first(ctx.visible, issue_id)
    return redirect(f"{below}/events/{event_id}" if event_id else f"{below}/issues/{issue_id}")


def not_modified(request: PageRequest, now_ms: int) -> PageResponse | None:
    """Return an empty response if the page is still up to date. Costs one read unit."""
    args, ids = request.args, request.ids
    asked = request.partial and args.get("version")
    same = asked and issue_refresh.is_unchanged(
        request.cookies.get(SESSION_COOKIE, ""),
        ids["project_id"],
        max(0, min(args.get("generation", 0, type=int), _MOST_GENERATIONS)),
        ids["issue_id"],
        args.get("version", ""),
        now_ms,
    )
    return PageResponse(status=204) if same else None


@get("projects/<project:project_id>/issues/<issue:issue_id>/refresh", unless=not_modified)
def refresh(ctx: RequestContext) -> PageResponse:
    """Return the page without its event, for htmx, which takes the parts that may have changed.

    `?event` is the event that the page goes on showing. A browser that opens this URL is
    redirected to the issue.
    """
    event_id, issue_id = ctx.request.args.get("event", ""), ctx.request.ids["issue_id"]
    if not (ctx.request.partial and UUID.fullmatch(event_id)):
        return redirect(f"{ctx.request.root}projects/{ctx.project.id}/issues/{issue_id}")
    # The page that takes the parts is one level higher. Their links start from there.
    ctx.request.root = ctx.request.root.removeprefix("../")
    return composed(ctx, issue_events.course(ctx.visible, issue_id, event_id), event_id)


@post("projects/<project:project_id>/issues/<issue:issue_id>")
def act(ctx: RequestContext) -> PageResponse:
    """Resolve, ignore, reopen, assign, link or delete an issue."""
    if "assign" in ctx.request.form:
        return assign_to(ctx, ctx.request.form["assign"])
    visible, issue_id = ctx.visible, ctx.request.ids["issue_id"]
    by = ctx.user.email
    below = f"{ctx.request.root}projects/{visible.project_id}/issues"
    if ctx.request.form.get("action") == "delete":
        issues.delete(visible, issue_id, by)
        return redirect(below)
    if ctx.request.form.get("action") == "link":
        tickets.link(visible, issue_id, ctx.request.form.get("url", ""), by)
    elif change := change_of(ctx.request.form, ctx.now_ms):
        issues.change(visible, issue_id, change, by)
    return redirect(f"{below}/{issue_id}")
