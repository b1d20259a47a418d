"""The grammar in which people search issues: `is:open release:"shop 2*" !user.id:7 timeout`.

All terms must hold. Parsing takes time linear in the length.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches

from errata.errors import InvalidQueryError
from errata.models.issue import IGNORED, OPEN, REGRESSED, RESOLVED
from errata.models.seen_values import MAX_KEY
from errata.protocol.read import LEVELS

MAX_LENGTH = 1_000  # characters
MAX_TERMS = 20
# The most stars in one value.
MAX_STARS = 5

IS, LEVEL, FIRST_SEEN, LAST_SEEN, TEXT = "is", "level", "first-seen", "last-seen", ""
STATES = (
    OPEN,
    "unresolved",
    REGRESSED,
    RESOLVED,
    IGNORED,
    "new",
    "rising",
    "quiet",
    *("assigned", "unassigned"),
)
# Keys whose values are in value rows, under the same names.
VALUES = (
    *("release", "environment", "user.email", "user.id"),
    *("server", "transaction", "url", "logger"),
)
ASSIGNED = "assigned"
# The value that stands for the member who asks.
ME = "me"
# In which release an issue was opened, or has regressed. Value rows of releases say so.
FIRST_RELEASE, REGRESSED_IN = CHANGES = ("first-release", "regressed-in")
# The release in which an issue is resolved, and the one after which it is: in the next release.
RESOLVED_IN, RESOLVED_AFTER = RESOLUTIONS = ("resolved-in", "resolved-after")
KEYS = (IS, LEVEL, ASSIGNED, *VALUES, *CHANGES, *RESOLUTIONS, FIRST_SEEN, LAST_SEEN)
# The keys of events. `user` is how a user is called: by e-mail, name, id or address.
EVENT_KEYS = (LEVEL, *VALUES, "user", "browser", "system", "device")
_TIMES = (FIRST_SEEN, LAST_SEEN)

_KEY = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*):")
_TAG = re.compile(r"tags\[((?:\\.|[^\]\\])+)\]:", re.DOTALL)
_BEGIN = re.compile(r"\S")
_WORD = re.compile(r"\S*")
_QUOTED = re.compile(r'"((?:\\.|[^"\\])*)"', re.DOTALL)
# What may follow the colon of a word that is text, such as `views.py:42` or `std::vector`.
_NO_VALUE = re.compile(r"[0-9:]*\Z|[/:]")
_ESCAPED = re.compile(r'\\([\\*"])|(\*+)')
_PLAIN = re.compile(r"[A-Za-z0-9_./@+*<>#-]+")
_SPAN = re.compile(r"-([0-9]{1,5})([mhdw])", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9]{2}:[0-9]{2})?", re.ASCII)
_UNITS_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}
_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Term:
    """One condition.

    Attributes:
        key: one of `KEYS`, `tags[<name>]`, or `TEXT`.
        pieces: the value, divided at its `*`. One piece: it has none.
        negated: whether the term begins with `!`.
        at, end: where it stands in the query.
    """

    key: str
    pieces: tuple[str, ...]
    negated: bool = False
    at: int = field(default=0, compare=False)
    end: int = field(default=0, compare=False)

    @property
    def tag(self) -> str:
        """The name of the tag, "" if the term is about something else."""
        return self.key[len("tags[") : -1] if self.key.startswith("tags[") else ""

    @property
    def value(self) -> str:
        """The value of a term without `*`."""
        return self.pieces[0]

    @property
    def exact(self) -> bool:
        """Whether the value has no `*`."""
        return len(self.pieces) == 1

    def matches(self, text: str) -> bool:
        """Return whether the value, with its `*`, is this text."""
        first, last = self.pieces[0], self.pieces[-1]
        if self.exact:
            return text == first
        if len(text) < len(first) + len(last) or not text.startswith(first):
            return False
        middle = text[len(first) : len(text) - len(last)]
        return text.endswith(last) and _in_order(self.pieces[1:-1], middle)

    def is_in(self, text: str) -> bool:
        """Return whether the value occurs in this text, which is casefolded."""
        return _in_order([each.casefold() for each in self.pieces], text)

    def __str__(self) -> str:
        value = "*".join(re.sub(r'([\\*"])', r"\\\1", piece) for piece in self.pieces)
        reserved = self.key == TEXT and value in ("AND", "OR")
        if reserved or not _PLAIN.fullmatch(value):
            value = f'"{value}"'
        key = f"tags[{re.sub(r'([\\\]])', r'\\\1', self.tag)}]" if self.tag else self.key
        return f"{'!' if self.negated else ''}{key}{':' if key else ''}{value}"


def _in_order(pieces: Sequence[str], text: str) -> bool:
    at = 0
    for piece in pieces:
        found = text.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return True


def parse_terms(text: str, keys: Sequence[str] = KEYS) -> tuple[Term, ...]:
    """Return the terms of a query, for issues or with `EVENT_KEYS` for events.

    Raises:
        InvalidQueryError: it is not a query. Says what is wrong, and where.
    """
    if len(text) > MAX_LENGTH:
        raise InvalidQueryError(
            f"The query is too long. It may have {MAX_LENGTH:,} characters.",
            text,
            MAX_LENGTH,
            len(text),
        )
    terms: list[Term] = []
    for term in _terms(text, keys):
        if len(terms) == MAX_TERMS:
            raise InvalidQueryError(
                f"There are too many terms. A query may have {MAX_TERMS}.", text, term.at, term.end
            )
        terms.append(term)
    return tuple(terms)


@dataclass(frozen=True, slots=True)
class Begun:
    """A term that somebody types.

    Attributes:
        negated: whether it begins with `!`.
        key: one of `KEYS`, `tags[<name>]`, or `TEXT`.
        typed: the beginning of the value. Of a text, it may be the beginning of a key.
        tag: the beginning of the name of a tag; None if the term is about something else.
    """

    negated: bool
    key: str
    typed: str
    tag: str | None = None


def begun(text: str) -> Begun | None:
    """Return the parts of a term that somebody types, None if its value has a `*`."""
    negated = text.startswith("!")
    rest = text.removeprefix("!")
    if found := _TAG.match(rest):
        key, at = f"tags[{_unescaped(found[1], '.')}]", found.end()
    elif rest.startswith("tags["):
        return Begun(negated, TEXT, rest, _unescaped(rest[len("tags[") :].removesuffix("]"), "."))
    else:
        found = _KEY.match(rest)
        key, at = (found[1], found.end()) if found and found[1] in KEYS else (TEXT, 0)
    raw = rest[at:]
    if raw.startswith('"'):
        closed = _QUOTED.fullmatch(raw)
        raw = closed[1] if closed else raw[1:]
    if any(each[2] for each in _ESCAPED.finditer(raw)):
        return None
    return Begun(negated, key, _unescaped(raw, r'[\\*"]'))


def _unescaped(text: str, escaped: str) -> str:
    return re.sub(rf"\\({escaped})", r"\1", text, flags=re.DOTALL)


def query_text(terms: Sequence[Term]) -> str:
    """Return the text of the query with these terms. Equal terms have the same text."""
    return " ".join(map(str, terms))


def _terms(text: str, keys: Sequence[str]) -> Iterator[Term]:
    end = 0
    while found := _BEGIN.search(text, end):
        term = _term(text, found.start(), keys)
        yield term
        end = term.end


def _term(text: str, start: int, keys: Sequence[str]) -> Term:
    negated = text[start] == "!"
    at = start + negated
    key, at = _key(text, at, keys)
    pieces, end = _value(text, at, start, key)
    term = Term(key, pieces, negated, start, end)
    if key == TEXT and text[at:end] in ("AND", "OR"):
        raise InvalidQueryError(
            f"{text[at:end]} is not supported: all terms must hold. Leave it out, or write"
            f' "{text[at:end]}" to search for the word.',
            text,
            at,
            end,
        )
    complaint = _complaint(term)
    if complaint:
        raise InvalidQueryError(complaint, text, at, end)
    return term


def _key(text: str, at: int, keys: Sequence[str]) -> tuple[str, int]:
    """Return the key of a term, and where its value begins. `TEXT` if it has none."""
    if text.startswith("tags[", at):
        return _tag_key(text, at)
    found = _KEY.match(text, at)
    if not found:
        return TEXT, at
    key, end = found[1], found.end()
    if key in keys:
        return key, end
    if key in KEYS:
        raise InvalidQueryError(
            f"{key}: is for issues. It does not work for events.", text, at, end - 1
        )
    rest = text[end : _end_of_word(text, end)]
    near = get_close_matches(key[:_SHOWN].lower(), keys, 1, 0.7)
    is_text = not rest or rest[0] in "/:" or (not near and _NO_VALUE.match(rest))
    if is_text or (not near and key != key.lower()):
        return TEXT, at
    if not near:
        return _key_of_tag(text, key, at, end - 1), end
    shown = _short(key)
    raise InvalidQueryError(
        f"There is no key {shown}. Did you mean {near[0]}? A tag is written tags[{shown}]:value."
        " A text with a colon needs quotes.",
        text,
        at,
        end - 1,
    )


def _tag_key(text: str, at: int) -> tuple[str, int]:
    found = _TAG.match(text, at)
    if not found:
        raise InvalidQueryError(
            "A tag is written tags[name]:value. A text needs quotes.",
            text,
            at,
            _end_of_word(text, at),
        )
    return _key_of_tag(text, _unescaped(found[1], "."), *found.span(1)), found.end()


def _key_of_tag(text: str, name: str, start: int, end: int) -> str:
    if len(name.encode("utf-8", "replace")) > MAX_KEY:
        raise InvalidQueryError(
            f"The tag's name is too long. Tags with more than {MAX_KEY} bytes cannot be found.",
            text,
            start,
            end,
        )
    return f"tags[{name}]"


def _value(text: str, at: int, start: int, key: str) -> tuple[tuple[str, ...], int]:
    """Return the pieces of the value at `at`, and where it ends."""
    end = _end_of_word(text, at)
    if at == end:
        complaint = f"A value is missing after {_short(key)}:." if key else "A term is missing."
        raise InvalidQueryError(complaint, text, start, end)
    raw = text[at:end]
    if raw[0] == '"':
        found = _QUOTED.match(text, at)
        if not found:
            raise InvalidQueryError("The quote is not closed.", text, at, len(text))
        raw, end = found[1], found.end()
        if end < len(text) and not text[end].isspace():
            raise InvalidQueryError(
                "Write a space after the closing quote.", text, end, _end_of_word(text, end)
            )
        if not raw:
            raise InvalidQueryError("There is nothing in the quotes.", text, at, end)
    pieces = [""]
    last = 0
    for found in _ESCAPED.finditer(raw):
        pieces[-1] += raw[last : found.start()] + (found[1] or "")
        last = found.end()
        if found[2]:
            pieces.append("")
    pieces[-1] += raw[last:]
    if len(pieces) - 1 > MAX_STARS:
        raise InvalidQueryError(f"A value may have {MAX_STARS} wildcards (*).", text, at, end)
    return tuple(pieces), end


def _end_of_word(text: str, at: int) -> int:
    found = _WORD.match(text, at)
    return found.end() if found else at


def _complaint(term: Term) -> str:
    """Return what is wrong with the value of a term, "" if nothing is."""
    shown = _short("*".join(term.pieces))
    for key, known in ((IS, STATES), (LEVEL, LEVELS)):
        if term.key == key and not (term.exact and term.value in known):
            near = get_close_matches(shown.lower(), known, 1)
            advice = f" Did you mean {near[0]}?" if near else ""
            return f"{key}:{shown} is unknown.{advice} Use one of {', '.join(known)}."
    if term.key == ASSIGNED and not _is_assignee(term):
        return (
            f"{shown} is neither a member nor a team. Write assigned:me, an e-mail address, #team,"
            " or assigned:* for anybody."
        )
    if term.key in _TIMES and not (term.exact and _interval(term.value, 0)):
        return (
            f"{shown} is not a time. Write -30m, -24h, -7d, -2w or 2026-11-01,"
            " also with > (since) or < (before)."
        )
    return ""


def _is_assignee(term: Term) -> bool:
    begin = term.pieces[0]
    return not term.exact or begin == ME or "@" in begin or (begin[:1] == "#" and len(begin) > 1)


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


# ------------------------------------------------------------------ times


def interval(term: Term, now_ms: int) -> tuple[int, int]:
    """Return the times of a term: from (inclusive) and to (exclusive), in milliseconds.

    `term` has the key `FIRST_SEEN` or `LAST_SEEN`. Ignores whether it is negated.
    """
    return _interval(term.value, now_ms) or (0, 0)


# More than every time.
_END_MS = 10**15


def _interval(text: str, now_ms: int) -> tuple[int, int] | None:
    sign = text[0] if text[:1] in ("<", ">") else ""
    text = text.removeprefix(sign)
    if found := _SPAN.fullmatch(text):
        at = max(0, now_ms - int(found[1]) * _UNITS_MS[found[2]])
        return (0, at) if sign == "<" else (at, _END_MS)
    if not _DATE.fullmatch(text):
        return None
    try:
        then = datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return None
    at = max(0, (then - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1))
    if sign:
        return (0, at) if sign == "<" else (at, _END_MS)
    return at, at + (_UNITS_MS["m"] if "T" in text else _UNITS_MS["d"])
