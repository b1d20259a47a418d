"""Verify Cognito's identity tokens.

Source: "Verifying JSON web tokens", Amazon Cognito.
"""

from functools import cache
from typing import TYPE_CHECKING, Any

from errata.config import settings
from errata.errors import UnauthorizedError, UnavailableError
from errata.store import clients
from errata.store.sign_in import provider_client
from errata.usecases.sessions import Claims

if TYPE_CHECKING:
    import jwt

KEYS_KEPT_S = 3600
_LEEWAY_S = 60


def verify(token: str) -> Claims:
    """Return the claims of a valid identity token of our user pool.

    The token is signed by the pool, for one of our clients, and has not expired.

    Raises:
        UnauthorizedError: it is not such a token, or the account's address is not verified.
        UnavailableError: the pool's keys cannot be fetched now.
    """
    import jwt  # with cryptography it takes long, and only sign-ins and renewals need it

    try:
        key = _keys(_issuer_keys()).get_signing_key_from_jwt(token).key
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=["RS256"],
            audience=_clients(),
            issuer=_issuer(),
            leeway=_LEEWAY_S,
            options={"require": ["exp", "iat", "aud", "iss", "sub", "token_use", "email"]},
        )
    except jwt.PyJWKClientConnectionError as error:
        # The token may still be valid.
        raise UnavailableError from error
    except jwt.PyJWTError as error:
        raise UnauthorizedError("Sign in again.") from error
    kind = claims["token_use"]
    if kind != "id" or not (claims.get("email_verified") is True or _vouched_for(claims)):
        raise UnauthorizedError("This account's e-mail address is not verified.")
    nonce = str(claims.get("nonce", ""))
    return Claims(claims["email"].lower(), int(claims["exp"]) * 1000, claims["aud"], nonce)


def _clients() -> list[str]:
    ours = [settings().user_pool_client_id]
    return [*ours, provider_client()] if settings().sign_in_domain else ours


def _vouched_for(claims: dict[str, Any]) -> bool:
    """Return whether a configured provider has confirmed the address."""
    identities = claims.get("identities")
    named = {each.get("providerName") for each in identities or [] if isinstance(each, dict)}
    return bool(named & set(settings().identity_providers))


def _issuer() -> str:
    region = clients.cognito_idp().meta.region_name
    return f"https://cognito-idp.{region}.amazonaws.com/{settings().user_pool_id}"


def _issuer_keys() -> str:
    # Host of the pool's API. On AWS this is the issuer's host.
    endpoint = clients.cognito_idp().meta.endpoint_url
    return f"{endpoint.rstrip('/')}/{settings().user_pool_id}/.well-known/jwks.json"


@cache
def _keys(url: str) -> "jwt.PyJWKClient":
    import jwt

    return jwt.PyJWKClient(url, cache_jwk_set=True, lifespan=KEYS_KEPT_S, timeout=5)
