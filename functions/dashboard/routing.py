"""Routes: which page handles a request, and who may see it."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote

from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import BaseConverter, Map, Rule

from errata.errors import (
    ForbiddenError,
    HTTPError,
    MethodNotAllowedError,
    NotFoundError,
    StoreError,
)
from errata.models.audit import Actor
from errata.models.event import Stored
from errata.models.member import IssueRight, Role, Session, User, has_right
from errata.models.organization import Organization
from errata.models.project import Project
from errata.models.views import Views
from errata.models.visible import Visible, Watermark
from errata.usecases import audit, projects, sessions
from errata.usecases.visible import make_visible
from functions.dashboard import kept_forms, pages
from functions.dashboard.web import PageRequest, PageResponse, redirect

SESSION_COOKIE = "__Host-errata"
FORM_COOKIE = "__Host-errata-form"
# The form of an id in a path, by the name that paths use for it.
_IDS = {
    "project": r"[0-9]{1,18}",
    "organization": r"[0-9]{1,18}|default",
    "issue": r"[0-9a-f]{32}",
    # An SDK event id also matches.
    "event": r"[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
    "short_id": r"(?:[A-Za-z0-9-]{1,40}-)?[0-9]{1,10}",
    "team": r"[0-9a-f]{8}",
    # The hash of a release's name.
    "release": r"[0-9a-f]{24}",
    "monitor": r"[a-z0-9_-]{1,50}",
}
ISSUE_ID = re.compile(_IDS["issue"])
_OF_PROJECT = re.compile(f"/projects/({_IDS['project']})/")
# Ids whose rows are read together with the session. Pages read the others themselves.
_OPENED = ("project_id", "organization_id", "event_id")


@dataclass(frozen=True, slots=True)
class RequestContext:
    """Request context: the request, its session and user, and what the page is about."""

    request: PageRequest
    now_ms: int
    session: Session
    user: User
    watermark: Watermark
    project_or_none: Project | None
    organization_or_none: Organization | None
    event: Stored | None
    # Only where the route asks for them.
    own_views: Views
    shared_views: Views

    @property
    def csrf(self) -> str:
        """Return the token for the forms of this session."""
        return _form_token_of(self.session.secret)

    @property
    def project(self) -> Project:
        """Return the project that the page is about.

        Raises:
            NotFoundError: it does not exist, or the user may not see it.
        """
        if self.project_or_none is None:
            raise NotFoundError("This project does not exist, or none of your teams sees it.")
        return self.project_or_none

    @property
    def visible(self) -> Visible:
        """Return what the user may see of the project, and in which role.

        Raises:
            NotFoundError: as `project`.
        """
        access = projects.operator_access(self.project)
        return make_visible(access, self.watermark, self.now_ms).for_member(
            self.user.email, self.role
        )

    @property
    def role(self) -> Role:
        """Return the user's role in the organization of the project.

        Raises:
            NotFoundError: as `project`.
        """
        return self.user.role_in(self.project.organization)

    def may(self, right: IssueRight) -> bool:
        """Return whether the user may settle, delete or merge issues of the project."""
        return has_right(self.role, right)

    @property
    def organization(self) -> Organization:
        """Return the organization that the page is about.

        Raises:
            NotFoundError: it does not exist, or the user is not a member.
        """
        if self.organization_or_none is None:
            raise NotFoundError("This organization does not exist, or you are not a member of it.")
        return self.organization_or_none

    def must_administer(self, organization_id: str) -> None:
        """Check that the user is an owner or admin of the organization.

        Raises:
            ForbiddenError: the user is neither.
        """
        if not self.user.administers(organization_id):
            raise ForbiddenError("Only owners and admins can do this.")


class ForgedFormError(HTTPError):
    """The form's token is missing, expired, or from another site."""

    status = 403

    def __init__(self) -> None:
        super().__init__("This form is not from your session. Reload the page and send it again.")


type Open = Callable[[PageRequest, int], PageResponse]
# Returns the response to a request that needs no more than this, None for others.
type Early = Callable[[PageRequest, int], PageResponse | None]
type PageFunction = Callable[[RequestContext], PageResponse]
# What a route leads to: a page, with all that is checked before it is opened.
type Endpoint = Callable[[PageRequest, int, sessions.Verify], PageResponse]

_ROUTES = Map(
    merge_slashes=False,
    converters={
        name: type(name, (BaseConverter,), {"regex": regex}) for name, regex in _IDS.items()
    },
)


def get(
    path: str, *, unless: Early | None = None, with_views: bool = False
) -> Callable[[PageFunction], PageFunction]:
    """Register a page for GET at a path such as `projects/<project:project_id>/issues`.

    `unless` may return a response, or None, before the session and the rest are read. `with_views`:
    the page shows views, which are read with the session.
    """

    def endpoint(page: PageFunction) -> Endpoint:
        def respond(request: PageRequest, now_ms: int, verify: sessions.Verify) -> PageResponse:
            early = unless(request, now_ms) if unless else None
            return early or _signed_in(page, request, now_ms, verify, with_views=with_views)

        return respond

    return lambda page: _add("GET", path, page, endpoint(page))


def post(path: str, *, keeps: bool = False) -> Callable[[PageFunction], PageFunction]:
    """Register a form's handler at a path. Its token is checked before.

    `keeps`: if the session has ended, the sign-in page keeps what was typed, and the form is shown
    with it. Such a handler calls `forms.act`. Its forms must not have passwords.
    """
    return lambda page: _add("POST", path, page, partial(_signed_in, page, keeps=keeps))


def open_get(path: str) -> Callable[[Open], Open]:
    """Register a page for GET that needs no sign-in."""
    return lambda page: _add("GET", path, page, partial(_open, page))


def open_post(path: str) -> Callable[[Open], Open]:
    """Register a form's handler that needs no sign-in. Its token is checked before."""
    return lambda page: _add("POST", path, page, partial(_open, page))


def _add[P: (PageFunction, Open)](method: str, path: str, page: P, endpoint: Endpoint) -> P:
    _ROUTES.add(Rule(f"/{path}", methods=[method], endpoint=endpoint))
    return page


def respond(request: PageRequest, now_ms: int, verify: sessions.Verify) -> PageResponse:
    """Return the response of the page that the request is for.

    Raises:
        NotFoundError: there is no such page, or what it shows does not exist for the user.
        HTTPError: the page refuses the request, or does not support its method.
        sessions.SignedOutError: the user must sign in first.
        sessions.StaleSessionError: Cognito must confirm the account first.
    """
    endpoint: Endpoint
    pages.load(request.path)
    try:
        endpoint, ids = _ROUTES.bind("").match(request.path, request.method)
    except MethodNotAllowed as error:
        _read_context(request, now_ms, verify)
        # werkzeug adds HEAD to GET. API Gateway passes neither it nor others on.
        others = sorted({"GET", "POST"}.intersection(error.valid_methods or ()))
        message = f"This page supports only {' and '.join(others)}."
        raise MethodNotAllowedError(message, others) from None
    except NotFound:
        _read_context(request, now_ms, verify)
        raise NotFoundError("This page does not exist.") from None
    request.ids = dict(ids)
    return endpoint(request, now_ms, verify)


def _open(page: Open, request: PageRequest, now_ms: int, _verify: sessions.Verify) -> PageResponse:
    if request.method == "POST":
        _check(request, request.cookies.get(FORM_COOKIE, ""))
    return page(request, now_ms)


def _signed_in(
    page: PageFunction,
    request: PageRequest,
    now_ms: int,
    verify: sessions.Verify,
    *,
    keeps: bool = False,
    with_views: bool = False,
) -> PageResponse:
    wanted = {name: each for name, each in request.ids.items() if name in _OPENED}
    renewed = verify if request.method == "POST" else None
    try:
        ctx = request.context = _context(request, now_ms, wanted, renewed, with_views=with_views)
    except sessions.SignedOutError:
        if keeps and _is_our_form(request):
            kept_forms.keep(request)
        raise
    if request.method == "GET":
        return page(ctx)
    if kept_forms.carried(request.form.items(multi=True)):
        # It comes from the sign-in page, and asks for the form, not for an action.
        _check(request, request.cookies.get(FORM_COOKIE, ""))
        kept_forms.restore(request)
        return page(ctx) if keeps else redirect(f"{request.root}{request.asked}")
    _check(request, ctx.csrf)
    with audit.acting(lambda: Actor(ctx.user.email, request.address)):
        return page(ctx)


def _context(
    request: PageRequest,
    now_ms: int,
    wanted: dict[str, str],
    verify: sessions.Verify | None,
    *,
    with_views: bool = False,
) -> RequestContext:
    """Return the request context. With `verify`, an old session is renewed at once.

    Raises:
        sessions.SignedOutError: nobody is signed in.
        sessions.StaleSessionError: the session must be renewed first.
    """
    held = request.cookies.get(SESSION_COOKIE, "")
    try:
        session, user, opened = sessions.authenticate(held, now_ms, **wanted, with_views=with_views)
    except sessions.StaleSessionError:
        if verify is None:
            raise
        sessions.renew(held, verify, now_ms)
        session, user, opened = sessions.authenticate(held, now_ms, **wanted, with_views=with_views)
    return RequestContext(
        request,
        now_ms,
        session,
        user,
        opened.watermark,
        opened.project,
        opened.organization,
        opened.event,
        opened.own_views,
        opened.shared_views,
    )


def _read_context(request: PageRequest, now_ms: int, verify: sessions.Verify) -> None:
    """Read the context of a page that does not exist, with the project that its path names.

    So the error page has the navigation. Does nothing if nobody is signed in.
    """
    named = _OF_PROJECT.match(request.path)
    wanted = {"project_id": named[1]} if named else {}
    with suppress(sessions.SignedOutError, HTTPError, StoreError):
        request.context = _context(request, now_ms, wanted, verify)


def _check(request: PageRequest, expected: str) -> None:
    """Check that this browser got the form from us.

    Raises:
        ForgedFormError: it did not, or the form's token has expired.
    """
    # Most browsers send where a request comes from (Fetch Metadata). The token works in all.
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise ForgedFormError
    sent = request.form.get("csrf", "")
    if not expected or not hmac.compare_digest(sent.encode(), expected.encode()):
        raise ForgedFormError


def _is_our_form(request: PageRequest) -> bool:
    """Return whether a form comes from one of our pages, although its session has ended.

    Old browsers do not send where a form comes from. They must still have the session's cookie.
    """
    if "sec-fetch-site" in request.headers:
        return request.headers["sec-fetch-site"] == "same-origin"
    secret = request.cookies.get(SESSION_COOKIE, "").partition(".")[2]
    try:
        _check(request, _form_token_of(secret) if secret else "")
    except HTTPError:
        return False
    return True


def back_to(request: PageRequest) -> str:
    """Return the query that leads back to this page after sign-in; empty if it has no page."""
    pages.load(request.path)
    if request.path == "/" or not _ROUTES.bind("").test(request.path, "GET"):
        return ""
    return f"?next={quote(request.asked, safe='')}"


def _form_token_of(secret: str) -> str:
    return hmac.digest(secret.encode(), b"csrf", "sha256").hex()


def form_token(request: PageRequest) -> str:
    """Return the token for a form without a session. The browser must keep it as a cookie."""
    return request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(24)


def etag(content: bytes) -> str:
    """Return a short name for a file's content."""
    return hashlib.sha256(content).hexdigest()[:12]
