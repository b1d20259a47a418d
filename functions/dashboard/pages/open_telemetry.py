"""How a project gets events of OpenTelemetry. Members read it, admins change what is taken."""

from errata.models.project import live_dsns
from errata.store.projects import list_keys
from errata.usecases import log_records
from functions.dashboard.forms import Failed, act, settings_page
from functions.dashboard.routing import RequestContext, get, post
from functions.dashboard.web import Response, redirect

_SAID = {
    "on": "Saved. Log records of level error become events.",
    "off": "Saved. Only exceptions become events.",
}


@get("projects/<project:project_id>/opentelemetry")
def show(ctx: RequestContext) -> Response:
    """Show the page."""
    return _page(ctx, Failed())


@post("projects/<project:project_id>/opentelemetry", keeps=True)
def change(ctx: RequestContext) -> Response:
    """Handle the form of the page."""
    ctx.must_administer(ctx.project.organization)
    return act(ctx, {"log-errors": _save}, _page)


def _page(ctx: RequestContext, failed: Failed) -> Response:
    keys = list_keys(ctx.project.id)
    newest = next(iter(live_dsns(ctx.request.sdk_url, keys)), "")
    return settings_page(
        ctx,
        "open_telemetry.html",
        failed,
        _SAID,
        url=ctx.request.sdk_url.rstrip("/"),
        public=next((key.public for key in keys if key.id == newest), ""),
    )


def _save(ctx: RequestContext, word: str) -> Response:
    project = log_records.change(ctx.project.id, word == "on")
    said = "on" if project.log_errors else "off"
    return redirect(f"{ctx.request.root}projects/{project.id}/opentelemetry?said={said}")
