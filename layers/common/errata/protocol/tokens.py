"""The text of a token: Sentry's form, from which `sentry-cli` reads the URL and the organization.

`sntrys_` + base64 of `{"iat", "url", "region_url", "org"}` + `_` + 32 random bytes in base64
without padding. Source: Sentry, RFC 0091 "CI upload tokens".
"""

import base64
import json
import re

PREFIX = "sntrys_"
RANDOM_BYTES = 32
# Base64 has no `_`, so the parts cannot be mistaken.
_FORM = re.compile(r"sntrys_[A-Za-z0-9+/=]{1,2000}_[A-Za-z0-9+/]{43}")
_BEARER = re.compile(r"Bearer +(\S+) *", re.IGNORECASE)


def make_token(organization: str, web_url: str, now_s: int, random: bytes) -> str:
    """Return the text of a token. `web_url` is the web API's base URL, `random` has 32 bytes."""
    assert len(random) == RANDOM_BYTES
    url = web_url.rstrip("/")
    claims = {"iat": now_s, "url": url, "region_url": url, "org": organization}
    content = base64.b64encode(json.dumps(claims, separators=(",", ":")).encode()).decode()
    return f"{PREFIX}{content}_{base64.b64encode(random).decode().rstrip('=')}"


def is_token(text: str) -> bool:
    """Return whether a text has the form of a token. No API key and no public key has it."""
    return _FORM.fullmatch(text) is not None


def from_header(authorization: str) -> str:
    """Return the text after `Bearer` (RFC 6750, 2.1), "" if the header is another."""
    found = _BEARER.fullmatch(authorization)
    return found[1] if found else ""
