"""The attachments of events: whether a project keeps them, and each as a file to save."""

from urllib.parse import quote

from errata.errors import NotFoundError
from errata.protocol.sentry.attachments import MAX_FILE_BYTES, MAX_FILES
from errata.usecases import attachments, issue_events
from functions.dashboard.forms import Failed, done, settings_page, settings_routes
from functions.dashboard.routing import RequestContext, get
from functions.dashboard.web import PageResponse

_MESSAGES = {
    "on": "Saved. Attachments are kept with their events.",
    "off": "Saved. Attachments are dropped.",
}
# Anybody may have sent the file, with any content. So browsers must save it, and not show it.
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


@get("projects/<project:project_id>/events/<event:event_id>/attachments/<number>")
def file(ctx: RequestContext) -> PageResponse:
    """Return the file of an attachment, to be saved."""
    number = ctx.request.ids["number"]
    if not (number.isascii() and number.isdecimal() and len(number) < 4):
        raise NotFoundError("The event has no such attachment.")
    event = issue_events.shown(ctx.visible, ctx.event)
    name, content = attachments.read(event, int(number))
    named = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    return PageResponse(
        content,
        content_type="application/octet-stream",
        headers={**_HEADERS, "Content-Disposition": named},
    )


def _page(ctx: RequestContext, failed: Failed) -> PageResponse:
    return settings_page(
        ctx,
        "attachments.html",
        failed,
        _MESSAGES,
        most_files=MAX_FILES,
        most_mb=MAX_FILE_BYTES // 1_000_000,
    )


def _save(ctx: RequestContext, word: str) -> PageResponse:
    project = attachments.change(ctx.project.id, word == "on")
    return done(ctx, "on" if project.attachments else "off")


settings_routes("attachments", _page, {"attachments": _save})
