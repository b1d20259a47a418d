"""Replaces the variable parts of a message by placeholders. Frozen with v2.

Variable parts are numbers, ids, addresses, times and quoted values. The text is cut first, and one
pattern then replaces all of them in one pass.
"""

import json
import re
from functools import cache

from errata.models.event import Event

_MAX_TEXT = 1_000
# The text is cut to this length before its parts are replaced, because placeholders are shorter.
_MAX_READ = 2 * _MAX_TEXT

_QUOTED = r"""(?:
    (?:(?<!\w)[bu])?(?<!\\)"[^"\\]*+(?:\\.[^"\\]*+)*+" | \\"[^"\\]*+\\" | `[^`]*+`
  | “[^“”]*+” | „[^„“”]*+[“”] | «[^«»]*+» | \u2018[^\u2018\u2019]*+\u2019
    # 'it's so': an apostrophe ends nothing
  | (?<![\w\\])[bu]?'[^'\\]*+(?:(?:\\.|(?<=\w)(?<!\b[bu])'(?=\w))[^'\\]*+)*+'(?!\w)
)"""
_UNIT = r"(?i:[kmgt]i?b|[kmgtbhd]|[nuµμm]?s|secs?|mins?|hrs?|px|st|nd|rd|th|%)(?![A-Za-z])"
_NUMBER = rf"(?:(?<!\w)[-+\u2212])?\d++(?:[.,'_\u00a0\u202f]\d++)*+(?:[eE][-+]?\d++)?+(?:{_UNIT})?+"
_CLOCK = r"\d\d?:\d\d:\d\d(?:[.,]\d++)?+"
_ZONE = r"(?:\ ?(?:Z|UTC|GMT|[-+]\d\d:?\d\d)\b)?+"

# Numbers that say what happened: `status code 404`, `exit code 137`, `[Errno 2]`, `SQLSTATE 23505`.
_CODE = r"""(?:
    (?<![A-Za-z])(?i:(?:status(?:_?code)?|code(?=[:=]))
        | (?:(?<=status\ )|(?<=exit\ )|(?<=error\ )|(?<=response\ ))code
        | errno | http | sqlstate | signal | error(?=\ \#|\ \d{3,4}\b))
    ["']?\ ?[:=\#(\[]?\ ?["']?-?(?:\d{1,5}|[0-9A-Z]{5})(?![0-9A-Za-z.:])
  | (?<![\w.-])[45]\d\d(?=:?\ [A-Z])
  | (?:(?<=\bgot\ )|(?<=\breturned\ )|(?<=\breceived\ )|(?<=\bwith\ ))[45]\d\d(?!\ ?[\w.,:%-])
)"""
_KINDS = r"""relation|table|column|constraint|index|module|named|property|attribute|reading|setting
  |field|function|method|class|template|view|package|argument|parameter|variable|command"""
# Names in quotes that say what happened: `relation "users"`, `No module named 'yaml'`. And the text
# of a log line: `msg="payment refused"`.
_NAMED = rf"""(?<![A-Za-z])(?:
    (?i:{_KINDS}|(?:(?<=for\ )|(?<=array\ ))key)
    \ (?P<quote>["'`])[A-Za-z_$.@][A-Za-z_$.@\\:/-]*+(?P=quote)
  | (?:msg|message|event|error|err)="(?:[^"\\]|\\.)*+"
)"""
_HOME = r"""(?<![\w.-])(?:
    [A-Za-z]:\\{1,2}Users\\{1,2}[^/\\\n"'<>:]{1,60}+(?=\\)
  | (?:(?:/mnt/[a-z]|/var|/export)?(?:/home/|/Users/)|[A-Za-z]:\\{1,2}Users\\{1,2})[^/\\\s"'<>:]++
)"""
_JWT = r"(?<![\w-])eyJ[\w-]{5,}+\.[\w-]{5,}+(?:\.[\w-]*+)?+"
_BASE64 = r"""(?<![\w+/=-])(?!/)(?=[A-Za-z0-9+/_-]{14})(?:[A-Za-z0-9+/_-]++={1,2}(?![\w=])
  | (?=[A-Za-z0-9+/_-]{40})(?=[a-z0-9+/_-]*+[A-Z])(?=[A-Z0-9+/_-]*+[a-z])(?=(?:[A-Za-z+/_-]*+\d){3})
    [A-Za-z0-9+/_-]++)"""

# Words before a letter, except of a date, and words before anything else, except those of codes and
# names. Nothing in them is variable, and most of a text is such words: to read them at once saves
# most of the time.
_WORDS = rf"""(?<![^\ ])(?:
    (?!(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b)[A-Za-z]++[,:;.]?\ (?=[A-Za-z])
  | (?!(?:code|errno|error|http|signal|sqlstate|status(?:code)?)[ :]|(?:key|{_KINDS})\ ["'`])
    [a-z]++[,:;.]?\ (?!\s)
  | [A-Za-z_]++[.!?]?\Z
)++"""
# Skips what no alternative starts with: a single space, the inside of a word, other punctuation.
# The four letters are those that `(?i:...)` takes for an i, s or k.
_SKIP = r"""(?!
    \ (?!\s) | (?<=[A-Za-z])[A-Za-z]
  | (?<=\w)(?:['/.:+\u2212-]|[^\W\dA-Za-z\u0130\u0131\u017f\u212a])
  | [^\w\s"'`“„«\u2018\\/:.+\u2212-]
)"""

# Compiled on first use, because that takes some milliseconds and most events do not need it: they
# have exceptions. The usual alternatives come first. One that can start with a letter looks back
# first, so every text takes linear time.
_PATTERN = rf"""{_SKIP}(?:
    (?P<words>{_WORDS})
  | (?P<integer>(?<![^\ ])(?![45]\d\d\b)\d++(?=\ |\Z))
  | (?P<space>\s\s++|[^\S\ ])
  | (?P<quoted>{_QUOTED}(?:,\ ?{_QUOTED})*+)
  | (?P<code>{_CODE})
  | (?P<named>{_NAMED})
  | (?P<uuid>(?<![0-9A-Za-z])[0-9A-Fa-f]{{8}}-(?:[0-9A-Fa-f]{{4}}-){{3}}[0-9A-Fa-f]{{12}}
      (?![0-9A-Za-z]))
  | (?P<url>(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]{{1,19}}+://[^\s"'`<>]+(?<![.,;:!?)\]}}]))
  | (?P<email>(?<![\w.+-])[\w.+-]{{1,64}}+@(?:[A-Za-z0-9-]++\.)+[A-Za-z]{{2,}}+)
  | (?P<home>{_HOME}) | (?P<token>{_JWT}) | (?P<base64>{_BASE64})
  | (?P<mac>(?<![0-9A-Za-z:-])[0-9A-Fa-f]{{2}}(?:[:-][0-9A-Fa-f]{{2}}){{5}}(?![0-9A-Za-z:-]))
  | (?P<time>(?<!\d)(?:
        \d{{4}}-\d\d-\d\d(?:[T_\ ]\d\d:\d\d(?::\d\d(?:[.,]\d++)?+)?+{_ZONE})?+
      | \d{{8}}T\d{{6}}Z?+
      | {_CLOCK}
      | (?<![A-Za-z])(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),?\ (?:\d\d?\ [A-Z][a-z]{{2}}
            |[A-Z][a-z]{{2}}\ {{1,2}}\d\d?)(?:\ \d{{4}})?+(?:\ {_CLOCK})?+{_ZONE}(?:\ \d{{4}})?+
    )(?!\d))
  | (?P<ip>(?<![\d.])\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?!\.?\d)(?::\d++)?+
      | (?<![\w:])(?=[A-Fa-f:]*+\d)(?:[0-9A-Fa-f]{{0,4}}:){{2,7}}
        (?:\d{{1,3}}(?:\.\d{{1,3}}){{3}}|[0-9A-Fa-f]{{0,4}})(?:%\w++)?+(?![\w:]))
  | (?P<hex>(?<![0-9A-Za-z])0[xX][0-9A-Fa-f]++)
  | (?P<span>(?<![0-9A-Za-z.])(?:\d++(?:\.\d++)?+(?:[nuµμm]s|[smhd]))++(?![0-9A-Za-z]))
  | (?P<id>(?<![0-9A-Za-z])(?=[0-9A-Za-z]{{8}})(?:
        (?=[A-Fa-f]*+\d++[A-Fa-f]++\d|\d++[A-Fa-f]|[A-Fa-f]{{1,3}}\d{{5}})[0-9A-Fa-f]++(?![0-9A-Za-z])
      | [A-Za-z]*+\d++[A-Za-z]++\d[0-9A-Za-z]*+))
  | (?P<number>{_NUMBER}(?:,\ ?{_NUMBER})*+)
)"""
# Matches the placeholders in a template: `%s`, `%(name)-5d`, `{}`, `{name}`.
_HOLE = re.compile(r"%(?:\(\w+\))?[#0 +-]{0,5}\d{0,5}(?:\.\d{0,5})?[a-zA-Z]|\{[^{}]{0,50}\}")
_INSTEAD = {"space": " ", "span": "<number>", "integer": "<number>"}
# A text of words alone has no variable part.
_PLAIN = re.compile(r"[A-Za-z_]++(?:[,:;.]?\ [A-Za-z_]++)*+[.!?]?+")
_DIGITS = re.compile(r"\d+")
_WORD = re.compile(r"[^\W\d_]{2,}")
_PLACEHOLDER = re.compile(r"<[a-z0-9]+>")
# Words that every error has. A template of them alone says nothing.
_EMPTY_WORDS = frozenset(
    (
        *("an", "error", "errors", "exception", "warning", "failure", "fatal", "critical"),
        *("info", "message", "uncaught", "unhandled"),
    )
)
# JSON of at most so many characters is parsed. The first of these members is its message.
_MAX_JSON = 8_192
_MESSAGES = ("msg", "message", "event", "error", "err", "text")
_MAX_KEYS = 20


def of(event: Event) -> str:
    """Return an event's message template, otherwise its message with placeholders."""
    message, entry = event.get("message"), event.get("logentry")
    said = message if isinstance(message, str) else ""
    if isinstance(entry, dict) and isinstance(entry.get("message"), str):
        template = entry["message"]
        holes = template != said and _HOLE.search(template[:_MAX_READ])
        if not said.strip() or ((holes or entry.get("params")) and _says_something(template)):
            said = template
    return constant(said)


def _says_something(template: str) -> bool:
    """Return whether a template has words of its own. `%s: %s` and `{Message}` have none."""
    words = _WORD.findall(_HOLE.sub(" ", template[:_MAX_READ]))
    return any(word.lower() not in _EMPTY_WORDS for word in words)


def constant(text: str) -> str:
    """Return a message with placeholders for its variable parts, at most 1,000 characters.

    `payment 4711 of jo@example.org failed after 12ms` becomes
    `payment <number> of <email> failed after <number>`.
    """
    if text.startswith("{") and len(text) <= _MAX_JSON:
        text = _of_json(text) or text
    if len(text) > _MAX_READ:
        text = text[:_MAX_READ]
        # Close a quoted value that was cut, so that it still matches.
        text += '"' if text.count('"') % 2 else ""
    if _PLAIN.fullmatch(text):
        return text[:_MAX_TEXT].strip()
    said = _compiled().sub(_placeholder, text)
    if "<quoted>" in said and not _has_words(said):
        # The text has nothing but quoted texts.
        said = _compiled().sub(_unquoted, text)
    return said[:_MAX_TEXT].strip()


def _has_words(said: str) -> bool:
    """Return whether a text has words besides placeholders. Most texts start with a word."""
    return bool(_WORD.match(said) or _WORD.search(_PLACEHOLDER.sub("", said)))


def _of_json(text: str) -> str:
    """Return the message in a log line in JSON, otherwise the names of its members."""
    try:
        found = json.loads(text)
    except (RecursionError, ValueError):
        return ""
    for name in _MESSAGES:
        if isinstance(found.get(name), str) and found[name].strip():
            return str(found[name])
    return "{" + ", ".join(sorted(found)[:_MAX_KEYS]) + "}"


def fixed(said: str, code: str) -> str:
    """Return the words of a message that are in the line of code that raised it, and its codes.

    If less than half of the words are in the line, the text comes from elsewhere and all of it is
    returned.
    """
    words = _WORD.findall(said)
    kept = [word for word in words if word in code]
    if len(kept) * 2 < len(words):
        return said
    return " ".join([*kept, *_DIGITS.findall(said)])


@cache
def _compiled() -> re.Pattern[str]:
    return re.compile(_PATTERN, re.VERBOSE | re.DOTALL)


def _placeholder(found: re.Match[str]) -> str:
    kind = found.lastgroup or ""
    if kind in ("words", "code"):
        return found[0]
    if kind == "named":
        return _named(found[0])
    return _url(found[0]) if kind == "url" else _INSTEAD.get(kind) or f"<{kind}>"


def _unquoted(found: re.Match[str]) -> str:
    """Return a quoted text with placeholders, and anything else as usual."""
    if found.lastgroup != "quoted":
        return _placeholder(found)
    text = found[0].lstrip("bu\\")
    return _compiled().sub(_placeholder, text[1:-1])


def _named(text: str) -> str:
    """Return a keyword and what follows it in quotes, with placeholders inside the quotes."""
    keyword, equals, value = text.partition('="')
    return f'{keyword}="{constant(value[:-1])}"' if equals else text


def _url(url: str) -> str:
    """Return a URL without user, query and ids, such as `https://api.example.org/orders/<id>`."""
    scheme, _, rest = url.partition("://")
    rest = rest.partition("?")[0].partition("#")[0]
    host, *segments = rest.split("/")
    host = _DIGITS.sub("<number>", host.rpartition("@")[2])
    if scheme == "file":
        segments = _without_home(segments)
    path = ("<id>" if _DIGITS.search(each) else each for each in segments)
    return "/".join((f"{scheme}://{host}", *path))


def _without_home(segments: list[str]) -> list[str]:
    """Return the parts of a path without the name of a user: `/C:/Users/<home>/cart.js`."""
    for number, each in enumerate(segments[:2]):
        if each in ("home", "Users") and number + 1 < len(segments):
            return [*segments[: number + 1], "<home>", *segments[number + 2 :]]
    return segments
