"""Tags of an issue: how often each value occurs among its newest events."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from errata.errors import NotFoundError
from errata.models.event import Stored, received_ms
from errata.usecases.issue_values import TAG, values_of
from errata.usecases.newest_events import Newest
from functions.web_api import cursors
from functions.web_api.context import Context
from functions.web_api.fields import time
from functions.web_api.found import find_issue
from functions.web_api.request import ApiResponse
from functions.web_api.tag_schemas import TagKey, TagValue

# Most keys and values that are counted: a sender may give each event different tags.
_MAX_KEYS, _MAX_VALUES = 100, 1_000
_TOP = 10
# Sentry's names for fields that it shows like tags.
_NAMES = {"server": "server_name", "system": "os"}


@dataclass(slots=True)
class _Value:
    count: int
    first_ms: int
    last_ms: int


@dataclass(slots=True)
class _Counts:
    """Values of tags and fields of events, by key and value. A tag hides a field of its name."""

    tags: dict[str, dict[str, _Value]] = field(default_factory=dict)
    fields: dict[str, dict[str, _Value]] = field(default_factory=dict)

    def add(self, event: Stored) -> None:
        """Count the values of an event."""
        at_ms = received_ms(event.id, event.fields)
        for key, text in set(values_of(event.fields)):
            of, name = (
                (self.tags, key.removeprefix(TAG))
                if key.startswith(TAG)
                else (self.fields, _NAMES.get(key, key))
            )
            if name not in of and len(of) >= _MAX_KEYS:
                continue
            values = of.setdefault(name, {})
            if value := values.get(text):
                value.count += 1
                value.first_ms = min(value.first_ms, at_ms)
                value.last_ms = max(value.last_ms, at_ms)
            elif len(values) < _MAX_VALUES:
                values[text] = _Value(1, at_ms, at_ms)

    @property
    def all(self) -> dict[str, dict[str, _Value]]:
        """All keys with their values."""
        return self.fields | self.tags


def list_keys(context: Context, issue: str, organization: str = "") -> ApiResponse:
    """Return the tags of an issue with their most frequent values, counted in its newest events."""
    found = _count(context, issue, organization).all
    keys = [_to_key(key, found[key], _TOP) for key in sorted(found)]
    return ApiResponse(sorted(keys, key=lambda each: -each.total_values))


def show(context: Context, issue: str, key: str, organization: str = "") -> ApiResponse:
    """Return a tag of an issue with its most frequent values."""
    return ApiResponse(_to_key(key, _of(context, issue, organization, key), _TOP))


def list_values(context: Context, issue: str, key: str, organization: str = "") -> ApiResponse:
    """Return the values of a tag of an issue, the most frequent ones first."""
    found = _to_key(key, _of(context, issue, organization, key), _MAX_VALUES).top_values
    size, text = cursors.per_page(context), cursors.start(context)
    begin = int(text) if text.isascii() and text.isdecimal() and len(text) < 5 else 0
    more = len(found) > begin + size
    return cursors.page(context, found[begin : begin + size], str(begin + size) if more else "")


def _count(context: Context, issue: str, organization: str) -> _Counts:
    found = find_issue(context, issue, organization)
    counts = _Counts()
    newest = Newest(found.visible, found.issue.id, members=found.issue.members)
    for event in newest.events:
        counts.add(event)
    return counts


def _of(context: Context, issue: str, organization: str, key: str) -> dict[str, _Value]:
    found = _count(context, issue, organization).all.get(key)
    if found is None:
        raise NotFoundError("None of the newest events of this issue has this tag.")
    return found


def _to_key(key: str, values: dict[str, _Value], most: int) -> TagKey:
    ranked = sorted(values.items(), key=lambda each: (-each[1].count, each[0]))
    return TagKey(
        key=key,
        name=key,
        total_values=_total(values.values()),
        unique_values=len(values),
        top_values=[
            TagValue(
                key=key,
                name=text,
                value=text,
                count=each.count,
                first_seen=time(each.first_ms),
                last_seen=time(each.last_ms),
            )
            for text, each in ranked[:most]
        ],
    )


def _total(values: Iterable[_Value]) -> int:
    return sum(each.count for each in values)
