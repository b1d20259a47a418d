"""Sign out, also from the session of an identity provider."""

from urllib.parse import urlencode

from errata.config import settings
from errata.usecases import sessions
from functions.dashboard.render import page
from functions.dashboard.routing import SESSION_COOKIE, RequestContext, open_get, post
from functions.dashboard.web import BASE, PageRequest, PageResponse, redirect


@post("sign-out")
def leave(ctx: RequestContext) -> PageResponse:
    """End the session, here and in Cognito."""
    sessions.end(ctx.session)
    if ctx.session.client == settings().user_pool_client_id:
        to_sign_in = redirect(f"{ctx.request.root}sign-in?said=out")
        return to_sign_in.with_cookie(SESSION_COOKIE, "", 0)
    # The Content-Security-Policy lets forms, with their redirects, lead only to our own site. So
    # this page sends the browser on.
    to = _end_of_provider(ctx)
    shown = page(ctx.request, "signed_out.html", ctx.now_ms, to=to)
    shown.headers["Refresh"] = f"0; url={to}"
    return shown.with_cookie(SESSION_COOKIE, "", 0)


@open_get("signed-out")
def left(request: PageRequest, _now_ms: int) -> PageResponse:
    """Redirect to the sign-in page, after Cognito's domain has ended its session."""
    return redirect(f"{request.root}sign-in?said=out")


def _end_of_provider(ctx: RequestContext) -> str:
    """Return the URL at which Cognito's domain ends its session.

    Until then, "Sign in with …" signs anybody at this browser in again without a password. Source:
    "Logout endpoint", Amazon Cognito.
    """
    back = f"{ctx.request.api_url}{BASE}/signed-out"
    query = urlencode({"client_id": ctx.session.client, "logout_uri": back})
    return f"{settings().sign_in_domain}/logout?{query}"
