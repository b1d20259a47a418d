"""The page on which a user changes their password."""

from errata.config import settings
from errata.errors import BadRequestError, HTTPError, InvalidInputError, UnauthorizedError
from errata.models.times import SESSION_LIFETIME_MS
from errata.usecases import sessions, sign_in_limits
from functions.dashboard import tokens
from functions.dashboard.forms import text_of
from functions.dashboard.pages.sign_in import typed_code
from functions.dashboard.render import page
from functions.dashboard.routing import SESSION_COOKIE, RequestContext, get, post
from functions.dashboard.web import PageResponse, redirect


@get("account/password")
def show(ctx: RequestContext) -> PageResponse:
    """Show the form that changes the password."""
    return _page(ctx)


@post("account/password")
def change(ctx: RequestContext) -> PageResponse:
    """Set the new password. The browser gets a new session, and all others end."""
    form = ctx.request.form
    if has_provider(ctx):
        raise BadRequestError("You sign in with an identity provider. Change your password there.")
    try:
        if not form.get("password") or not form.get("new_password"):
            raise InvalidInputError({"password": ["Enter your password and a new one."]})
        sign_in_limits.take_sign_in(ctx.request.address, ctx.user.email, ctx.now_ms)
        cookie = sessions.change_password(
            ctx.session,
            form["password"],
            typed_code(ctx.request),
            form["new_password"],
            tokens.verify,
            ctx.now_ms,
        )
    except UnauthorizedError:
        return _page(ctx, 422, "The password is wrong. Nothing was changed.")
    except HTTPError as refused:
        return _page(ctx, refused.status, text_of(refused))
    changed = redirect(f"{ctx.request.root}account?said=password")
    return changed.with_cookie(SESSION_COOKIE, cookie, SESSION_LIFETIME_MS // 1000)


def _page(ctx: RequestContext, status: int = 200, error: str = "") -> PageResponse:
    return page(
        ctx.request,
        "password.html",
        ctx.now_ms,
        status,
        ctx,
        error=error,
        has_provider=has_provider(ctx),
    )


def has_provider(ctx: RequestContext) -> bool:
    """Return whether the session began at an identity provider. Then there is no password here."""
    return ctx.session.client != settings().user_pool_client_id
