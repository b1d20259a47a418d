"""Decides by a name whether its value is a secret.

A name is split into words: `authToken`, `auth-token` and `AUTH_TOKEN` are `auth` and `token`. Whole
words count: the value of `author` or `tokenizer` is no secret.
"""

import re
from enum import Enum
from functools import lru_cache
from itertools import pairwise

# Only the beginning of a longer name counts, so that the cache keeps no long names from clients.
MAX_NAME = 128
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
# A percent-encoded character, such as the brackets of a form's `user%5Bpassword%5D`.
_ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")
_WORDS = (
    "password passwd pwd passphrase passcode secret token auth authorization oauth credential"
    " credentials apikey accesskey secretkey otp totp privatekey sessionid sessid"
    " csrf xsrf jwt cvv cvc ssn cardnumber"
)
_SECRETS = frozenset(_WORDS.split())
# Every name that is not plain matches this. Most names do not.
_HINT = re.compile(
    r"pass|pwd|secret|token|auth|credential|key|otp|sess|srf|jwt|cv[vc]|ssn|factor|sid"
    r"|cookie|agent|number",
    re.IGNORECASE,
)
# If the value of such a name is a number, it counts something, and is no secret.
_COUNTABLE = frozenset(("pass", "passwords", "secrets", "tokens"))
_COOKIES = frozenset(("cookie", "cookies"))
# Words that people write together with another one: `dbpassword`, `csrfmiddlewaretoken`.
_BEGINNINGS = ("password", "passwd")
_ENDINGS = ("password", "passwd", "passphrase", "secret", "token", "apikey", "sessionid", "sessid")
_COUPLES = frozenset(
    [
        *(("api", "key"), ("private", "key"), ("access", "key"), ("account", "key")),
        *(("encryption", "key"), ("signing", "key"), ("master", "key"), ("shared", "key")),
        *(("two", "factor"), ("connect", "sid"), ("pass", "word"), ("pass", "phrase")),
        *(("pass", "code"), ("card", "number"), ("session", "id")),
    ]
)
# A name that ends like this says something about a secret: `token_type`, `session_count`.
_ASPECTS = (
    "age algorithm at class count duration enabled endpoint expired expires expiration expiry in"
    " length"
    " file filename issuer limit method name options path provider rate required size status"
    " timeout ttl type uri url version"
)
_ABOUT = frozenset(_ASPECTS.split())
# In cookies, these words and beginnings of names are enough: `laravel_session`, `__Host-sid`.
_COOKIE_WORDS = frozenset(("session", "sess", "sid"))
_COOKIE_BEGINNINGS = (
    *("session", "csrf", "xsrf", "phpsessid", "symfony", "_vercel_jwt", ".aspnetcore."),
    *("wordpress_logged_in", "wordpress_sec"),
)


class Kind(Enum):
    """What a name says about its value."""

    PLAIN = 0
    SECRET = 1
    COUNTABLE = 2  # a secret, unless it is a number
    COOKIES = 3
    USER_AGENT = 4  # its text may look like a secret, and is none


def words_of(name: str) -> list[str]:
    """Return the words of a name in lower case."""
    return [word.lower() for word in _WORD.findall(_ENCODED.sub(" ", name))]


@lru_cache(4_096)
def kind(name: str) -> Kind:
    """Return what a name says about its value. The name has at most `MAX_NAME` characters."""
    if not _HINT.search(name):
        return Kind.PLAIN
    words = words_of(name)
    if not words or words[-1] in _ABOUT:
        return Kind.PLAIN
    if not _COOKIES.isdisjoint(words):
        return Kind.COOKIES
    if not _SECRETS.isdisjoint(words) or any(
        word.startswith(_BEGINNINGS) or word.endswith(_ENDINGS) for word in words
    ):
        return Kind.COUNTABLE if words[-1] in _COUNTABLE else Kind.SECRET
    couples = set(pairwise(words))
    if not _COUPLES.isdisjoint(couples):
        return Kind.SECRET
    if not _COUNTABLE.isdisjoint(words):
        return Kind.COUNTABLE
    if ("user", "agent") in couples or words == ["useragent"]:
        return Kind.USER_AGENT
    return Kind.PLAIN


def is_cookie_secret(name: str) -> bool:
    """Return whether the value of a cookie with this name is a secret."""
    is_secret = kind(name[:MAX_NAME]) in (Kind.SECRET, Kind.COUNTABLE)
    return (
        is_secret
        or name.lower().startswith(_COOKIE_BEGINNINGS)
        or not _COOKIE_WORDS.isdisjoint(words_of(name[:MAX_NAME]))
    )
