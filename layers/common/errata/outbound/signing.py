"""Sign outbound webhooks with both schemes of spec/ingest-api ("Outbound webhooks").

Source of the second scheme: Standard Webhooks 1.0.0, "Signature scheme" and "Secret rotation".
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

PREFIX = "whsec_"
_SECRET_BYTES = 32


def new_secret() -> str:
    """Return a new secret: `whsec_` and the Base64 of 32 bytes from a cryptographic source."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def headers(
    message_id: str, at_s: int, body: bytes, signing_secrets: Sequence[str]
) -> dict[str, str]:
    """Return the headers that sign `body`, for an attempt at `at_s` (seconds since the epoch).

    `signing_secrets` are the secrets as shown to the user, the current one first. After a rotation,
    former secrets also sign. `X-Pulse-Signature` has only the signature of the current secret.
    """
    signed = b"%s.%d.%s" % (message_id.encode(), at_s, body)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": " ".join(_standard(secret, signed) for secret in signing_secrets),
        "X-Pulse-Signature": "sha256=" + _hmac(signing_secrets[0].encode(), body).hexdigest(),
    }


def _standard(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return "v1," + base64.b64encode(_hmac(key, signed).digest()).decode()


def _hmac(key: bytes, message: bytes) -> hmac.HMAC:
    return hmac.new(key, message, hashlib.sha256)
