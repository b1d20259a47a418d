"""Sign in, stay signed in, sign out. What a browser holds is opaque and opens nothing by itself.

Tokens come from Cognito by our own call, over TLS; a caller verifies the identity token before it
goes on, and again whenever one is fetched anew.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from errata.errors import ErrataError, UnauthorizedError
from errata.models.member import User
from errata.models.organization import DEFAULT_ORGANIZATION
from errata.store import members, sign_in
from errata.store import sessions as store
from errata.store.members import user_hash
from errata.store.sessions import OpenedPage, Session
from errata.store.sign_in import Tokens
from errata.usecases import organizations

LIFETIME_MS = 7 * 24 * 3600 * 1000  # as long as the template lets a refresh token live
_SEPARATOR = "."


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified identity token says. `expires_at` is in milliseconds since the epoch.

    `client` is the app client that it was made for, `nonce` what its sign-in began with, if that
    went by a provider.
    """

    email: str
    expires_at: int
    client: str = ""
    nonce: str = ""


type Verify = Callable[[str], Claims]


class SignedOutError(ErrataError):
    """Nobody is signed in: no cookie, or one of a session that has ended."""


class StaleSessionError(ErrataError):
    """Cognito vouched for the account an hour ago, and has to again."""


def start(tokens: Tokens, verify: Verify, now_ms: int) -> tuple[Session, str]:
    """A new session, and what the cookie is to hold.

    Raises:
        UnauthorizedError: the token is not one of our pool.
    """
    claims = verify(tokens.id)
    session = Session(
        secret=secrets.token_urlsafe(32),
        email=claims.email,
        client=claims.client,
        refresh_token=tokens.refresh,
        fresh_until=claims.expires_at,
        expires_at=now_ms + LIFETIME_MS,
    )
    store.save(session)
    return session, user_hash(session.email) + _SEPARATOR + session.secret


def visit(
    cookie: str,
    now_ms: int,
    project_id: str = "",
    organization_id: str = "",
    event_id: str = "",
) -> tuple[Session, User, OpenedPage]:
    """Who holds this cookie, and what their page is about; what is not theirs is not there.

    Raises:
        SignedOutError: nobody, or nobody any more.
        StaleSessionError: the session is to be renewed first.
    """
    session, opened = _open(cookie, now_ms, project_id, organization_id, event_id)
    if session.fresh_until <= now_ms:
        raise StaleSessionError
    viewer = opened.user or User(session.email)
    if opened.project and not viewer.sees(opened.project):
        opened = replace(opened, project=None, event=None)
    if organization_id == DEFAULT_ORGANIZATION and opened.organization is None:
        opened = replace(opened, organization=organizations.DEFAULT)
    if opened.organization and opened.organization.id not in viewer.memberships:
        opened = replace(opened, organization=None)
    return session, viewer, opened


def _open(cookie: str, now_ms: int, *about: str) -> tuple[Session, OpenedPage]:
    user, _, secret = cookie.partition(_SEPARATOR)
    if not (user and secret):
        raise SignedOutError
    opened = store.open_page(secret, user, *about)
    session = opened.session
    if session is None or session.expires_at <= now_ms or user_hash(session.email) != user:
        raise SignedOutError
    begun = session.expires_at - LIFETIME_MS
    if opened.user and begun < opened.user.signed_out_at:
        raise SignedOutError
    return session, opened


def renew(cookie: str, verify: Verify, now_ms: int) -> None:
    """Ask Cognito to vouch for a session's account once more.

    Raises:
        SignedOutError: it does not, and the session has ended; or there is none.
        UnavailableError: it cannot be asked now; the session stays as it is.
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
    # Somebody may have signed out in another window while Cognito was asked.
    if not store.renew(replace(session, refresh_token=token, fresh_until=claims.expires_at)):
        raise SignedOutError


def end(session: Session) -> None:
    """Sign out: the session and the tokens that it came with are worth nothing any more."""
    store.remove(session.secret)
    sign_in.revoke(session.refresh_token, session.client)


def reset_password(email: str, password: str, mailed_code: str, now_ms: int) -> None:
    """Set a new password with the code that was mailed, and end every session of the account.

    Whoever forgot it may have lost more than that.

    Raises:
        HTTPError: as `errata.store.sign_in.set_password`.
    """
    sign_in.set_password(email, password, mailed_code)
    members.sign_out(email, now_ms)
