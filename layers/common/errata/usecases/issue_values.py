"""What an issue's events have in common: the values of their tags, users, browsers and so on."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from errata.models.event import Stored, received_ms
from errata.models.ids import DAY_MS
from errata.models.seen_values import searchable_tags, short_value, tag_key
from errata.protocol.agents import agent
from errata.protocol.query import Term

USER = "user"
TAG = tag_key("")
_HOUR_MS = 3_600_000
# A sender may give each event other tags. More keys than these are not counted.
_MAX_KEYS = 100
_MAX_VALUES = 1_000
# The order of the keys. Tags follow, the most frequent first.
_ORDER = ("release", "environment", "browser", "system", "device", "url", "transaction", "server")
_FIELDS = (
    ("release", "release"),
    ("environment", "environment"),
    ("server_name", "server"),
    ("transaction", "transaction"),
    ("level", "level"),
)


def values_of(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the keys and values of an event, each value shortened to 200 bytes.

    A tag's key is `tag:` and its name.
    """
    for name, key in _FIELDS:
        value = fields.get(name)
        if value and isinstance(value, str):
            yield key, short_value(value)
    if user := user_name(fields):
        yield USER, short_value(user)
    if url := page_url(fields):
        yield "url", short_value(url)
    reader = agent(fields)
    for key, value in (
        ("browser", reader.browser),
        ("system", reader.system),
        ("device", reader.device),
    ):
        if value:
            yield key, short_value(value)
    yield from ((tag_key(name), value) for name, value in searchable_tags(fields.get("tags")))


def events_query(key: str, value: object) -> str:
    """Return the query string of the list of events with a value."""
    return urlencode({"query": str(term_of(key, str(value)))})


def term_of(key: str, value: str) -> Term:
    """Return the term that finds the events with a value. `key` is one of `values_of`."""
    name = f"tags[{key.removeprefix(TAG)}]" if key.startswith(TAG) else key
    return Term(name, (short_value(value),))


def user_name(fields: Mapping[str, Any]) -> str:
    """Return how a user is called: by e-mail, name, id or address. "" if there is no user."""
    context = fields.get("context")
    user = context.get("user") if isinstance(context, dict) else None
    if isinstance(user, dict):
        for name in ("email", "username", "id", "ip_address"):
            value = user.get(name)
            if isinstance(value, str | int) and value != "":
                return str(value)
    return ""


def page_url(fields: Mapping[str, Any]) -> str:
    """Return the URL of the page or request, without the part that differs in each event."""
    context = fields.get("context")
    request = context.get("request") if isinstance(context, dict) else None
    sent = fields.get("url") or (request.get("url") if isinstance(request, dict) else None)
    return sent.partition("#")[0].partition("?")[0] if isinstance(sent, str) else ""


@dataclass(slots=True)
class ValueCounts:
    """Numbers of events by key and value, and the users of the last hour and day."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    hour: set[str] = field(default_factory=set)
    day: set[str] = field(default_factory=set)
    events: int = 0
    oldest_ms: int | None = None

    def add_all(self, events: Iterable[Stored], now_ms: int) -> None:
        """Count events."""
        for event in events:
            self.events += 1
            at_ms = received_ms(event.id, event.fields)
            self.oldest_ms = min(at_ms, self.oldest_ms or at_ms)
            for key, value in set(values_of(event.fields)):
                if key in self.counts or len(self.counts) < _MAX_KEYS:
                    self._count(key, value)
                if key == USER:
                    if now_ms - at_ms < _HOUR_MS:
                        self.hour.add(value)
                    if now_ms - at_ms < DAY_MS:
                        self.day.add(value)

    @property
    def keys(self) -> list[str]:
        """Return the keys without that of users: first those in `_ORDER`, then others by count."""
        return sorted(
            (key for key in self.counts if key != USER),
            key=lambda key: (
                _ORDER.index(key) if key in _ORDER else len(_ORDER),
                -self.counts[key].total(),
                key,
            ),
        )

    def _count(self, key: str, value: str) -> None:
        counts = self.counts.setdefault(key, Counter())
        if value in counts or len(counts) < _MAX_VALUES:
            counts[value] += 1

    def covers(self, span_ms: int, now_ms: int, *, more: bool) -> bool:
        """Return whether all events of the last `span_ms` were counted.

        `more` says whether there are older events than those that were counted.
        """
        return not more or (self.oldest_ms is not None and now_ms - self.oldest_ms >= span_ms)


def shares(counts: dict[str, int], total: int, most: int = 5) -> list[tuple[str, int, int]]:
    """Return names with counts and percentages, the most frequent first."""
    ranked = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    return [(name, count, round(100 * count / max(1, total))) for name, count in ranked[:most]]
