"""How a project gets events from OpenTelemetry. Admins choose whether log records become events."""

from errata.models.project import live_dsns
from errata.store.projects import list_keys
from errata.usecases import log_records
from functions.dashboard.forms import Failed, done, settings_page, settings_routes
from functions.dashboard.routing import RequestContext
from functions.dashboard.web import PageResponse

_MESSAGES = {
    "on": "Saved. Log records of level error become events.",
    "off": "Saved. Only exceptions become events.",
}


def _page(ctx: RequestContext, failed: Failed) -> PageResponse:
    keys = list_keys(ctx.project.id)
    newest = next(iter(live_dsns(ctx.request.sdk_url, keys)), "")
    return settings_page(
        ctx,
        "open_telemetry.html",
        failed,
        _MESSAGES,
        url=ctx.request.sdk_url.rstrip("/"),
        public=next((key.public for key in keys if key.id == newest), ""),
    )


def _save(ctx: RequestContext, word: str) -> PageResponse:
    project = log_records.change(ctx.project.id, word == "on")
    return done(ctx, "on" if project.log_errors else "off")


settings_routes("opentelemetry", _page, {"log-errors": _save})
