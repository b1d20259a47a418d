"""Names with values within a text: query strings, forms, JSON, and objects as languages print them.

`token=abc`, `"token": "abc"`, `'token' => 'abc'`, and a header on its own line, `X-Api-Key: abc`.
"""

import re
from collections.abc import Callable

from errata.scrubbing import FILTERED
from errata.scrubbing.names import Kind, kind

# A value stays if it is a placeholder of a template, or has nothing to hide.
_HARMLESS = re.compile(
    r"%[sdrv]|%\(\w{1,40}\)s|\?|\$\d{1,3}|:\w{1,40}|\$?\{[\w.]{0,40}\}|null|nil|none|undefined|true"
    r"|false|\*+|\[Filtered\]?|%5BFiltered%5D",
    re.IGNORECASE,
)
# The name has at most 100 characters, and begins where no other one can. What follows is not part
# of the match: the value of a harmless name may itself have names with secrets.
_ASSIGNED = re.compile(r"(?<![\w.\[\]%-])([\w.\[\]%-]{1,100}+)=(?![=>])")
# Within a text that is itself quoted, each quote has backslashes before it.
_QUOTED = re.compile(
    r"""(\\{0,3})(["'])([\w.\[\]$-]{1,100}+)\1\2\s{0,10}(?::|=>)\s{0,10}(?=[^\s:])"""
)
_HEADER = re.compile(
    r"(?ima)^[ \t>*]{0,8}([a-z][a-z0-9]*+(?:-[a-z0-9]++){1,8}|authorization|cookie)"
    r":[ \t]{1,8}(?=\S)"
)
# The end of a value without quotes: in a query, a form or a connection string, and in an object.
_WORD = re.compile(r"""(?:[^\s&;"'<>\\]|\\(?!["']))+""")
_BARE = re.compile(r"""[^\s,}\])"'\\]+""")
_LINE = re.compile(r"[^\r\n]+")
_BRACKETS = {"[": "]", "{": "}"}
_SECRET = (Kind.SECRET, Kind.COUNTABLE, Kind.COOKIES)

# Returns where the value behind a match begins and ends.
type Value = Callable[[str, re.Match[str]], tuple[int, int]]


def without_pairs(text: str, kind_of: Callable[[str], Kind] = kind) -> str:
    """Return a text without the values whose names say that they are secrets."""
    if "=" in text:
        text = _without(text, _ASSIGNED, 1, _assigned, kind_of)
    if ": " in text:
        text = _without(text, _HEADER, 1, _of_header, kind_of)
    if '":' in text or "':" in text or '" :' in text or "=>" in text:
        text = _without(text, _QUOTED, 3, _quoted, kind_of)
    return text


def _without(
    text: str, names: re.Pattern[str], group: int, value: Value, kind_of: Callable[[str], Kind]
) -> str:
    """Filter the values of secret names, which are in a group of each match of `names`."""
    parts, end = [], 0
    for found in names.finditer(text):
        its_kind = kind_of(found[group])
        if its_kind not in _SECRET or found.start() < end:
            continue
        start, stop = value(text, found)
        sent = text[start:stop]
        countable = its_kind is Kind.COUNTABLE and sent.isdigit()
        if sent and not countable and not _HARMLESS.fullmatch(sent):
            parts += [text[end:start], FILTERED]
            end = stop
    return "".join([*parts, text[end:]]) if parts else text


def _assigned(text: str, found: re.Match[str]) -> tuple[int, int]:
    start = found.end()
    quote = text[start : start + 1]
    if quote and quote in "\"'":
        return start + 1, _end_of_quoted(text, start + 1, quote)
    # What a sentence or a call may have behind it.
    return start, start + len(text[start : _end_of(_WORD, text, start)].rstrip(",)"))


def _of_header(text: str, found: re.Match[str]) -> tuple[int, int]:
    return found.end(), _end_of(_LINE, text, found.end())


def _quoted(text: str, found: re.Match[str]) -> tuple[int, int]:
    start, slashes = found.end(), found[1]
    first = text[start]
    if closing := _BRACKETS.get(first):
        stop = text.find(closing, start)
        return start, len(text) if stop < 0 else stop + 1
    quote = text[start : start + len(slashes) + 1]
    if quote in (f'{slashes}"', f"{slashes}'"):
        return start + len(quote), _end_of_quoted(text, start + len(quote), quote)
    return start, _end_of(_BARE, text, start)


def _end_of(value: re.Pattern[str], text: str, start: int) -> int:
    found = value.match(text, start)
    return found.end() if found else start


def _end_of_quoted(text: str, start: int, quote: str) -> int:
    """Return where a quoted text ends that begins at `start`. Its end may have been cut off."""
    at = text.find(quote, start)
    while at > start and text[at - 1] == "\\":
        at = text.find(quote, at + 1)
    return len(text) if at < 0 else at
