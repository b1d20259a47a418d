"""Routes: which page handles a request, and who may see it."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from errata.errors import ForbiddenError, HTTPError, NotFoundError
from errata.models.event import Stored
from errata.models.member import User
from errata.models.organization import Organization
from errata.models.project import Project
from errata.models.visible import Visible, Watermark
from errata.store.sessions import Session
from errata.usecases import projects, sessions
from errata.usecases.visible import make_visible
from functions.dashboard.web import Request, Response, cookie

SESSION_COOKIE = "__Host-errata"
FORM_COOKIE = "__Host-errata-form"
_IDS = {
    "project_id": r"[0-9]{1,18}",
    "organization_id": r"[0-9]{1,18}|default",
    "issue_id": r"[0-9a-f]{32}",
    "event_id": r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    "team_id": r"[0-9a-f]{8}",
}
# Ids whose rows are read together with the session. Pages read the others themselves.
_OPENED = ("project_id", "organization_id", "event_id")


@dataclass(frozen=True, slots=True)
class RequestContext:
    """Request context: the request, its session and user, and what the page is about."""

    request: Request
    now_ms: int
    session: Session
    user: User
    watermark: Watermark
    project_or_none: Project | None
    organization_or_none: Organization | None
    event: Stored | None
    ids: dict[str, str]

    @property
    def csrf(self) -> str:
        """Return the token for the forms of this session."""
        return hmac.digest(self.session.secret.encode(), b"csrf", "sha256").hex()

    @property
    def project(self) -> Project:
        """Return the project that the page is about.

        Raises:
            NotFoundError: it does not exist, or the user must not see it.
        """
        if self.project_or_none is None:
            raise NotFoundError("This project does not exist, or none of your teams sees it.")
        return self.project_or_none

    @property
    def visible(self) -> Visible:
        """Return what the user may see of the project.

        Raises:
            NotFoundError: as `project`.
        """
        access = projects.operator_access(self.project)
        return make_visible(access, self.watermark, self.now_ms)

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


class MethodNotAllowedError(HTTPError):
    """The page does not support this method."""

    status = 405


class ForgedFormError(HTTPError):
    """The form's token is missing, expired, or from another site."""

    status = 403

    def __init__(self) -> None:
        super().__init__("This form is not from your session. Reload the page and send it again.")


type Open = Callable[[Request, int], Response]
type Page = Callable[[RequestContext], Response]


@dataclass(frozen=True, slots=True)
class Route:
    """A page. `open` pages need no sign-in."""

    pattern: re.Pattern[str]
    page: Page | Open
    open: bool


_ROUTES: dict[str, list[Route]] = {"GET": [], "POST": []}


def get(path: str) -> Callable[[Page], Page]:
    """Register a page for GET at a path such as `projects/{project_id}/issues`."""
    return lambda page: _add("GET", path, page, False)


def post(path: str) -> Callable[[Page], Page]:
    """Register a form's handler at a path. The form's token is checked before the handler runs."""
    return lambda page: _add("POST", path, page, False)


def open_get(path: str) -> Callable[[Open], Open]:
    """Register a page for GET that needs no sign-in."""
    return lambda page: _add("GET", path, page, True)


def open_post(path: str) -> Callable[[Open], Open]:
    """Register a form's handler that needs no sign-in. The form's token is checked first."""
    return lambda page: _add("POST", path, page, True)


def _add[P: (Page, Open)](method: str, path: str, page: P, is_open: bool) -> P:
    pattern = re.sub(r"\{(\w+)\}", lambda m: f"(?P<{m[1]}>{_IDS.get(m[1], '[^/]+')})", path)
    _ROUTES[method].append(Route(re.compile(pattern), page, is_open))
    return page


def respond(request: Request, now_ms: int, verify: sessions.Verify) -> Response:
    """Return the response of the page that the request is for.

    Raises:
        NotFoundError, HTTPError: there is no such page, or it refuses the request.
        sessions.SignedOutError: the user must sign in first.
        sessions.StaleSessionError: Cognito must confirm the account first.
    """
    for route in _ROUTES.get(request.method, []):
        if found := route.pattern.fullmatch(request.path):
            if route.open:
                if request.method == "POST":
                    _check(request, request.cookies.get(FORM_COOKIE, ""))
                # Registered as open, so the page is an `Open`. mypy cannot see that.
                return route.page(request, now_ms)  # type: ignore[call-arg, arg-type]
            return _signed_in(route, request, found.groupdict(), now_ms, verify)
    others = [method for method, routes in _ROUTES.items() if _matches(routes, request.path)]
    if others:
        raise MethodNotAllowedError(f"This page supports only {' and '.join(others)}.")
    raise NotFoundError("This page does not exist.")


def _signed_in(
    route: Route, request: Request, ids: dict[str, str], now_ms: int, verify: sessions.Verify
) -> Response:
    held = request.cookies.get(SESSION_COOKIE, "")
    wanted = {name: each for name, each in ids.items() if name in _OPENED}
    try:
        session, user, opened = sessions.authenticate(held, now_ms, **wanted)
    except sessions.StaleSessionError:
        if request.method == "GET":
            raise
        sessions.renew(held, verify, now_ms)
        session, user, opened = sessions.authenticate(held, now_ms, **wanted)
    ctx = RequestContext(
        request,
        now_ms,
        session,
        user,
        opened.watermark,
        opened.project,
        opened.organization,
        opened.event,
        ids,
    )
    if request.method == "POST":
        _check(request, ctx.csrf)
    # Not registered as open, so the page is a `Page`. mypy cannot see that.
    return route.page(ctx)  # type: ignore[call-arg, arg-type]


def _check(request: Request, expected: str) -> None:
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


def _matches(routes: list[Route], path: str) -> bool:
    return any(route.pattern.fullmatch(path) for route in routes)


def form_token(request: Request) -> tuple[str, tuple[str, ...]]:
    """Return the token for a form without a session, and the cookie that goes with it."""
    known = request.cookies.get(FORM_COOKIE, "")
    if known:
        return known, ()
    made = secrets.token_urlsafe(24)
    return made, (cookie(FORM_COOKIE, made, 24 * 3600),)


def etag(content: bytes) -> str:
    """Return a short name for a file's content."""
    return hashlib.sha256(content).hexdigest()[:12]
