"""What members set for themselves: their name, time zone and theme."""

from errata.models.member import THEMES, Preferences
from errata.usecases import preferences
from functions.dashboard.forms import Failed, act
from functions.dashboard.render import page
from functions.dashboard.routing import RequestContext, get, post
from functions.dashboard.web import Response, redirect

_SAID = {
    "saved": "Saved.",
    "password": "Your password was changed. All your other sessions have ended.",
}
_THEMES = tuple(zip(THEMES, ("As on this device", "Light", "Dark"), strict=True))


@get("account")
def show(ctx: RequestContext) -> Response:
    """Show the page."""
    return _page(ctx, Failed())


@post("account", keeps=True)
def change(ctx: RequestContext) -> Response:
    """Handle the form of the page."""
    return act(ctx, {"save": _save}, _page)


def _page(ctx: RequestContext, failed: Failed) -> Response:
    return page(
        ctx.request,
        "account.html",
        ctx.now_ms,
        failed.status,
        ctx=ctx,
        failed=failed,
        said=_SAID.get(ctx.request.args.get("said", "")),
        shown=_typed(ctx) if failed.action else ctx.user.preferences,
        zones=preferences.zones(),
        themes=_THEMES,
        most=preferences.MAX_NAME,
    )


def _typed(ctx: RequestContext) -> Preferences:
    form = ctx.request.form
    return Preferences(form.get("name", "").strip(), form.get("zone", ""), form.get("theme", ""))


def _save(ctx: RequestContext, _: str) -> Response:
    preferences.save(ctx.user.email, _typed(ctx))
    return redirect(f"{ctx.request.root}account?said=saved")
