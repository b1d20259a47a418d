"""Create, list, revoke and check the tokens of the web API (docs/decisions/0063-tokens.md).

A token is looked up with its member and its organization, and cached for 30 seconds. So a token
that was revoked, or whose member was removed, has no access within 30 seconds.
"""

import secrets
from contextlib import suppress
from dataclasses import dataclass, replace

from errata.caches import TTLCache
from errata.errors import (
    AddressForbiddenError,
    InvalidInputError,
    NotFoundError,
    StoreError,
    UnauthorizedError,
)
from errata.models.ids import DAY_MS, now_ms
from errata.models.organization import Network, allows, networks
from errata.models.token import TOKEN_LIMIT, TOKEN_SCOPES, Bearer, Token, TokenScope
from errata.protocol import tokens as protocol
from errata.store import tokens as store
from errata.usecases import audit, organizations, rate_limit
from errata.usecases.access import hash_key
from errata.usecases.members import find_user
from errata.usecases.projects import check_texts

# The most tokens of an organization itself, and of each of its members.
MAX_TOKENS = 50
MAX_DAYS = 3650
# The time of the last use of a token is stored again if the stored one is older than this.
_USE_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Urls:
    """What a token says about its deployment: base URLs of the web API, and of the API."""

    web: str
    api: str


@dataclass(frozen=True, slots=True)
class _CachedToken:
    bearer: Bearer | None
    allowlist: tuple[Network, ...] = ()


_tokens = TTLCache[_CachedToken](max_entries=10_000)


def create(
    organization_id: str,
    scope: TokenScope,
    name: str,
    urls: Urls,
    created_by: str,
    member: str = "",
    days: int | None = None,
) -> tuple[Token, str]:
    """Create a token. Return its record and its text, which nobody can read again.

    `member`: the member it stands for, "" for the organization itself. `days`: how long it is
    valid, None for as long as nobody revokes it.

    Raises:
        InvalidInputError: the scope, the name or the days are invalid, or there are too many.
        NotFoundError: there is no such organization, or they are not a member of it.
    """
    _check(scope, name, days)
    organizations.find(organization_id)
    if member and organization_id not in find_user(member).memberships:
        raise NotFoundError(f"{member} is not a member of organization {organization_id}.")
    if len(store.list_tokens(organization_id, member)) >= MAX_TOKENS:
        raise InvalidInputError({"tokens": [f"{MAX_TOKENS} tokens at most. Revoke one first."]})
    at_ms = now_ms()
    text = protocol.make_token(
        organization_id, urls.web, at_ms // 1000, secrets.token_bytes(protocol.RANDOM_BYTES)
    )
    token = Token(
        hash=hash_key(text),
        organization=organization_id,
        name=name,
        scope=scope,
        created_at=at_ms,
        created_by=created_by,
        member=member,
        expires_at=None if days is None else at_ms + days * DAY_MS,
        api_url=urls.api,
    )
    details = f"name {name}, scope {scope}, id {token.id}" + (member and f", member {member}")
    with audit.recording("token created", details, organization_id):
        store.add_token(token)
    return token, text


def list_tokens(organization_id: str, member: str | None = None) -> list[Token]:
    """Return an organization's tokens, oldest first.

    `member`: only those of this member, or those of the organization itself (""); None: all. A
    token that was just created may be missing.

    Raises:
        NotFoundError: there is no such organization.
    """
    organizations.find(organization_id)
    return store.list_tokens(organization_id, member)


def revoke(organization_id: str, token_id: str, member: str | None = None) -> Token:
    """Revoke a token permanently. Takes effect within 30 seconds.

    `member`: refuse to revoke a token of anybody else.

    Raises:
        NotFoundError: there is no such token.
    """
    for token in list_tokens(organization_id, member):
        if token.id == token_id:
            details = f"name {token.name}, id {token.id}"
            with audit.recording("token revoked", details, organization_id):
                store.remove_token(token.hash)
            return token
    raise NotFoundError(
        f"Organization {organization_id} has no token {token_id}."
        f" See `errata tokens list --org {organization_id}`."
    )


def authenticate(text: str, address: str, at_ms: int) -> Bearer:
    """Return who sends a request with this token, and count the request.

    Raises:
        AddressForbiddenError: the address is not on the organization's allowlist.
        RateLimitedError: too many requests with this token, or without one from this address.
        UnauthorizedError: the token is unknown or has expired, or its member was removed.
    """
    if not protocol.is_token(text):
        raise _not_valid()  # an API key, for example; costs no call
    token_hash = hash_key(text)
    known = _tokens.get(token_hash, at_ms, lambda: _look_up(token_hash))
    bearer = known.bearer
    if bearer is None or bearer.token.expired(at_ms):
        rate_limit.take_for_address(address, at_ms)
        raise _not_valid()
    if not allows(known.allowlist, address):
        raise AddressForbiddenError
    limit = TOKEN_LIMIT
    rate_limit.take(f"token#{bearer.token.id}", limit.per_minute, at_ms, burst=limit.burst)
    if at_ms - bearer.token.used_at >= _USE_MS:
        with suppress(StoreError):  # not worth a failed request
            store.mark_used(bearer.token, at_ms)
        used = replace(bearer, token=replace(bearer.token, used_at=at_ms))
        _tokens.replace(token_hash, known, replace(known, bearer=used))
    return bearer


def _look_up(token_hash: str) -> _CachedToken:
    token = store.find_token(token_hash)
    if token is None:
        return _CachedToken(None)
    user, organization = store.find_bearer(token)
    if token.member and (user is None or token.organization not in user.memberships):
        return _CachedToken(None)
    allowlist = networks(organization.allowlist) if organization else ()
    return _CachedToken(Bearer(token, user), allowlist)


def clear_cache() -> None:
    """Drop the cached tokens."""
    _tokens.clear()


def _not_valid() -> UnauthorizedError:
    return UnauthorizedError("The token is missing or not valid. It may be revoked or expired.")


def _check(scope: TokenScope, name: str, days: int | None) -> None:
    check_texts(name=name)
    if scope not in TOKEN_SCOPES:
        raise InvalidInputError(
            {"scope": [f"There is no scope {scope!r}. Choose from: {', '.join(TOKEN_SCOPES)}."]}
        )
    if days is not None and not 1 <= days <= MAX_DAYS:
        raise InvalidInputError({"expires": [f"A token is valid for 1 to {MAX_DAYS} days."]})
