"""Complete a term of a query: keys, and values that issues have had."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from errata.models.seen_values import MAX_KEY, RELEASE, beginning, is_cut, tag_key
from errata.models.views import RANGES
from errata.models.visible import Visible
from errata.protocol.query import (
    ASSIGNED,
    CHANGES,
    FIRST_SEEN,
    IS,
    LAST_SEEN,
    LEVEL,
    MAX_STARS,
    ME,
    RESOLUTIONS,
    STATES,
    TEXT,
    VALUES,
    Begun,
    Term,
    begun,
)
from errata.protocol.read import LEVELS
from errata.store import values
from errata.store.members import list_teams

# Typing more of a value leads to those that are left out.
_MOST = 8
# A longer term gets no suggestions.
MAX_LENGTH = 300
_TAGS = "tags["
# Keys whose values are those of releases.
_OF_RELEASE = (*CHANGES, *RESOLUTIONS)
# Keys in the order in which they are suggested, and what they are about.
HINTS = {
    "is": "open, new, rising, regressed …",
    "assigned": "me, #team, an e-mail address, *",
    "level": "error, warning, info, debug",
    "release": "version of the application",
    "environment": "such as production",
    "user.email": "affected user",
    "user.id": "affected user",
    "server": "name of the machine",
    "transaction": "route or job",
    "url": "of the request",
    "logger": "name of the logger",
    "first-release": "in which it was new",
    "regressed-in": "release in which it came back",
    "resolved-in": "release in which it is resolved",
    "resolved-after": "resolved in the next one after it",
    "first-seen": "-24h, 2026-11-01, >2026-11-01",
    "last-seen": "-24h, 2026-11-01, <-7d",
    _TAGS: "any tag",
}
# The fields of browsers have one line.
_LINES = re.compile(r"[\r\n]+")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What may stand in place of a term: a whole term, or its beginning if it is not `complete`."""

    term: str
    hint: str = ""
    complete: bool = True


def suggest(visible: Visible, text: str) -> list[Suggestion]:
    """Return completions of a term. `text` is what somebody has typed of it so far.

    Reads at most 120 value rows, and none for keys.
    """
    term = begun(text) if len(text) <= MAX_LENGTH else None
    if term is None:
        return []
    if term.tag is not None:
        return list(_tags(visible, term.negated, term.tag))
    if term.key in (*VALUES, *_OF_RELEASE) or term.key.startswith(_TAGS):
        key = tag_key(term.key[len(_TAGS) : -1]) if term.key.startswith(_TAGS) else term.key
        key = RELEASE if key in _OF_RELEASE else key
        return _stored(term, values.newest_values(visible, key, term.typed))[:_MOST]
    return _known(visible.organization, term)


def suggest_across(organization_id: str, text: str) -> list[Suggestion]:
    """Return completions of a term of a search across projects, as `suggest`.

    Suggests no values that issues have had: these would cost a query for each project.
    """
    term = begun(text) if len(text) <= MAX_LENGTH else None
    if term is None or term.tag is not None:
        return []
    return _known(organization_id, term)


def environments(visible: Visible) -> list[str]:
    """Return the environments of a project, at most a dozen, most recently seen first."""
    found = values.newest_values(visible, "environment", "")
    return [each for each in found if not is_cut(each)]


def _keys(term: Begun) -> Iterator[Suggestion]:
    """Yield keys: first those that begin with what was typed, then those that contain it."""
    typed = term.typed.lower()
    found = [key for key in HINTS if key.startswith(typed)]
    found += [key for key in HINTS if typed in key and key not in found]
    for key in found:
        colon = "" if key == _TAGS else ":"
        yield Suggestion(f"{'!' * term.negated}{key}{colon}", HINTS[key], complete=False)


def _tags(visible: Visible, negated: bool, typed: str) -> Iterator[Suggestion]:
    if len(typed.encode()) <= MAX_KEY:
        for name in values.tag_names(visible, typed)[:_MOST]:
            whole = str(Term(f"{_TAGS}{name}]", ("x",), negated))
            yield Suggestion(whole.removesuffix("x"), "tag", complete=False)


def _known(organization_id: str, term: Begun) -> list[Suggestion]:
    """Return keys, or values that do not depend on the issues of a project."""
    if term.key == TEXT:
        return list(_keys(term))
    if term.key == IS:
        found = list(STATES)
    elif term.key == LEVEL:
        found = list(LEVELS)
    elif term.key == ASSIGNED:
        found = [ME, *(f"#{team.name}" for team in list_teams(organization_id))]
    elif term.key in (FIRST_SEEN, LAST_SEEN):
        sign = term.typed[:1] if term.typed[:1] in ("<", ">") else ""
        found = [f"{sign}-{each}" for each in RANGES]
    else:
        found = []
    return _of(term, [each for each in found if each.startswith(term.typed)])[:_MOST]


def _of(term: Begun, found: Iterable[str]) -> list[Suggestion]:
    return [Suggestion(str(Term(term.key, (each,), term.negated))) for each in found]


def _stored(term: Begun, found: Iterable[str]) -> list[Suggestion]:
    """Return suggestions for values as stored in keys. A `*` stands for the part that was cut."""
    suggestions = []
    for value in found:
        cut = is_cut(value)
        pieces = _LINES.split(beginning(value) if cut else value)
        if cut:
            pieces.append("")
        if len(pieces) - 1 <= MAX_STARS:
            suggestions.append(Suggestion(str(Term(term.key, tuple(pieces), term.negated))))
    return suggestions
