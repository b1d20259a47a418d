"""Leaves personal data out of what agents read, and puts `[withheld]` instead.

Nothing that is stored changes. What counts: e-mail and IP addresses in any text; the user of an
event, and mentions of their id, address and user name; values whose name says that they are
personal, such as `user_id` or `clientIp`. What a text says of people in other words stays, and so
do names of releases: `shop@2.4.0-rc.one` has the form of an address.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, cast

from errata.models.event import Fields, StoredEvent
from errata.models.issue import Activity, Issue
from errata.scrubbing.addresses import without_email_addresses, without_ip_addresses
from errata.scrubbing.person import ERASED, MIN_MENTION, Person

WITHHELD = "[withheld]"
# Characters of a text. Nobody shows more of one to an agent.
_MOST = 50_000
# Texts of an event, names included. The others are withheld: an event of 1 MB may have very many.
_MOST_VALUES = 10_000
# No Markdown form has these.
_NOT_SHOWN = frozenset(
    ("extra", "modules", "contexts", "debug_meta", "other", "source_map", "problems", "scrubbed")
)
# A text with more characters may have been cut, as titles are. A shorter one is complete.
_MAY_BE_CUT = 190
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
# A name that ends with these words.
_ENDINGS = frozenset(("email", "emails", "mail", "username", "ip", "uid", "phone", "userid"))
_COUPLES = frozenset(
    [
        *(("user", "id"), ("user", "name"), ("customer", "id"), ("account", "id")),
        *(("ip", "address"), ("ip", "addr"), ("remote", "addr"), ("remote", "address")),
        *(("first", "name"), ("last", "name"), ("full", "name"), ("phone", "number")),
    ]
)
# `user_id=42`, `"userId": 42`, `uid%3D42`
_PAIR = re.compile(
    r"""(?i)(?<![a-z])((?:user|customer|account)[_-]?id|uid|user[_-]?name)"""
    r"""(\\?["']?\s{0,4}(?:[:=]|%3D)\s{0,4}\\?["']?)[\w.+-]{1,200}"""
)
# An e-mail address whose end was cut off.
_CUT = re.compile(r"[^\s@\"'<>(]{1,64}@[^\s@\"'<>)]{0,255}(?=…|\Z)")


def text_without(text: str) -> str:
    """Return a text without addresses and ids of users."""
    text = without_email_addresses(text[:_MOST], WITHHELD)
    text = _PAIR.sub(rf"\1\2{WITHHELD}", without_ip_addresses(text, WITHHELD))
    if "@" in text and (len(text) > _MAY_BE_CUT or "…" in text):
        text = _CUT.sub(WITHHELD, text)
    return text


@lru_cache(maxsize=2_000)
def is_personal(name: str) -> bool:
    """Return whether a field, tag or variable of this name is about a person."""
    words = [each.lower() for each in _WORD.findall(name[:100])]
    if not words:
        return False
    return words[-1] in _ENDINGS or words == ["user"] or tuple(words[-2:]) in _COUPLES


def event_without(event: StoredEvent) -> StoredEvent:
    """Return what an agent sees of an event: without its user, and without personal data.

    Also without the fields that no Markdown form shows.
    """
    fields: Mapping[str, Any] = event
    context = fields.get("context")
    user = context.get("user") if isinstance(context, dict) else None
    found = user.values() if isinstance(user, dict) else ()
    values = {str(each) for each in found if isinstance(each, str | int)}
    people = [Person(each) for each in values if MIN_MENTION <= len(each) <= 200]
    kept = {name: each for name, each in fields.items() if name not in _NOT_SHOWN}
    if isinstance(context, dict):
        kept["context"] = {name: each for name, each in context.items() if name != "user"}
    clean = _Cleaner(people).object(kept)
    if "release" in clean:
        clean["release"] = fields["release"]
    return cast("StoredEvent", clean)


def issue_without(issue: Issue) -> Issue:
    """Return an issue without personal data in its texts and names, but for releases."""
    texts = ("title", "culprit", "transaction", "grouped_by")
    changed: dict[str, Any] = {name: text_without(getattr(issue, name)) for name in texts}
    for name in ("environments", "servers"):
        counts = getattr(issue, name)
        changed[name] = {text_without(each): number for each, number in counts.items()}
    return replace(issue, **changed)


def activity_without(entry: Activity) -> Activity:
    """Return an entry of an issue's activity without personal data."""
    detail, text = text_without(entry.detail), text_without(entry.text)
    return replace(entry, by=text_without(entry.by), detail=detail, text=text)


@dataclass(slots=True)
class _Cleaner:
    """Leaves the personal data out of values of JSON. `left`: how many more it looks at."""

    people: list[Person]
    left: int = _MOST_VALUES

    def object(self, fields: Fields) -> Fields:
        """Return an object without personal data."""
        return {self._text(name): self._value(name, value) for name, value in fields.items()}

    def _value(self, name: str, value: Any) -> Any:
        if is_personal(name) and isinstance(value, str | int | float) and value != "":
            return WITHHELD
        return self._clean(value)

    def _clean(self, value: Any) -> Any:
        match value:
            case dict():
                return self.object(value)
            case list():
                return [self._clean(each) for each in value]
            case str():
                return self._text(value)
            case int() if any(each.is_same(value) for each in self.people):
                return WITHHELD
        return value

    def _text(self, text: str) -> str:
        self.left -= 1
        if self.left < 0:
            return WITHHELD
        text = text[:_MOST]
        for person in self.people:
            if person.is_near(text):
                text = person.without(text).replace(ERASED, WITHHELD)
        return text_without(text)
