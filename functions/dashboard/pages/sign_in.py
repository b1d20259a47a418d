"""Sign in with e-mail and password, or choose a new password."""

import re
from typing import Any

from errata.config import settings
from errata.errors import HTTPError, InvalidInputError, RateLimitedError, UnauthorizedError
from errata.models.times import SESSION_LIFETIME_MS
from errata.store import sign_in
from errata.usecases import sessions, sign_in_limits
from functions.dashboard import tokens
from functions.dashboard.kept_forms import carried
from functions.dashboard.render import page
from functions.dashboard.routing import (
    FORM_COOKIE,
    SESSION_COOKIE,
    form_token,
    open_get,
    open_post,
)
from functions.dashboard.web import PageRequest, PageResponse, redirect

# Where a sign-in may lead: a path below the dashboard's root.
_NEXT = re.compile(r"[a-z]+(/[A-Za-z0-9_-]+)*(\?[A-Za-z0-9_.~%=&+-]*)?")


def next_page(value: str | None) -> str:
    """Return the page to open after sign-in: the requested one, if it is in the dashboard."""
    return value if value and _NEXT.fullmatch(value) else "projects"


def _form(
    request: PageRequest, now_ms: int, template: str, status: int = 200, **values: Any
) -> PageResponse:
    token = form_token(request)
    shown: dict[str, Any] = {
        "csrf": token,
        "next": next_page(request.form.get("next") or request.args.get("next")),
        "email": request.form.get("email", ""),
        "kept": carried(request.form.items(multi=True)),
        "error": "",
        "providers": settings().identity_providers if settings().sign_in_domain else (),
        **values,
    }
    response = page(request, template, now_ms, status, **shown)
    if token != request.cookies.get(FORM_COOKIE):
        response.with_cookie(FORM_COOKIE, token, 24 * 3600)
    return response


@open_get("sign-in")
def ask(request: PageRequest, now_ms: int) -> PageResponse:
    """Show the form that signs in."""
    return _form(request, now_ms, "sign_in.html", message=request.args.get("said", ""))


def ask_again(request: PageRequest, now_ms: int) -> PageResponse:
    """Show the sign-in form to a member whose session ended before a form arrived.

    The page keeps the fields of that form, unless they are too long.
    """
    return _form(
        request,
        now_ms,
        "sign_in.html",
        401,
        message="too long" if request.too_long_to_keep else "kept",
        next=next_page(request.asked),
        email="",
        kept=request.kept,
    )


@open_post("sign-in")
def enter(request: PageRequest, now_ms: int) -> PageResponse:
    """Check the password. Start a session, or ask for what is still missing."""
    email, password = _email(request), request.form.get("password", "")
    try:
        if not email or not password:
            raise InvalidInputError({"email": ["Enter your e-mail address and your password."]})
        sign_in_limits.take_sign_in(request.address, email, now_ms)
        step = sign_in.with_password(email, password)
        return _go_on(request, now_ms, step)
    except HTTPError as refused:
        return _form(
            request, now_ms, "sign_in.html", refused.status, error=refused.message, message=""
        )


@open_post("new-password")
def choose(request: PageRequest, now_ms: int) -> PageResponse:
    """Set the password of a first sign-in."""
    challenge = sign_in.NewPassword(
        request.form.get("username", ""), request.form.get("session", "")
    )
    try:
        sign_in_limits.take_sign_in(request.address, challenge.username, now_ms)
        step = sign_in.with_new_password(
            challenge.username, request.form.get("password", ""), challenge.session
        )
        return _go_on(request, now_ms, step)
    except (InvalidInputError, RateLimitedError) as refused:
        return _ask(request, now_ms, challenge, refused.status, refused.message)
    except UnauthorizedError:
        error = "That took too long. Sign in again with the password from the e-mail."
        return _form(request, now_ms, "sign_in.html", 401, error=error, message="")


@open_post("sign-in-code")
def enter_code(request: PageRequest, now_ms: int) -> PageResponse:
    """Check the code of the second factor."""
    form = request.form
    challenge = sign_in.CodeNeeded(form.get("username", ""), form.get("session", ""))
    try:
        sign_in_limits.take_sign_in(request.address, challenge.username, now_ms)
        step = sign_in.with_code(challenge.username, typed_code(request), challenge.session)
        return _go_on(request, now_ms, step)
    except InvalidInputError as refused:
        return _ask(request, now_ms, challenge, 422, refused.errors["code"][0])
    except RateLimitedError as limited:
        return _ask(request, now_ms, challenge, 429, limited.message)
    except UnauthorizedError:
        error = "That took too long. Sign in again."
        return _form(request, now_ms, "sign_in.html", 401, error=error, message="")


def typed_code(request: PageRequest) -> str:
    """Return the code in a form, without the spaces with which apps show it."""
    return "".join(request.form.get("code", "").split())


def _go_on(request: PageRequest, now_ms: int, step: sign_in.SignInStep) -> PageResponse:
    if isinstance(step, sign_in.NewPassword | sign_in.CodeNeeded):
        return _ask(request, now_ms, step)
    _, value = sessions.start(step, tokens.verify, now_ms)
    # With 307, the browser sends the kept fields again. The page shows its form with them.
    status = 307 if carried(request.form.items(multi=True)) else 303
    led = redirect(request.root + next_page(request.form.get("next")), status)
    return led.with_cookie(SESSION_COOKIE, value, SESSION_LIFETIME_MS // 1000)


def _ask(
    request: PageRequest,
    now_ms: int,
    challenge: sign_in.NewPassword | sign_in.CodeNeeded,
    status: int = 200,
    error: str = "",
) -> PageResponse:
    """Show the form for what is missing: a new password, or a code."""
    needs_code = isinstance(challenge, sign_in.CodeNeeded)
    return _form(
        request,
        now_ms,
        "sign_in_code.html" if needs_code else "new_password.html",
        status,
        username=challenge.username,
        session=challenge.session,
        error=error,
    )


@open_get("forgot-password")
def forgot(request: PageRequest, now_ms: int) -> PageResponse:
    """Show the form that sends a code by e-mail."""
    return _form(request, now_ms, "forgot_password.html")


@open_post("forgot-password")
def mail_code(request: PageRequest, now_ms: int) -> PageResponse:
    """Send the code. The response is the same whether or not the account exists."""
    if not _email(request):
        error = "Enter your e-mail address."
        return _form(request, now_ms, "forgot_password.html", 422, error=error)
    try:
        sign_in_limits.take_mail(request.address, _email(request), now_ms)
        sign_in.send_code(_email(request))
    except RateLimitedError as limited:
        return _form(request, now_ms, "forgot_password.html", 429, error=limited.message)
    return _form(request, now_ms, "reset_password.html")


@open_post("reset-password")
def reset(request: PageRequest, now_ms: int) -> PageResponse:
    """Set a new password with the code. All sessions of the account end."""
    form, code = request.form, request.form.get("code", "").strip()
    try:
        if not _email(request) or not code:
            raise InvalidInputError({"code": ["Enter the code from the e-mail."]})
        sign_in_limits.take_code(request.address, _email(request), now_ms)
        sessions.reset_password(_email(request), form.get("password", ""), code, now_ms)
    except HTTPError as refused:
        return _form(request, now_ms, "reset_password.html", refused.status, error=refused.message)
    return redirect(f"{request.root}sign-in?said=changed")


@open_get("renew")
def renew(request: PageRequest, now_ms: int) -> PageResponse:
    """Ask Cognito whether the account is still valid, then return to the requested page."""
    sessions.renew(request.cookies.get(SESSION_COOKIE, ""), tokens.verify, now_ms)
    return redirect(request.root + next_page(request.args.get("next")))


def _email(request: PageRequest) -> str:
    return request.form.get("email", "").strip().lower()
