"""Search the newest events of a project or an issue, with queries as for issues."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from errata.models.event import Stored, received_ms
from errata.models.search_text import all_words
from errata.models.seen_values import short_value, tag_key
from errata.protocol.agents import agent
from errata.protocol.query import TEXT, Term
from errata.usecases.issue_values import page_url, user_name
from errata.usecases.newest_events import Newest

_FIELDS = {
    **{name: name for name in ("level", "release", "environment", "transaction", "logger")},
    "server": "server_name",
}
_OF_USER = {"user.id": "id", "user.email": "email"}
_OF_AGENT = ("browser", "system", "device")


@dataclass(slots=True)
class MatchingEvents:
    """The events that match, among the newest ones.

    Iterate over `events` once. Then `newest` says how many were looked at, and `since_ms` and
    `until_ms` when the first and the last of these were received, in milliseconds.
    """

    newest: Newest
    terms: Sequence[Term]
    since_ms: int | None = None
    until_ms: int | None = None

    @property
    def events(self) -> Iterator[Stored]:
        """Yield the events that match, newest first."""
        for event in self.newest.events:
            at_ms = received_ms(event.id, event.fields)
            self.since_ms = min(at_ms, self.since_ms or at_ms)
            self.until_ms = max(at_ms, self.until_ms or at_ms)
            if matches(self.terms, event.fields):
                yield event


def matches(terms: Sequence[Term], fields: Mapping[str, Any]) -> bool:
    """Return whether all terms hold for an event."""
    words = ""
    for term in terms:
        if term.key == TEXT:
            words = words or all_words(fields).casefold()
            found = term.is_in(words)
        else:
            found = any(map(_test(term), _values(term, fields)))
        if found == term.negated:
            return False
    return True


def _test(term: Term) -> Callable[[str], bool]:
    """Return a function that tests a value for a term. Long values are compared by short forms."""
    if not term.exact:
        return term.matches
    short = short_value(term.value)
    return lambda value: short_value(value) == short


def _values(term: Term, fields: Mapping[str, Any]) -> Iterator[str]:
    """Yield the values that an event has for the key of a term."""
    context = fields.get("context")
    user = context.get("user") if isinstance(context, dict) else None
    sent: list[object] = []
    if term.tag:
        tags, key = fields.get("tags"), tag_key(term.tag)
        if isinstance(tags, dict):
            sent = [value for name, value in tags.items() if tag_key(name) == key]
    elif term.key in _OF_USER:
        sent = [user.get(_OF_USER[term.key])] if isinstance(user, dict) else []
    elif term.key in _OF_AGENT:
        sent = [getattr(agent(fields), term.key)]
    elif term.key == "user":
        sent = [user_name(fields)]
    elif term.key == "url":
        sent = [fields.get("url"), page_url(fields)]
    else:
        sent = [fields.get(_FIELDS[term.key])]
    yield from (str(each) for each in sent if isinstance(each, str | int | float) and each != "")
