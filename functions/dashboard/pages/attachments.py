"""The attachments of events: whether a project keeps them, and each as a file to save."""

from urllib.parse import quote

from errata.errors import NotFoundError
from errata.protocol.sentry.attachments import MAX_FILE_BYTES, MAX_FILES
from errata.usecases import attachments, issue_events
from functions.dashboard.forms import Failed, act, settings_page
from functions.dashboard.routing import RequestContext, get, post
from functions.dashboard.web import Response, redirect

_SAID = {
    "on": "Saved. Attachments are kept with their events.",
    "off": "Saved. Attachments are dropped.",
}
# A file is anything that anybody has sent: browsers save it, and show none of it.
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


@get("projects/<project:project_id>/events/<event:event_id>/attachments/<number>")
def file(ctx: RequestContext) -> Response:
    """Return the file of an attachment, to be saved."""
    number = ctx.request.ids["number"]
    if not (number.isascii() and number.isdecimal() and len(number) < 4):
        raise NotFoundError("The event has no such attachment.")
    event = issue_events.shown(ctx.visible, ctx.event)
    name, content = attachments.read(event, int(number))
    named = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    return Response(
        content,
        content_type="application/octet-stream",
        headers={**_HEADERS, "Content-Disposition": named},
    )


@get("projects/<project:project_id>/attachments")
def show(ctx: RequestContext) -> Response:
    """Show the page."""
    return _page(ctx, Failed())


@post("projects/<project:project_id>/attachments", keeps=True)
def change(ctx: RequestContext) -> Response:
    """Handle the form of the page."""
    ctx.must_administer(ctx.project.organization)
    return act(ctx, {"attachments": _save}, _page)


def _page(ctx: RequestContext, failed: Failed) -> Response:
    return settings_page(
        ctx,
        "attachments.html",
        failed,
        _SAID,
        most_files=MAX_FILES,
        most_mb=MAX_FILE_BYTES // 1_000_000,
    )


def _save(ctx: RequestContext, word: str) -> Response:
    project = attachments.change(ctx.project.id, word == "on")
    said = "on" if project.attachments else "off"
    return redirect(f"{ctx.request.root}projects/{project.id}/attachments?said={said}")
