"""Rate limits of the sign-in pages, before they call Cognito.

Cognito's own limits are shared by all users of the user pool: its requests per second, and its
mails per day (50). Without limits here, one stranger could use them up.
"""

from errata.errors import RateLimitedError
from errata.models.ids import DAY_MS
from errata.models.organization import address_block
from errata.store.members import user_hash
from errata.usecases import rate_limit

_UNITS = ((3600, "hour"), (60, "minute"), (1, "second"))

# Attempts per minute to sign in or choose a first password, as many to use a mailed code, and as
# many to come back from an identity provider.
ATTEMPTS_PER_BLOCK = 20
ATTEMPTS_PER_EMAIL = 5
# Mails per day with a code for a forgotten password.
MAILS_PER_BLOCK = 10
MAILS_PER_EMAIL = 5


def take_sign_in(address: str, email: str, now_ms: int) -> None:
    """Count one attempt to sign in with a password.

    `email` is in lower case. The result does not depend on whether it has an account.

    Raises:
        RateLimitedError: the address block or the e-mail address has reached its limit. The message
            says when to try again.
    """
    _take("sign-in", address, email, (ATTEMPTS_PER_BLOCK, ATTEMPTS_PER_EMAIL), now_ms, 60_000)


def take_code(address: str, email: str, now_ms: int) -> None:
    """Count one attempt to use a mailed code. Arguments and errors are as for `take_sign_in`."""
    _take("code", address, email, (ATTEMPTS_PER_BLOCK, ATTEMPTS_PER_EMAIL), now_ms, 60_000)


def take_mail(address: str, email: str, now_ms: int) -> None:
    """Count one mail with a code. Arguments and errors are as for `take_sign_in`."""
    _take("mail", address, email, (MAILS_PER_BLOCK, MAILS_PER_EMAIL), now_ms, DAY_MS)


def take_provider_code(address: str, now_ms: int) -> None:
    """Count one code of an identity provider that Cognito is asked to exchange.

    Only the address block has a limit: the e-mail address is not known yet. Errors are as for
    `take_sign_in`.
    """
    _take("provider", address, None, (ATTEMPTS_PER_BLOCK,), now_ms, 60_000)


def _take(
    kind: str,
    address: str,
    email: str | None,
    limits: tuple[int, ...],
    now_ms: int,
    window_ms: int,
) -> None:
    # The block comes first: its refused requests must not use up the limit of an e-mail address.
    buckets = [f"{kind}#ip#{address_block(address)}"]
    if email is not None:
        buckets.append(f"{kind}#user#{user_hash(email)}")
    for bucket, limit in zip(buckets, limits, strict=True):
        try:
            rate_limit.take(bucket, limit, now_ms, window_ms)
        except RateLimitedError as limited:
            raise RateLimitedError(
                limited.retry_after,
                f"Too many attempts. Try again in {_duration(limited.retry_after)}.",
            ) from limited


def _duration(seconds: int) -> str:
    """Return a duration in one unit, rounded up: `2 hours`."""
    size, unit = next(each for each in _UNITS if seconds >= each[0])
    number = -(-seconds // size)
    return f"{number} {unit}{'s' if number > 1 else ''}"
