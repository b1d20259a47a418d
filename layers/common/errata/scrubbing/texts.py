"""Names with values within a text: query strings, forms, JSON, and objects as languages print them.

`token=abc`, `"token": "abc"`, `'token' => 'abc'`, a header on its own line, `X-Api-Key: abc`, and
so on: each expression below has examples. Every one takes linear time.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from errata.scrubbing import FILTERED
from errata.scrubbing.names import Kind, kind

# A value stays if it is a placeholder of a template, or has nothing to hide.
_HARMLESS = re.compile(
    r"%[sdrv]|%\(\w{1,40}\)s|\?|\$\d{1,3}|:\w{1,40}|\$?\{[\w.]{0,40}\}|null|nil|none|undefined|true"
    r"|false|\*+|\[Filtered\]?|%5BFiltered%5D",
    re.IGNORECASE,
)
# `token=abc`, `Token = abc`, `` `token` = 'abc' `` as in SQL. The name has at most 100 characters,
# and begins where no other one can. What follows is not part of the match: the value of a harmless
# name may itself have names with secrets.
_ASSIGNED = re.compile(
    r"""(?<![\w.\[\]%-])([\w.\[\]%-]{1,100}+)(?:\\{0,7}["'`])?[ \t]?=(?![=>~])[ \t]?"""
)
# `"token": "abc"`, `'token' => 'abc'`. Within a text that is itself quoted, each quote has
# backslashes before it.
_QUOTED = re.compile(
    r"""(\\{0,7})(["'])([\w.\[\]$-]{1,100}+)\1\2\s{0,10}(?::|=>)\s{0,10}(?=[^\s:])"""
)
# `{ token: 'abc' }`, `{:token => "abc"}`: JavaScript, Ruby, Rust, Elixir, Dart. The value has
# quotes, and the name has the start of an object or another value before it.
_KEYWORD = re.compile(
    r"""[{(,]\s{0,40}:?([A-Za-z_][\w$-]{0,99}+)(?::|\s?=>)\s{0,4}(?=\\{0,7}["'`])"""
)
# `{User:ada Token:abc}`: Go.
_EXPORTED = re.compile(r"""(?<=[{ ])([A-Z]\w{0,99}+):(?=[^\s:"'])""")
# `[token] => abc`, `["token"]=> string(3) "abc"`: PHP.
_PRINTED = re.compile(
    r"""\[(["']?)([\w.-]{1,100}+)\1\]\s?=>\s{0,40}(?:string\(\d{1,7}\) )?(?=\S)"""
)
# `(b'token', b'abc')`: a pair in Python.
_TUPLE = re.compile(r"""\([bu]?(\\{0,7}["'])([\w.-]{1,100}+)\1,\s?[bu]?(?=\\{0,7}["'])""")
# `<token>abc</token>`
_ELEMENT = re.compile(r"<([\w.:-]{1,100}+)>(?=[^\s<>])")
# `token%3Dabc`, `%22token%22%3A%22abc%22`: a query or JSON within a query.
_ENCODED = re.compile(
    r"(?i)(?<=%[0-9a-f]{2})([a-z0-9_.-]{1,100}+)(?:%3D|%22(?:%20|\+)?%3A(?:%20|\+)?(?:%22)?)"
)
_HEADER = re.compile(
    r"(?ima)^[ \t>*]{0,8}([a-z][a-z0-9]*+(?:-[a-z0-9]++){1,8}|authorization|cookie)"
    r":[ \t]{1,8}(?=\S)"
)
# `token: abc` on its own line, as in YAML. The value is one word: others are mostly sentences.
_LINE_PAIR = re.compile(r"(?m)^[ \t-]{0,40}+([A-Za-z_][\w.]{0,99}+):[ \t]{1,8}+(?=\S++[ \t\r]*$)")
# The end of a value without quotes: in a query, a form or a connection string, and in an object.
_WORD = re.compile(r"""(?:[^\s&;"'<>\\]|\\(?!["']))+""")
_BARE = re.compile(r"""[^\s,}\])"'\\]+""")
_OF_QUERY = re.compile(r"""(?i)(?:[^\s&;"'<>\\%]|%(?!2[236]|3B)[0-9a-f]{2})+""")
_NO_SPACE = re.compile(r"\S+")
_LINE = re.compile(r"[^\r\n]+")
# A quote, with the backslashes before it, or a bracket.
_DELIMITER = re.compile(r"""(\\*)(["'])|[\[{]|[\]}]""")
_OPENING = re.compile(r"""(\\{0,7})(["'`])""")
# A colon after a name. Does not match the colons of URLs and times.
_COLON = re.compile(r""":(?:(?<=["' ]:)|(?=[ \t"'`\\]))""")
_SECRET = (Kind.SECRET, Kind.COUNTABLE, Kind.COOKIES)

# The placeholders `%s`, `%-5.2f`, `%(name)r` (docs.python.org, "printf-style String Formatting").
_PLACEHOLDER = re.compile(r"%%|%(?:\((\w+)\))?[#0 +-]{0,5}\d*(?:\.\d*)?[a-zA-Z]")
# Stands for a parameter: from the private use area, so that it is in no text.
_MARKER = re.compile("\ue000(\\d+)\ue001")
_MAX_PARAMETERS = 100

# Returns where the value behind a match begins and ends.
type FindValue = Callable[[str, re.Match[str]], tuple[int, int]]


def may_have_pairs(text: str) -> bool:
    """Return whether a text may have names with values. False is certain."""
    return (
        "=" in text
        or (":" in text and ("{" in text or _COLON.search(text) is not None))
        or "%3" in text
        or "</" in text
        or "'," in text
        or '",' in text
    )


def without_pairs(text: str, kind_of: Callable[[str], Kind] = kind) -> str:
    """Return a text without the values whose names say that they are secrets."""
    if "=" in text:
        text = _without(text, _ASSIGNED, 1, _assigned, kind_of)
    if ":" in text:
        text = _without(text, _HEADER, 1, _of_line, kind_of)
        text = _without(text, _LINE_PAIR, 1, _of_no_space, kind_of)
        text = _without(text, _EXPORTED, 1, _bare, kind_of)
    if '":' in text or "':" in text or "=>" in text or '" :' in text or "' :" in text:
        text = _without(text, _QUOTED, 3, _quoted, kind_of)
    if ":" in text or "=>" in text:
        text = _without(text, _KEYWORD, 1, _quoted, kind_of)
    if "]" in text and "=>" in text:
        text = _without(text, _PRINTED, 2, _printed, kind_of)
    if "'," in text or '",' in text:
        text = _without(text, _TUPLE, 2, _of_tuple, kind_of)
    if "</" in text:
        text = _without(text, _ELEMENT, 1, _of_element, kind_of)
    if "%3" in text:
        text = _without(text, _ENCODED, 1, _of_query, kind_of)
    return text


def secret_parameters(
    template: str, params: Sequence[Any] | Mapping[str, Any], kind_of: Callable[[str], Kind] = kind
) -> list[Any]:
    """Return the names or numbers of the parameters that a template calls secrets: `token=%s`.

    Looks at the first `_MAX_PARAMETERS` placeholders.
    """
    marked: list[Any] = []
    count = iter(range(len(params)))

    def marker(found: re.Match[str]) -> str:
        if found[0] == "%%":
            return found[0]
        name = found[1] if isinstance(params, Mapping) else next(count, None)
        if name is None or (isinstance(params, Mapping) and name not in params):
            return found[0]
        marked.append(name)
        return f"\ue000{len(marked) - 1}\ue001"

    text = _PLACEHOLDER.sub(marker, template, count=_MAX_PARAMETERS)

    def replaced(kinds: Callable[[str], Kind]) -> set[int]:
        left = {int(found[1]) for found in _MARKER.finditer(without_pairs(text, kinds))}
        return {number for number in range(len(marked)) if number not in left}

    secrets = replaced(kind_of)
    if any(isinstance(params[marked[number]], int | float) for number in secrets):
        # A parameter that only counts something, such as tokens, is no secret.
        others = replaced(lambda name: _uncounted(kind_of(name)))
        secrets = {n for n in secrets if n in others or isinstance(params[marked[n]], str)}
    return list(dict.fromkeys(marked[number] for number in sorted(secrets)))


def _uncounted(found: Kind) -> Kind:
    return Kind.PLAIN if found is Kind.COUNTABLE else found


def _without(
    text: str, names: re.Pattern[str], group: int, value: FindValue, kind_of: Callable[[str], Kind]
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
    if within := _within_quotes(text, start):
        return within
    # A comma or bracket behind the value belongs to a sentence or a call.
    return start, start + len(text[start : _end_of(_WORD, text, start)].rstrip(",)"))


def _of_line(text: str, found: re.Match[str]) -> tuple[int, int]:
    return found.end(), _end_of(_LINE, text, found.end())


def _of_no_space(text: str, found: re.Match[str]) -> tuple[int, int]:
    return _within_quotes(text, found.end()) or (
        found.end(),
        _end_of(_NO_SPACE, text, found.end()),
    )


def _of_query(text: str, found: re.Match[str]) -> tuple[int, int]:
    return found.end(), _end_of(_OF_QUERY, text, found.end())


def _bare(text: str, found: re.Match[str]) -> tuple[int, int]:
    return found.end(), _end_of(_BARE, text, found.end())


def _quoted(text: str, found: re.Match[str]) -> tuple[int, int]:
    start = found.end()
    if text[start] in "[{":
        return start, _end_of_brackets(text, start)
    return _within_quotes(text, start) or _bare(text, found)


def _printed(text: str, found: re.Match[str]) -> tuple[int, int]:
    return _within_quotes(text, found.end()) or _of_line(text, found)


def _of_tuple(text: str, found: re.Match[str]) -> tuple[int, int]:
    """Return the value if it is the last one: three texts are no name with a value."""
    start, end = _within_quotes(text, found.end()) or (0, 0)
    after = text[end : end + 9].lstrip("\\")[1:]
    return (start, end) if not after or after[0] == ")" else (start, start)


def _of_element(text: str, found: re.Match[str]) -> tuple[int, int]:
    end = text.find("<", found.end())
    return found.end(), end if text.startswith("</", end) else found.end()


def _within_quotes(text: str, start: int) -> tuple[int, int] | None:
    """Return where the text within quotes begins and ends, None if there is no quote."""
    quote = _OPENING.match(text, start)
    return (quote.end(), _end_of_quoted(text, quote.end(), quote[0])) if quote else None


def _end_of(value: re.Pattern[str], text: str, start: int) -> int:
    found = value.match(text, start)
    return found.end() if found else start


def _end_of_quoted(text: str, start: int, quote: str) -> int:
    """Return where a quoted text ends that begins at `start`. Its end may have been cut off."""
    at = text.find(quote, start)
    while at > start and text[at - 1] == "\\":
        at = text.find(quote, at + 1)
    return len(text) if at < 0 else at


def _end_of_brackets(text: str, start: int) -> int:
    """Return where an array or object ends, with all that is in it. It may have been cut off."""
    depth, within = 0, ""
    for delimiter in _DELIMITER.finditer(text, start):
        found = delimiter[0]
        if delimiter[2]:
            # More backslashes escape a quote within quotes.
            if not within:
                within = found
            elif found == within:
                within = ""
        elif not within:
            depth += 1 if found in "[{" else -1
            if not depth:
                return delimiter.end()
    return len(text)
