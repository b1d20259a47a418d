"""Fingerprint rules of a project. Members read them, admins preview and change them."""

from errata.usecases import fingerprint_rules
from errata.usecases.fingerprint_rules import MAX_BYTES, Previewed
from functions.dashboard.forms import Failed, done, settings_page, settings_routes
from functions.dashboard.routing import RequestContext
from functions.dashboard.web import PageResponse

_MESSAGES = {"saved": "Saved. The rules apply to new events within 30 seconds."}
_MOST_SHOWN = 30


def _page(
    ctx: RequestContext, failed: Failed, found: list[Previewed] | None = None
) -> PageResponse:
    counted = fingerprint_rules.by_rule(found or [])
    return settings_page(
        ctx,
        "rules.html",
        failed,
        _MESSAGES,
        text=_typed(ctx) if failed.action else fingerprint_rules.find_text(ctx.project.id),
        previewed=None if found is None else len(found),
        differ=sum(each.differs for each in found or ()),
        counted=counted[:_MOST_SHOWN],
        more=len(counted[_MOST_SHOWN:]),
        most_bytes=MAX_BYTES,
    )


def _typed(ctx: RequestContext) -> str:
    return ctx.request.form.get("rules", "").replace("\r\n", "\n")


def _preview(ctx: RequestContext, _: str) -> PageResponse:
    return _page(ctx, Failed("preview"), fingerprint_rules.preview(ctx.visible, _typed(ctx)))


def _save(ctx: RequestContext, _: str) -> PageResponse:
    fingerprint_rules.set_text(ctx.project.id, _typed(ctx))
    return done(ctx, "saved")


settings_routes("rules", _page, {"preview": _preview, "save": _save})
