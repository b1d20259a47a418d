"""The issue tracker of a project. Members read it, admins change it."""

from errata.protocol.tracker import MAX_TEMPLATE
from errata.usecases import tickets
from functions.dashboard.forms import Failed, done, settings_page, settings_routes
from functions.dashboard.routing import RequestContext
from functions.dashboard.web import PageResponse

_MESSAGES = {
    "saved": "Saved. The menu of more actions on the page of an issue has “Create a ticket”.",
    "removed": "Saved. This project has no issue tracker.",
}


def _page(ctx: RequestContext, failed: Failed) -> PageResponse:
    return settings_page(
        ctx,
        "tracker.html",
        failed,
        _MESSAGES,
        most=MAX_TEMPLATE,
    )


def _save(ctx: RequestContext, _: str) -> PageResponse:
    project = tickets.change_tracker(ctx.project.id, ctx.request.form.get("template", ""))
    return done(ctx, "saved" if project.tracker_template else "removed")


settings_routes("tracker", _page, {"save": _save})
