"""The issue tracker of a project. Members read it, admins change it."""

from errata.protocol.tracker import MAX_TEMPLATE
from errata.usecases import tickets
from functions.dashboard.forms import Failed, act, settings_page
from functions.dashboard.routing import RequestContext, get, post
from functions.dashboard.web import Response, redirect

_SAID = {
    "saved": "Saved. The menu of more actions on the page of an issue has “Create a ticket”.",
    "removed": "Saved. This project has no issue tracker.",
}


@get("projects/<project:project_id>/tracker")
def show(ctx: RequestContext) -> Response:
    """Show the page."""
    return _page(ctx, Failed())


@post("projects/<project:project_id>/tracker", keeps=True)
def change(ctx: RequestContext) -> Response:
    """Handle the form of the page."""
    ctx.must_administer(ctx.project.organization)
    return act(ctx, {"save": _save}, _page)


def _page(ctx: RequestContext, failed: Failed) -> Response:
    return settings_page(
        ctx,
        "tracker.html",
        failed,
        _SAID,
        most=MAX_TEMPLATE,
    )


def _save(ctx: RequestContext, _: str) -> Response:
    project = tickets.change_tracker(ctx.project.id, ctx.request.form.get("template", ""))
    said = "saved" if project.tracker_template else "removed"
    return redirect(f"{ctx.request.root}projects/{project.id}/tracker?said={said}")
