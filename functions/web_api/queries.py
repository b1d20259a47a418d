"""Translate queries from the grammar of Sentry's search into that of our own.

Source: Sentry's documentation, "Search" and "Issue Properties". Our grammar is in docs/search.md.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from errata.errors import InvalidInputError
from errata.models.ids import DAY_MS
from errata.protocol.issues import RISING, IssueQuery, read_query
from errata.protocol.query import LAST_SEEN, MAX_LENGTH, Term
from errata.protocol.views import ENVIRONMENT
from functions.web_api import cursors
from functions.web_api.context import Context

SORTS = {
    **{"date": "last_seen", "new": "first_seen", "freq": "count", "user": "users"},
    **{"trends": RISING, "inbox": "last_seen", "recommended": "last_seen"},
}
PERIODS = ("", "24h", "14d", "auto")
_DEFAULT = "is:unresolved"
# A term of a query: a sign, a key, and a value that may be quoted or a list; or else a word.
_TERM = re.compile(
    r"(?P<sign>!?)(?:(?P<key>[A-Za-z][\w.-]*):)?"
    r'(?P<value>"(?:\\.|[^"\\])*"|\[[^\]]*\](?=\s|\Z)|\S*)\s*',
    re.DOTALL,
)
_PERIOD = re.compile(r"(\d{1,4})([mhdw])", re.ASCII)
_UNITS_MS = {"m": 60_000, "h": 3_600_000, "d": DAY_MS, "w": 7 * DAY_MS}
# A time with seconds, or a zone. Our grammar has minutes in UTC.
_SECONDS = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d):\d\d(?:\.\d+)?(?:Z|\+00:00)?\Z", re.ASCII)
_KEYS = {
    "lastSeen": "last-seen",
    "firstSeen": "first-seen",
    "age": "first-seen",
    "firstRelease": "first-release",
    "assigned_or_suggested": "assigned",
    "server_name": "server",
    "status": "is",
}
_HAS = {"user": "user.id", "server_name": "server"}
_STATES = {"muted": "ignored", "archived": "ignored", "escalating": "rising", "ongoing": "open"}
_TIMES = ("last-seen", "first-seen")
# Keys of which Errata has only one value, because all its events are errors.
_KINDS = ("event.type", "issue.category", "issue.type", "error.type")
_ERRORS = ("error", "default")
_TEXTS = ("message", "title", "issue")
_PROJECTS = ("project", "project.name", "project.id")


@dataclass(frozen=True, slots=True)
class IssueRequest:
    """What a request asks for. `projects` are the names of projects in it; () for all."""

    query: IssueQuery
    projects: tuple[str, ...] = ()


@dataclass(slots=True)
class _Read:
    texts: list[str] = field(default_factory=list)
    projects: list[str] = field(default_factory=list)


def asked(context: Context, retention_ms: int, *, of_project: bool = False) -> IssueRequest:
    """Return what a request for a list of issues asks for.

    `retention_ms`: a longer `statsPeriod` leaves nothing out. `of_project`: it is the list of one
    project, where `statsPeriod` is about the numbers of events only.

    Raises:
        InvalidInputError: a parameter is invalid.
    """
    given = context.query
    text, projects = translated(given.get("query", _DEFAULT))
    sort = SORTS.get(given.get("sort") or "date")
    if sort is None:
        raise InvalidInputError({"sort": [f"The sort must be one of {', '.join(SORTS)}."]})
    limit = cursors.per_page(context)
    query = read_query(text, sort, cursors.start(context) or None, limit)
    more = [
        Term(ENVIRONMENT, (each,)) for each in given.getlist("environment") if each and each != "-1"
    ]
    if not of_project:
        more += _within(context, retention_ms)
    # More terms make it a search, which costs more than the list of one status.
    query = replace(query, terms=(*query.terms, *more)) if more else query
    return IssueRequest(query, tuple(projects))


def period_of(context: Context, name: str = "statsPeriod") -> str:
    """Return the time for which events are to be counted: `24h`, `14d`, or "" for none."""
    given: str = context.query.get(name, "24h")
    return "24h" if given == "auto" else given if given in PERIODS else "24h"


def translated(text: str) -> tuple[str, list[str]]:
    """Return a query of Sentry's in our grammar, and the projects that it names.

    Raises:
        InvalidInputError: it asks for something that Errata does not have.
    """
    if len(text) > MAX_LENGTH:
        raise InvalidInputError({"query": [f"The query may have {MAX_LENGTH:,} characters."]})
    read_ = _Read()
    for found in _TERM.finditer(text.strip()):
        if found[0]:
            _add(read_, found["sign"], found["key"] or "", found["value"])
    return " ".join(read_.texts), read_.projects


def _add(read_: _Read, sign: str, key: str, value: str) -> None:
    if value.startswith("[") and key:
        value = _only(key, value)
    if key in _PROJECTS:
        if sign:
            message = f"!{key}: is not supported. Name the projects that you mean."
            raise InvalidInputError({"query": [message]})
        read_.projects.append(value.strip('"'))
    elif key in _KINDS:
        if (value in _ERRORS) == bool(sign):
            raise InvalidInputError({"query": [f"{key}: Errata has errors only."]})
    elif key in _TEXTS:
        read_.texts.append(f"{sign}{value}")
    elif key == "has":
        read_.texts.append(f"{sign}{_HAS.get(value, value)}:*")
    elif key == "user" and (of := re.match(r'"?(id|email):(.+?)"?\Z', value)):
        read_.texts.append(f'{sign}user.{of[1]}:"{of[2]}"')
    else:
        read_.texts.append(sign + _renamed(key, value))


def _renamed(key: str, value: str) -> str:
    """Return a term with our names."""
    ours = _KEYS.get(key, key)
    if ours == "is":
        value = _STATES.get(value, value)
    elif ours == "level" and value == "fatal":
        value = "error"
    elif ours == "assigned" and value == "none":
        return "is:unassigned"
    elif ours in _TIMES:
        value = _SECONDS.sub(r"\1", value)
        # `+24h`: more than 24 hours ago.
        value = f"<-{value[1:]}" if value.startswith("+") else value
    return f"{ours}:{value}" if ours else value


def _only(key: str, value: str) -> str:
    found = [each.strip() for each in value[1:-1].split(",") if each.strip()]
    if len(found) != 1:
        message = f"{key}: a list of values is not supported. Ask for one of them."
        raise InvalidInputError({"query": [message]})
    return found[0]


def _within(context: Context, retention_ms: int) -> Iterator[Term]:
    """Yield the term for issues that were seen within `statsPeriod`, if it leaves any out."""
    since = since_ms(context)
    if since and context.now_ms - since < retention_ms:
        yield Term(LAST_SEEN, (f"-{context.query['statsPeriod']}",))


def sorted_by(query: IssueQuery, sort: str) -> IssueQuery:
    """Return a query with another order."""
    return replace(query, sort=sort)


def since_ms(context: Context) -> int:
    """Return the start of the `statsPeriod` in milliseconds, 0 if there is none.

    Raises:
        InvalidInputError: it is no period.
    """
    period = context.query.get("statsPeriod", "")
    found = _PERIOD.fullmatch(period)
    if period and not found:
        raise InvalidInputError({"statsPeriod": ["Give a time such as 24h, 14d or 2w."]})
    return context.now_ms - int(found[1]) * _UNITS_MS[found[2]] if found else 0
