"""Create signatures like Stripe's (docs.stripe.com/webhooks#verify-manually)."""

import hashlib
import hmac


def stripe_signature(text: str, secret: str, at_s: int) -> str:
    """Return the `Stripe-Signature` header of a body that is sent at `at_s`, in seconds."""
    mac = hmac.new(secret.encode(), f"{at_s}.{text}".encode(), hashlib.sha256)
    return f"t={at_s},v1={mac.hexdigest()}"
