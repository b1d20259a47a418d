"""Sign in with your own identity provider, OIDC or SAML, through Cognito's domain.

Source: RFC 6749, 4.1 (authorization code), RFC 7636 (PKCE), OpenID Connect Core, 3.1.2.1 (nonce);
"Authorize endpoint" and "Token issuer endpoint", Amazon Cognito.
"""

import base64
import hashlib
import hmac
import secrets
from typing import Any
from urllib.parse import urlencode

from errata.config import settings
from errata.errors import NotFoundError, UnauthorizedError
from errata.models.times import SESSION_LIFETIME_MS
from errata.store.sign_in import Tokens, provider_client
from errata.usecases import sessions, sign_in_limits
from functions.dashboard import tokens
from functions.dashboard.pages.sign_in import next_page
from functions.dashboard.routing import SESSION_COOKIE, open_get
from functions.dashboard.web import BASE, PageRequest, PageResponse, redirect

COOKIE = "__Host-errata-provider"
_NOT_BEGUN = "This sign-in has expired, or was started in another browser. Start it again."
_MINUTES_10 = 600


@open_get("with/<provider>")
def leave(request: PageRequest, _now_ms: int) -> PageResponse:
    """Redirect to the provider. A cookie keeps what the provider's response must match."""
    provider = request.ids["provider"]
    if provider not in settings().identity_providers or not settings().sign_in_domain:
        raise NotFoundError("This identity provider does not exist.")
    state, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(48)
    query = {
        "identity_provider": provider,
        "response_type": "code",
        "client_id": provider_client(),
        "redirect_uri": _callback(request),
        "scope": "openid email",
        "state": state,
        "nonce": _nonce(verifier),
        "code_challenge": _encoded(hashlib.sha256(verifier.encode()).digest()),
        "code_challenge_method": "S256",
    }
    going = _encoded(next_page(request.args.get("next")).encode())
    to = f"{settings().sign_in_domain}/oauth2/authorize?{urlencode(query)}"
    return redirect(to).with_cookie(COOKIE, f"{state}.{verifier}.{going}", _MINUTES_10)


@open_get("callback")
def come_back(request: PageRequest, now_ms: int) -> PageResponse:
    """Complete a sign-in: exchange the provider's code for tokens and start a session.

    Raises:
        UnauthorizedError: the sign-in was not started in this browser, or the provider refused it.
        RateLimitedError: the address block has reached its limit. Anybody can make up the cookie.
        NotFoundError: this deployment has no identity providers.
    """
    if not settings().sign_in_domain:
        raise NotFoundError("This deployment has no identity providers.")
    state, _, rest = request.cookies.get(COOKIE, "").partition(".")
    verifier, _, going = rest.partition(".")
    sent = request.args.get("state", "")
    if not (state and verifier and hmac.compare_digest(sent.encode(), state.encode())):
        raise UnauthorizedError(_NOT_BEGUN)
    if "code" not in request.args:
        raise UnauthorizedError("Your identity provider refused the sign-in.")

    def verify(token: str) -> sessions.Claims:
        claims = tokens.verify(token)
        if not hmac.compare_digest(claims.nonce.encode(), _nonce(verifier).encode()):
            raise UnauthorizedError(_NOT_BEGUN)
        return claims

    sign_in_limits.take_provider_code(request.address, now_ms)
    given = _exchange(request, verifier)
    _, value = sessions.start(given, verify, now_ms)
    signed_in = redirect(
        request.root + next_page(base64.urlsafe_b64decode(f"{going}==").decode())
    ).with_cookie(SESSION_COOKIE, value, SESSION_LIFETIME_MS // 1000)
    return signed_in.with_cookie(COOKIE, "", 0)


def _exchange(request: PageRequest, verifier: str) -> Tokens:
    fields = {
        "grant_type": "authorization_code",
        "client_id": provider_client(),
        "code": request.args["code"],
        "redirect_uri": _callback(request),
        "code_verifier": verifier,
    }
    url = f"{settings().sign_in_domain}/oauth2/token"
    import urllib3  # nothing else here needs it

    http = urllib3.PoolManager(timeout=5, retries=False)
    try:
        response = http.request_encode_body("POST", url, fields=fields, encode_multipart=False)
        content: dict[str, Any] = response.json()
        return Tokens(content["id_token"], content["refresh_token"])
    except (urllib3.exceptions.HTTPError, ValueError, KeyError) as error:
        raise UnauthorizedError("The code has been used or has expired. Sign in again.") from error


def _callback(request: PageRequest) -> str:
    return f"{request.api_url}{BASE}/callback"


def _nonce(verifier: str) -> str:
    return hashlib.sha256(f"nonce {verifier}".encode()).hexdigest()


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
