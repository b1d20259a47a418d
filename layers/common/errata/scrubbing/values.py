"""Secrets that are recognised by their form.

Each rule has a pattern that is searched in the whole event (`errata.scrubbing.search`). Few events
have a match. Only then the values are read, with a regular expression. No expression takes more
than linear time, whatever a client sends: each can begin only where a word begins, or reads a
bounded number of characters.
"""

import base64
import binascii
import re
from collections.abc import Callable
from typing import NamedTuple

from errata.scrubbing import FILTERED, compiled
from errata.scrubbing.numbers import (
    CARD_IN_JSON,
    IBAN_IN_JSON,
    is_card,
    without_cards,
    without_ibans,
)

# Returns a text without the secrets in it.
type Clean = Callable[[str], str]

_START = "(?<![A-Za-z0-9])"


def _always(_content: bytes) -> bool:
    return True


class ValueRule(NamedTuple):
    """A rule for values.

    Attributes:
        pattern: what the rule may replace, in an event's JSON, for RE2. It may match more.
        clean: replaces it.
        may_match: looks at the JSON once more, if the pattern also matches much else.
    """

    name: str
    pattern: str
    clean: Clean
    may_match: Callable[[bytes], bool] = _always


def _all_of(expression: str, literal: str) -> Clean:
    """Return a function that replaces each match. `literal` is in every match.

    An expression is compiled on first use: most processes need none, and must start quickly.
    """
    return lambda text: compiled(expression).sub(FILTERED, text) if literal in text else text


def _token(name: str, prefix: str, rest: str, before: str = "") -> ValueRule:
    """Return the rule of a token with the fixed beginning `prefix`, as one service issues them."""
    token = f"{before}{re.escape(prefix)}{rest}"
    # RE2 has no possessive quantifiers, and needs none.
    pattern = token.replace("++", "+").replace("}+", "}")
    return ValueRule(name, pattern, _all_of(f"{_START}{token}", prefix))


# ------------------------------------------------------------------ rules with code of their own

# User names and passwords end at a slash, so that no character is read twice.
_URL = r"""://([^\s/?#:@"'<>\\]{0,256}):([^\s/?#"'<>\\]+)@"""
# JSON may escape slashes, and all characters that are not ASCII.
_URL_IN_JSON = r""":(?:\\?/){2}(?:[^\s/?#:@"'<>\\]|\\[bfnrtu])*:(?:[^\s/?#"'<>\\]|\\[bfnrtu])+@"""


def _url_passwords(text: str) -> str:
    if "://" not in text or "@" not in text:
        return text
    return compiled(_URL).sub(lambda found: f"://{found[1]}:{FILTERED}@", text)


_BEARER = r"(?ia)(?<![a-z0-9])(bearer[ \t]{1,4})([A-Z0-9._~+/=-]{8,}+)"
_BASIC = r"(?ia)(?<![a-z0-9])(basic[ \t]{1,4})([A-Z0-9+/_-]{6,}+=*)"
_AUTHORIZATION = r"(?i)(?:bearer|basic)(?: |\\t)+[A-Z0-9._~+/=\\-]{6}"
# English words, as in "Bearer authentication", have no digits, and are shorter than this.
_LONG = 24


def _authorization(text: str) -> str:
    lower = text.lower()
    if "bearer" not in lower and "basic" not in lower:
        return text
    return compiled(_BASIC).sub(_basic, compiled(_BEARER).sub(_bearer, text))


def _bearer(found: re.Match[str]) -> str:
    is_token = len(found[2]) >= _LONG or any(each.isdigit() for each in found[2])
    return found[1] + FILTERED if is_token else found[0]


def _basic(found: re.Match[str]) -> str:
    """Filter Base64 with a colon in it: RFC 7617, "The 'Basic' Authentication Scheme", 2."""
    sent = found[2].rstrip("=").replace("-", "+").replace("_", "/")
    try:
        has_password = b":" in base64.b64decode(sent + "=" * (-len(sent) % 4))
    except binascii.Error:
        has_password = False
    return found[1] + FILTERED if has_password else found[0]


# Up to the end of the text if there is no end of the key: an SDK may have cut it off.
_PEM = (
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----"
    r"[\s\S]*?(?:-----END [A-Z0-9 ]{0,60}-----|\Z)"
)
_AWS = rf"{_START}A[KS]IA[A-Z0-9]{{16}}(?![A-Za-z0-9])"


_RUNS = re.compile(rb"[0-9]{13,}")
_WITH_EXPONENT = re.compile(rb"[2-6]\.[0-9]{8,18}[eE]")
# Beyond these, an event is searched for cards in any case.
_MAX_RUNS, _MAX_RUN = 50, 40


def _may_have_card(content: bytes) -> bool:
    """Return whether a card may be among the digits of an event, ignoring spaces and hyphens."""
    runs = _RUNS.findall(content.translate(None, b" -"))
    return (
        len(runs) > _MAX_RUNS
        or any(_has_card(run.decode()) for run in runs)
        or _WITH_EXPONENT.search(content) is not None
    )


def _has_card(run: str) -> bool:
    return len(run) > _MAX_RUN or any(
        is_card(run[start : start + length])
        for start in range(len(run) - 12)
        for length in range(13, 20)
    )


_ID = "[A-Za-z0-9]"
_ID_ = "[A-Za-z0-9_-]"
RULES = (
    ValueRule("payment-card", CARD_IN_JSON, without_cards, _may_have_card),
    ValueRule("iban", IBAN_IN_JSON, without_ibans),
    ValueRule(
        "private-key",
        "-----BEGIN [A-Z0-9 ]*PRIVATE KEY",
        lambda text: compiled(_PEM).sub(FILTERED, text),
    ),
    ValueRule("url-password", _URL_IN_JSON, _url_passwords),
    ValueRule("authorization", _AUTHORIZATION, _authorization),
    _token("jwt", "eyJ", rf"{_ID_}{{6,}}+\.{_ID_}{{8,}}+(?:\.{_ID_}++){{0,3}}"),
    ValueRule(
        "aws-key",
        "A[KS]IA[A-Z0-9]{16}",
        lambda text: compiled(_AWS).sub(FILTERED, text),
    ),
    ValueRule(
        "github-token",
        f"gh[pousr]_{_ID}{{20}}",
        _all_of(rf"{_START}gh[pousr]_{_ID}{{20,}}+", "gh"),
    ),
    _token("github-token", "github_pat_", r"[A-Za-z0-9_]{20,}+"),
    _token("gitlab-token", "glpat-", rf"{_ID_}{{20,}}+(?:\.{_ID_}++){{0,3}}"),
    _token("slack-token", "xox", r"[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{10,}+"),
    _token("slack-token", "xapp-", r"[A-Za-z0-9-]{10,}+"),
    ValueRule(
        "slack-webhook",
        r"hooks\.slack\.com\\?/[a-z]",
        _all_of(r"(?<=hooks\.slack\.com/)[a-z]{1,20}/[A-Za-z0-9/_]{20,}+", "hooks.slack.com/"),
    ),
    _token("stripe-key", "k_live_", rf"{_ID}{{16,}}+", before="[sr]"),
    _token("stripe-key", "k_test_", rf"{_ID}{{16,}}+", before="[sr]"),
    ValueRule(
        "webhook-secret",
        r"whsec_(?:\\?[A-Za-z0-9+/=_-]){16}",  # JSON may escape slashes
        _all_of(rf"{_START}whsec_[A-Za-z0-9+/=_-]{{16,}}+", "whsec_"),
    ),
    _token("google-key", "AIza", rf"{_ID_}{{35,}}+"),
    _token("google-key", "GOCSPX-", rf"{_ID_}{{20,}}+"),
    _token("google-key", "ya29.", rf"{_ID_}{{20,}}+"),
    _token("npm-token", "npm_", rf"{_ID}{{36,}}+"),
    _token("pypi-token", "pypi-AgE", rf"{_ID_}{{20,}}+"),
    _token("sendgrid-key", "SG.", rf"{_ID_}{{16,}}+\.{_ID_}{{16,}}+"),
    _token("openai-key", "sk-proj-", rf"{_ID_}{{20,}}+"),
    _token("anthropic-key", "sk-ant-", rf"{_ID_}{{20,}}+"),
    _token("shopify-token", "shpat_", r"[a-fA-F0-9]{32,}+"),
    _token("digitalocean-token", "dop_v1_", r"[a-f0-9]{64,}+"),
    _token("vault-token", "hvs.", rf"{_ID_}{{20,}}+"),
)
