"""Replaces the variable parts of a message by placeholders. Frozen with v2.

Variable parts are numbers, ids, addresses, times and quoted values. The text is cut first, and one
pattern then replaces all of them in one pass.
"""

import re
from functools import cache

from errata.models.event import Event

_MAX_TEXT = 1_000
# The text is cut to this length before its parts are replaced, because placeholders are shorter.
_MAX_READ = 2 * _MAX_TEXT

_QUOTED = r"""(?:
    (?:(?<!\w)[bu])?(?<!\\)"(?:[^"\\]|\\.)*+" | `[^`]*+` | “[^“”]*+” | „[^„“”]*+[“”] | «[^«»]*+»
  | \\"[^"\\]*+\\" | \u2018[^\u2018\u2019]*+\u2019
  | (?<![\w\\])[bu]?'(?:[^'\\]|\\.|(?<=\w)(?<!\b[bu])'(?=\w))*+'(?!\w)  # 'it's so', no apostrophe
)"""
_UNIT = r"(?i:[kmgt]i?b|[kmgtbhd]|[nuµμm]?s|secs?|mins?|hrs?|px|st|nd|rd|th|%)(?![A-Za-z])"
_NUMBER = rf"(?:(?<!\w)[-+\u2212])?\d++(?:[.,'_\u00a0\u202f]\d++)*+(?:[eE][-+]?\d++)?+(?:{_UNIT})?+"
_CLOCK = r"\d\d?:\d\d:\d\d(?:[.,]\d++)?+"
_ZONE = r"(?:\ ?(?:Z|UTC|GMT|[-+]\d\d:?\d\d)\b)?+"

# Compiled on first use, because that takes some milliseconds and most events do not need it: they
# have exceptions. An alternative that can start with a letter looks back first. So the inside of a
# word is skipped in one step, and every text takes linear time.
_PATTERN = rf"""
    (?P<space>\s\s++|[^\S\ ])
  | (?P<quoted>{_QUOTED}(?:,\ ?{_QUOTED})*+)
  | (?P<uuid>(?<![0-9A-Za-z])[0-9A-Fa-f]{{8}}-(?:[0-9A-Fa-f]{{4}}-){{3}}[0-9A-Fa-f]{{12}}
      (?![0-9A-Za-z]))
  | (?P<url>(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]{{1,19}}+://[^\s"'`<>]+(?<![.,;:!?)\]}}]))
  | (?P<email>(?<![\w.+-])[\w.+-]{{1,64}}+@(?:[A-Za-z0-9-]++\.)+[A-Za-z]{{2,}}+)
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
        (?=\d*+[A-Fa-f])(?=[A-Fa-f]*+\d)[0-9A-Fa-f]++(?![0-9A-Za-z])
      | [A-Za-z]*+\d++[A-Za-z]++\d[0-9A-Za-z]*+))
  | (?P<number>{_NUMBER}(?:,\ ?{_NUMBER})*+)
"""
# Matches the placeholders in a template: `%s`, `%(name)-5d`, `{}`, `{name}`.
_HOLE = re.compile(r"%(?:\(\w+\))?[#0 +-]{0,5}\d{0,5}(?:\.\d{0,5})?[a-zA-Z]|\{[^{}]{0,50}\}")
_INSTEAD = {"space": " ", "span": "<number>"}
_DIGITS = re.compile(r"\d+")


def of(event: Event) -> str:
    """Return an event's message template, otherwise its message with placeholders."""
    message, entry = event.get("message"), event.get("logentry")
    said = message if isinstance(message, str) else ""
    if isinstance(entry, dict) and isinstance(entry.get("message"), str):
        template = entry["message"]
        holes = template != said and _HOLE.search(template[:_MAX_READ])
        if template.strip() and (holes or entry.get("params") or not said.strip()):
            said = template
    return constant(said)


def constant(text: str) -> str:
    """Return a message with placeholders for its variable parts, at most 1,000 characters.

    `payment 4711 of jo@example.org failed after 12ms` becomes
    `payment <number> of <email> failed after <number>`.
    """
    if len(text) > _MAX_READ:
        text = text[:_MAX_READ]
        # Close a quoted value that was cut, so that it still matches.
        text += '"' if text.count('"') % 2 else ""
    return _compiled().sub(_placeholder, text)[:_MAX_TEXT].strip()


@cache
def _compiled() -> re.Pattern[str]:
    return re.compile(_PATTERN, re.VERBOSE | re.DOTALL)


def _placeholder(found: re.Match[str]) -> str:
    kind = found.lastgroup or ""
    return _url(found[0]) if kind == "url" else _INSTEAD.get(kind) or f"<{kind}>"


def _url(url: str) -> str:
    """Return a URL without user, query and ids, such as `https://api.example.org/orders/<id>`."""
    scheme, _, rest = url.partition("://")
    rest = rest.partition("?")[0].partition("#")[0]
    host, *segments = rest.split("/")
    host = _DIGITS.sub("<number>", host.rpartition("@")[2])
    path = ("<id>" if _DIGITS.search(each) else each for each in segments)
    return "/".join((f"{scheme}://{host}", *path))
