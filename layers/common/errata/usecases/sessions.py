"""Start, renew and end sessions. A browser's cookie is opaque. It is not a token of Cognito.

Tokens come from Cognito through our own call, over TLS. The identity token is verified before a
session starts, and again each time that a new one is fetched.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from errata.errors import ErrataError, UnauthorizedError
from errata.models.member import Session, User
from errata.models.organization import DEFAULT_ORGANIZATION
from errata.models.times import SESSION_LIFETIME_MS
from errata.models.views import Views
from errata.store import members, sign_in
from errata.store import sessions as store
from errata.store.members import user_hash
from errata.store.sessions import OpenedPage
from errata.store.sign_in import Tokens
from errata.usecases import organizations

_SEPARATOR = "."


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of a verified identity token. `expires_at` is in milliseconds since the epoch.

    `client` is the app client that the token was issued for. `nonce` is the value with which the
    sign-in was started, if it used a provider.
    """

    email: str
    expires_at: int
    client: str = ""
    nonce: str = ""


type Verify = Callable[[str], Claims]


class SignedOutError(ErrataError):
    """Nobody is signed in: there is no cookie, or its session has ended."""


class StaleSessionError(ErrataError):
    """The identity token has expired. Renew the session first."""


def start(tokens: Tokens, verify: Verify, now_ms: int) -> tuple[Session, str]:
    """Start a session. Return it and the value for the cookie.

    Raises:
        UnauthorizedError: the token is not from our user pool.
    """
    claims = verify(tokens.id)
    session = Session(
        secret=secrets.token_urlsafe(32),
        email=claims.email,
        client=claims.client,
        refresh_token=tokens.refresh,
        fresh_until=claims.expires_at,
        expires_at=now_ms + SESSION_LIFETIME_MS,
    )
    store.save(session)
    return session, user_hash(session.email) + _SEPARATOR + session.secret


def authenticate(
    cookie: str,
    now_ms: int,
    project_id: str = "",
    organization_id: str = "",
    event_id: str = "",
    *,
    with_views: bool = False,
) -> tuple[Session, User, OpenedPage]:
    """Return the session and the user of a cookie, and the rows that the page needs.

    Leaves out a project, event or organization that the user may not see.

    Raises:
        SignedOutError: nobody is signed in, or the session has ended.
        StaleSessionError: the session must be renewed first.
    """
    about = (project_id, organization_id, event_id)
    session, opened = _open(cookie, now_ms, *about, with_views=with_views)
    if session.fresh_until <= now_ms:
        raise StaleSessionError
    viewer = opened.user or User(session.email)
    if opened.project and not viewer.sees(opened.project):
        opened = replace(opened, project=None, event=None, shared_views=Views())
    if organization_id == DEFAULT_ORGANIZATION and opened.organization is None:
        opened = replace(opened, organization=organizations.DEFAULT)
    if opened.organization and opened.organization.id not in viewer.memberships:
        opened = replace(opened, organization=None)
    return session, viewer, opened


def split_cookie(cookie: str) -> tuple[str, str]:
    """Return the hash of the user and the secret in a cookie. Both are "" if one is missing."""
    user, _, secret = cookie.partition(_SEPARATOR)
    return (user, secret) if user and secret else ("", "")


def is_fresh(session: Session, user: str, now_ms: int) -> bool:
    """Return whether a session has not ended, need not be renewed, and belongs to a user's hash."""
    lasts = min(session.expires_at, session.fresh_until) > now_ms
    return lasts and user_hash(session.email) == user


def _open(
    cookie: str, now_ms: int, *about: str, with_views: bool = False
) -> tuple[Session, OpenedPage]:
    user, secret = split_cookie(cookie)
    if not secret:
        raise SignedOutError
    opened = store.open_page(secret, user, *about, with_views=with_views)
    session = opened.session
    if session is None or session.expires_at <= now_ms or user_hash(session.email) != user:
        raise SignedOutError
    begun = session.expires_at - SESSION_LIFETIME_MS
    if opened.user and begun < opened.user.signed_out_at:
        raise SignedOutError
    return session, opened


def renew(cookie: str, verify: Verify, now_ms: int) -> None:
    """Get new tokens for a session from Cognito.

    Raises:
        SignedOutError: Cognito refuses, and the session is ended; or there is no session.
        UnavailableError: Cognito is unavailable; the session is unchanged.
    """
    session, _ = _open(cookie, now_ms)
    try:
        tokens = sign_in.refresh(session.refresh_token, session.client)
        claims = verify(tokens.id)
    except UnauthorizedError as error:
        store.remove(session.secret)
        raise SignedOutError from error
    if (claims.email, claims.client) != (session.email, session.client):
        store.remove(session.secret)
        raise SignedOutError
    token = tokens.refresh or session.refresh_token
    # The user may have signed out in another window during the call to Cognito.
    if not store.renew(replace(session, refresh_token=token, fresh_until=claims.expires_at)):
        raise SignedOutError


def end(session: Session) -> None:
    """Sign out: end the session and revoke its tokens."""
    store.remove(session.secret)
    sign_in.revoke(session.refresh_token, session.client)


def change_password(
    session: Session, password: str, code: str, new_password: str, verify: Verify, now_ms: int
) -> str:
    """Replace the password of a user. End all sessions and start a new one. Return its cookie.

    Sessions end because somebody else may be using one of them.

    Raises:
        HTTPError: the password or the code is wrong, or Cognito does not accept the new password.
    """
    tokens = sign_in.again(session.email, password, code)
    sign_in.change_password(tokens.access, password, new_password)
    members.sign_out(session.email, now_ms)
    store.remove(session.secret)
    _, cookie = start(tokens, verify, now_ms)
    return cookie


def reset_password(email: str, password: str, mailed_code: str, now_ms: int) -> None:
    """Set a new password with a mailed code, and end every session of the account.

    Sessions end because somebody else may be using one of them.

    Raises:
        HTTPError: as `errata.store.sign_in.set_password`.
    """
    sign_in.set_password(email, password, mailed_code)
    members.sign_out(email, now_ms)
