"""What members set for themselves: their name, time zone, theme and alerts."""

from collections.abc import Mapping
from typing import Any

from errata.models.alert import MAILED
from errata.models.member import THEMES, Preferences
from errata.usecases import preferences
from functions.dashboard.forms import Failed, act
from functions.dashboard.render import page
from functions.dashboard.routing import RequestContext, get, post
from functions.dashboard.web import PageResponse, redirect

_MESSAGES = {
    "saved": "Saved.",
    "password": "Your password was changed. All your other sessions have ended.",
}
_THEMES = tuple(zip(THEMES, ("As on this device", "Light", "Dark"), strict=True))


@get("account")
def show(ctx: RequestContext) -> PageResponse:
    """Show the account of the member who is signed in."""
    return _page(ctx, Failed())


@post("account", keeps=True)
def change(ctx: RequestContext) -> PageResponse:
    """Handle the forms that save the preferences and the reach."""
    return act(ctx, {"save": _save, "save-alerts": _save_alerts}, _page)


def _page(ctx: RequestContext, failed: Failed) -> PageResponse:
    return page(
        ctx.request,
        "account.html",
        ctx.now_ms,
        failed.status,
        ctx=ctx,
        failed=failed,
        message=_MESSAGES.get(ctx.request.args.get("said", "")),
        shown=_typed(ctx) if failed.action == "save" else ctx.user.preferences,
        zones=preferences.zones(),
        themes=_THEMES,
        most=preferences.MAX_NAME,
        mailed=MAILED,
        alert=_alerts(ctx, failed),
        own=preferences.OWN,
    )


def _alerts(ctx: RequestContext, failed: Failed) -> Mapping[str, Any]:
    """Return what the form about alerts shows: what was typed, or what is set."""
    if failed.action == "save-alerts":
        form = ctx.request.form
        typed = {name: form.get(name, "") for name in ("kind", "quiet_from", "quiet_until")}
        return typed | {"wanted": form.getlist("alert"), "hint": ctx.user.reach.hint}
    reach = ctx.user.reach
    begin, _, end = reach.quiet.partition("-")
    wanted = set(MAILED) - ctx.user.muted
    times = {"quiet_from": begin, "quiet_until": end}
    return times | {"wanted": wanted, "kind": reach.kind, "hint": reach.hint}


def _typed(ctx: RequestContext) -> Preferences:
    form = ctx.request.form
    return Preferences(form.get("name", "").strip(), form.get("zone", ""), form.get("theme", ""))


def _save(ctx: RequestContext, _: str) -> PageResponse:
    preferences.save(ctx.user.email, _typed(ctx))
    return redirect(f"{ctx.request.root}account?said=saved")


def _save_alerts(ctx: RequestContext, _: str) -> PageResponse:
    form = ctx.request.form
    begin, end = form.get("quiet_from", ""), form.get("quiet_until", "")
    preferences.save_alerts(
        ctx.user,
        set(MAILED) - set(form.getlist("alert")),
        f"{begin}-{end}" if begin or end else "",
        form.get("kind", ""),
        form.get("address", "").strip(),
        ctx.now_ms,
    )
    return redirect(f"{ctx.request.root}account?said=saved")
