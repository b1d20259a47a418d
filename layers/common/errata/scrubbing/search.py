"""Finds in the JSON of an event what may be a secret, in one pass. Most events have nothing.

RE2 makes one automaton of all patterns. It reads each byte once, whatever a client sends. A pattern
here matches at least what its rule replaces, and is allowed to match more: then the rule looks at
the values and finds nothing.
"""

import re
from typing import Any, NamedTuple

import re2
from pydantic_core import from_json, to_json

from errata.models.event import Fields
from errata.scrubbing import FILTERED
from errata.scrubbing.values import RULES, ValueRule

# What may stand before a word: not a letter, or an escape such as `\\n`, `%5B` or `\\u00e9`.
_BEFORE = r"(?:^|[^A-Za-z]|\\.|%[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4})"
# Between two words of a name.
_GAP = r"(?:[^A-Za-z\"]|\\.|%[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4})*"

# Parts of names whose values are secrets (`errata.scrubbing.names`). These are hardly ever part of
# another word.
_WORDS = (
    "passw(?:or)?d|passphrase|passcode|pwd|secret|token|oauth|authorization|credential|apikey|totp"
    "|privatekey|sessionid|sessid|csrf|xsrf|jwt|cv[vc]"
)
_COUPLES = (
    f"(?:api|private|access|account|encryption|signing|master|shared){_GAP}key"
    f"|two{_GAP}factor|connect{_GAP}sid|pass{_GAP}(?:word|phrase|code)|card{_GAP}number"
    f"|session{_GAP}id"
)
# These are part of many words (author, footprint), so they count only as a whole.
_WHOLE = ("auth", "otp", "ssn", "pass")
_LOWER = f"{_BEFORE}(?:{'|'.join(_WHOLE)})"
_CAPITALS = "|".join((*(word.title() for word in _WHOLE), *(word.upper() for word in _WHOLE)))

# The rest of a JSON string, and of a name within a text.
_REST = r'(?:[^"\\]|\\.)*'
_REST_OF_NAME = r"(?:[\w.\[\]%$-]|[\x80-\xff]|\\u[0-9A-Fa-f]{4})*"


def _names(rest: str, after_whole: str, more: str = "") -> str:
    """Return a pattern for names of secrets. `after_whole` may follow a word of `_WHOLE`."""
    whole = f"(?:{_LOWER}|{_CAPITALS})(?:{after_whole}{rest})?"
    return f"(?:(?i:{_WORDS}|{_COUPLES}{more}){rest}|{whole})"


_AFTER_WHOLE = r'(?:[^a-z"\\]|\\.)'
_FIELD = _names(_REST, _AFTER_WHOLE)
_STRING = _names(_REST, _AFTER_WHOLE, "|cookie")
_TEXT_NAME = _names(
    _REST_OF_NAME, r"(?:[0-9A-Z_.\[\]%$-]|[\x80-\xff]|\\u[0-9A-Fa-f]{4})", "|cookie"
)
# A value that may be a secret: not null, true, false, empty or filtered already. RE2 cannot exclude
# a text, so it is excluded letter by letter.
_SAFE = f'"{FILTERED}"'
_OTHER = "|".join(f"{re.escape(_SAFE[:n])}[^{re.escape(_SAFE[n])}]" for n in range(2, len(_SAFE)))
_VALUE = rf'\s*:\s*(?:[^\sntf"]|"[^"\[]|{_OTHER})'
_TEXT = f'"{_REST}"'
_BLANK = r"(?:\s|[\x80-\xff]|\\[nrtfb]|\\u[0-9A-Fa-f]{4})*"

_AFTER_SESSION = rf'(?:[^a-z"\\]{_REST}|\\.{_REST})?"{_VALUE}'

_IN_FIELDS = (
    f'{_FIELD}"{_VALUE}',
    # Cookies that are no object. In an object, each has its own name.
    rf'(?i)cookie{_REST}"\s*:\s*(?:[^\sntf"{{]|"[^"\[]|{_OTHER})',
    rf'(?i)"(?:session|symfony|_vercel_jwt|\.aspnetcore\.|wordpress_){_REST}"{_VALUE}',
    rf"(?:[^A-Za-z]|\\[nrtfb])(?:[Ss]ess(?:ion)?|SESS(?:ION)?|[Ss]id|SID){_AFTER_SESSION}",
    f"[a-z](?:Sess(?:ion)?|Sid){_AFTER_SESSION}",
    # The first of two entries, and the name of an object with a value.
    rf'\[\s*(?:"{_REST})?{_STRING}"\s*,\s*(?:{_TEXT}\s*\]|[^\s"\[{{][^,\]]*\]|[\[{{])',
    rf'"(?:key|name)"\s*:\s*(?:"{_REST})?{_STRING}"',
)
# `token=`, `"token": `, `["token"]=>`, `('token', `, `<token>`, `token%3D`, `%22token%22%3A` and
# `X-Token: ` in a text.
_IN_TEXTS = (
    f"{_TEXT_NAME}(?:(?:\\\\+\"|\\\\*['`])?\\]?{_BLANK}[:=,]|>|%3[Dd]|%22)",
    rf"(?i)(?:authorization|cookie|{_COUPLES}|-[a-z0-9-]*(?:{_WORDS}|{'|'.join(_WHOLE)})"
    rf"|(?:{_WORDS}|{'|'.join(_WHOLE)})[a-z0-9]*-)[a-z0-9-]*:(?:[ \t]|\\t)",
)
# An escape of a character that a pattern may have. After it, the JSON must be written again.
_ESCAPE = r"\\u00[2-7]"


class SecretHints(NamedTuple):
    """What an event may have.

    Attributes:
        fields: whether names of its fields say that their values are secrets.
        texts: whether names within its texts do.
        rules: the rules for values that may replace something.
    """

    fields: bool
    texts: bool
    rules: list[ValueRule]


def _automaton() -> re2.Set:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1  # bytes as they are
    options.never_capture = True
    options.dot_nl = True
    made = re2.Set.SearchSet(options)
    for pattern in (*_IN_FIELDS, *_IN_TEXTS, _ESCAPE, *(rule.pattern for rule in RULES)):
        made.Add(pattern)
    made.Compile()
    return made


_AUTOMATON = _automaton()
_TEXTS, _ESCAPES = len(_IN_FIELDS), len(_IN_FIELDS) + len(_IN_TEXTS)


def find_hints(fields: Fields, content: bytes | None = None) -> SecretHints | None:
    """Return what the fields of an event may have. None if it is nothing.

    `content` is the JSON that the fields are read from, if it is at hand.
    """
    matches = _AUTOMATON.Match(content) if content is not None else None
    # Something may be hidden by escapes that JSON does not need.
    if content is None or (matches and _ESCAPES in matches):
        content = to_json(fields, inf_nan_mode="null")
        matches = _AUTOMATON.Match(content)
    return _found(matches, content, fields) if matches else None


def _found(matches: list[int], content: bytes, fields: Fields) -> SecretHints | None:
    names = any(each < _TEXTS for each in matches)
    if names and _are_versions(modules := fields.get("modules")):
        others = _AUTOMATON.Match(_without(content, modules)) or ()
        names = any(each < _TEXTS for each in others)
    rules = [RULES[each - _ESCAPES - 1] for each in sorted(matches) if each > _ESCAPES]
    found = SecretHints(
        names,
        any(_TEXTS <= each < _ESCAPES for each in matches),
        [rule for rule in rules if rule.may_match(content)],
    )
    return found if any(found) else None


def _are_versions(modules: Any) -> bool:
    """Return whether these are names of packages with their versions. Some are like `pyjwt`."""
    return type(modules) is dict and all(type(version) is str for version in modules.values())


def _without(content: bytes, modules: Any) -> bytes:
    """Return an event's JSON without its modules."""
    start = content.find(b"{", content.find(b'"modules"'))
    end = content.find(b"}", start) + 1
    try:
        # If these are other fields of this name, the event's own are still in the rest.
        are_modules = from_json(content[start:end]) == modules
    except ValueError:
        are_modules = False
    return content[:start] + content[end:] if are_modules else content
