"""Turn one's own second factor on or off: codes of an authenticator app (TOTP, RFC 6238).

Each step asks for the password: an open session alone is not enough. The tokens that Cognito
returns for the password are used at once and not stored.
"""

from collections.abc import Callable
from urllib.parse import quote, urlencode

from errata.errors import BadRequestError, HTTPError, InvalidInputError, UnauthorizedError
from errata.store import sign_in
from errata.usecases import sign_in_limits
from functions.dashboard.forms import text_of
from functions.dashboard.pages.password import has_provider
from functions.dashboard.pages.sign_in import typed_code
from functions.dashboard.qr_code import qr_code
from functions.dashboard.render import page
from functions.dashboard.routing import RequestContext, get, post
from functions.dashboard.web import PageResponse, redirect

_PICTURE = "QR code of the secret. The same secret is below as text."
_MESSAGES = {
    "on": "Your second factor is on. From now on, a sign-in also asks for a code.",
    "off": "Your second factor is off.",
}


@get("account/second-factor")
def show(ctx: RequestContext) -> PageResponse:
    """Show whether the second factor is on, and the form that turns it on or off."""
    return _page(ctx)


@post("account/second-factor")
def change(ctx: RequestContext) -> PageResponse:
    """Handle the forms that turn the second factor on or off."""
    if has_provider(ctx):
        raise BadRequestError("You sign in with an identity provider. Set it up there.")
    for name, step in _STEPS.items():
        if name in ctx.request.form:
            try:
                return step(ctx)
            except UnauthorizedError:
                return _page(ctx, 422, "The password is wrong. Nothing was changed.", name)
            except HTTPError as refused:
                return _page(ctx, refused.status, text_of(refused), name)
    raise BadRequestError("Unknown action. Reload the page.")


def _begin(ctx: RequestContext) -> PageResponse:
    secret = sign_in.new_second_factor(_sign_in(ctx, "").access)
    account = quote(f"Errata:{ctx.user.email}")
    uri = f"otpauth://totp/{account}?{urlencode({'secret': secret, 'issuer': 'Errata'})}"
    return _page(ctx, step="confirm", secret=secret, uri=uri)


def _confirm(ctx: RequestContext) -> PageResponse:
    sign_in.confirm_second_factor(_sign_in(ctx, "").access, typed_code(ctx.request))
    return redirect(f"{ctx.request.root}account/second-factor?said=on")


def _end(ctx: RequestContext) -> PageResponse:
    sign_in.end_second_factor(_sign_in(ctx, typed_code(ctx.request)).access)
    return redirect(f"{ctx.request.root}account/second-factor?said=off")


def _sign_in(ctx: RequestContext, code: str) -> sign_in.Tokens:
    password = ctx.request.form.get("password", "")
    if not password:
        raise InvalidInputError({"password": ["Enter your password."]})
    sign_in_limits.take_sign_in(ctx.request.address, ctx.user.email, ctx.now_ms)
    return sign_in.again(ctx.user.email, password, code)


_STEPS: dict[str, Callable[[RequestContext], PageResponse]] = {
    "begin": _begin,
    "confirm": _confirm,
    "end": _end,
}


def _page(
    ctx: RequestContext,
    status: int = 200,
    error: str = "",
    step: str = "",
    secret: str = "",
    uri: str = "",
) -> PageResponse:
    elsewhere = has_provider(ctx)
    return page(
        ctx.request,
        "second_factor.html",
        ctx.now_ms,
        status,
        ctx,
        error=error,
        message=_MESSAGES.get(ctx.request.args.get("said", "")),
        has_provider=elsewhere,
        is_on=not elsewhere and sign_in.has_second_factor(ctx.user.email),
        step=step,
        secret=secret,
        uri=uri,
        picture=qr_code(uri, _PICTURE) if uri else "",
    )
