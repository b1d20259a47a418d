"""Secrets that are recognised by their form.

Each rule has marks: texts of which every match has one. Searching for a mark is far cheaper than
the regular expression. No expression takes more than linear time, whatever a client sends: each can
begin only where a word begins, or reads a bounded number of characters.
"""

import base64
import binascii
import re
from collections.abc import Callable
from typing import NamedTuple

from errata.scrubbing import FILTERED, compiled
from errata.scrubbing.numbers import is_card, without_cards, without_ibans

# What a value is cleaned with: a text in, the same text without secrets out.
type Clean = Callable[[str], str]


class Rule(NamedTuple):
    """A rule for values. `may_match` gets the event's JSON, and the same with `shape` applied."""

    name: str
    may_match: Callable[[bytes, bytes], bool]
    clean: Clean


# Capital letters → A, digits → 0, everything else → x. Spaces and dashes are removed, because cards
# and IBANs are written with and without them.
_SHAPES = bytes(
    ord("0") if 48 <= code <= 57 else ord("A") if 65 <= code <= 90 else ord("x")
    for code in range(256)
)
_MIN_CARD = b"0" * 13
_RUNS = re.compile(rb"[0-9]{13,}")
_IBAN = re.compile(rb"AA00[A0]{11}")


# The end of a token's mark, searched by its last character. One search takes less time than one for
# each of the marks. A new mark needs its place here.
_MARKS = (
    re.compile(
        rb"_(?:(?<=gh[pousr]_)|(?<=_pat_)|(?<=k_live_|k_test_)|(?<=whsec_|shpat_)|(?<=npm_)|(?<=dop_v1_))"
    ),
    re.compile(
        rb"-(?:(?<=glpat-)|(?<=xox[a-z]-)|(?<=xapp-)|(?<=GOCSPX-)|(?<=pypi-)|(?<=sk-proj-)|(?<=sk-ant-))"
    ),
    re.compile(rb"\.(?:(?<=SG\.)|(?<=ya29\.)|(?<=hvs\.)|(?<=slack\.)com)"),
    re.compile(rb"J(?<=eyJ)"),
    re.compile(rb"I(?:(?<=AI)za|(?<=A[KS]I)A)"),
)


def active(content: bytes) -> list[Rule]:
    """Return the rules that may match something in an event's JSON."""
    shape = content.translate(_SHAPES, b" -")
    rules = [rule for rule in _RULES if rule.may_match(content, shape)]
    if any(marks.search(content) for marks in _MARKS):
        rules += [rule for rule in _TOKENS if rule.may_match(content, shape)]
    return rules


def _marked(*marks: str) -> Callable[[bytes, bytes], bool]:
    encoded = [mark.encode() for mark in marks]
    if len(encoded) == 1:
        (mark,) = encoded
        return lambda content, _shape: mark in content
    return lambda content, _shape: any(mark in content for mark in encoded)


def _found(expression: bytes) -> Callable[[bytes, bytes], bool]:
    """Return a test by an expression that begins with a fixed text, which is searched quickly."""
    search = re.compile(expression).search
    return lambda content, _shape: search(content) is not None


def _all_of(expression: str, mark: str) -> Clean:
    """Return a function that replaces each match. `mark` is in every match.

    An expression is compiled on first use: most processes need none, and must start quickly.
    """
    return lambda text: compiled(expression).sub(FILTERED, text) if mark in text else text


def _token(name: str, mark: str, rest: str, before: str = "") -> Rule:
    """Return the rule of a token with the fixed beginning `mark`, as one service issues them."""
    expression = rf"(?<![A-Za-z0-9]){before}{re.escape(mark)}{rest}"
    return Rule(name, _marked(mark), _all_of(expression, mark))


# ------------------------------------------------------------------ rules with code of their own

# User names and passwords end at a slash, so that no character is read twice.
_URL = r"""://([^\s/?#:@"'<>\\]{0,256}):([^\s/?#"'<>\\]+)@"""
_URL_IN_JSON = re.compile(rb"""://[^\s/?#:@"'<>\\]{0,1024}:[^\s/?#"'<>\\]+@""")


def _url_passwords(text: str) -> str:
    if "://" not in text or "@" not in text:
        return text
    return compiled(_URL).sub(lambda found: f"://{found[1]}:{FILTERED}@", text)


_BEARER = r"(?i)(?<![a-z0-9])(bearer[ \t]{1,4})([A-Z0-9._~+/=-]{8,}+)"
_BASIC = r"(?i)(?<![a-z0-9])(basic[ \t]{1,4})([A-Z0-9+/_-]{6,}+=*)"
# English words, as in "Bearer authentication", have no digits, and are shorter than this.
_LONG = 24


def _authorization(text: str) -> str:
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
_AWS = r"(?<![A-Za-z0-9])A[KS]IA[A-Z0-9]{16}(?![A-Za-z0-9])"


# Beyond these, an event is searched for cards in any case.
_MAX_RUNS, _MAX_RUN = 50, 40


def _may_have_card(content: bytes, shape: bytes) -> bool:
    """Return whether digits in a row, whatever separates them, have a card among them."""
    if _MIN_CARD not in shape:
        return False
    runs = _RUNS.findall(content.translate(None, b" -"))
    return len(runs) > _MAX_RUNS or any(_has_card(run.decode()) for run in runs)


def _has_card(run: str) -> bool:
    return len(run) > _MAX_RUN or any(
        is_card(run[start : start + length])
        for start in range(len(run) - 12)
        for length in range(13, 20)
    )


def _may_have_authorization(content: bytes, _shape: bytes) -> bool:
    lower = content.lower()
    return b"bearer " in lower or b"basic " in lower


_ID = "[A-Za-z0-9]"
_ID_ = "[A-Za-z0-9_-]"
_RULES = (
    Rule("payment-card", _may_have_card, without_cards),
    Rule("iban", lambda _content, shape: _IBAN.search(shape) is not None, without_ibans),
    Rule("private-key", _marked("-----BEGIN "), lambda text: compiled(_PEM).sub(FILTERED, text)),
    Rule(
        "url-password",
        lambda content, _shape: _URL_IN_JSON.search(content) is not None,
        _url_passwords,
    ),
    Rule("authorization", _may_have_authorization, _authorization),
)
_TOKENS = (
    _token("jwt", "eyJ", rf"{_ID_}{{6,}}+\.{_ID_}{{8,}}+(?:\.{_ID_}++){{0,3}}"),
    Rule(
        "aws-key",
        _found(rb"A[KS]IA[A-Z0-9]{16}"),
        lambda text: compiled(_AWS).sub(FILTERED, text),
    ),
    Rule(
        "github-token",
        _found(rb"gh[pousr]_[A-Za-z0-9]{20}"),
        _all_of(rf"(?<![A-Za-z0-9])gh[pousr]_{_ID}{{20,}}+", "gh"),
    ),
    _token("github-token", "github_pat_", r"[A-Za-z0-9_]{20,}+"),
    _token("gitlab-token", "glpat-", rf"{_ID_}{{20,}}+(?:\.{_ID_}++){{0,3}}"),
    _token("slack-token", "xox", r"[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{10,}+"),
    _token("slack-token", "xapp-", r"[A-Za-z0-9-]{10,}+"),
    Rule(
        "slack-webhook",
        _marked("hooks.slack.com/"),
        _all_of(r"(?<=hooks\.slack\.com/)[a-z]{1,20}/[A-Za-z0-9/_]{20,}+", "hooks.slack.com/"),
    ),
    _token("stripe-key", "k_live_", rf"{_ID}{{16,}}+", before="[sr]"),
    _token("stripe-key", "k_test_", rf"{_ID}{{16,}}+", before="[sr]"),
    _token("webhook-secret", "whsec_", r"[A-Za-z0-9+/=_-]{16,}+"),
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
