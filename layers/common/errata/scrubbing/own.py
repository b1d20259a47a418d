"""Scrubs an event by the rules of its project, in addition to the built-in ones.

Values at exempt paths are wrapped first, so that the built-in rules leave them. Then a second walk
through the event unwraps them and applies the rules of the project.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from errata.models.event import Fields, Scrubbed
from errata.models.ids import sdk_event_id
from errata.scrubbing import FILTERED, paths
from errata.scrubbing.addresses import (
    may_have_ip_address,
    without_email_addresses,
    without_ip_addresses,
)
from errata.scrubbing.built_in import scrub
from errata.scrubbing.fields import MAX_NOTED, FieldPath
from errata.scrubbing.names import MAX_NAME, Kind, kind, words_of
from errata.scrubbing.own_rules import NameWords, OwnRules, Pattern
from errata.scrubbing.paths import Nodes
from errata.scrubbing.texts import may_have_pairs, secret_parameters, without_pairs

_MAX_PATH = 200
# A text with more matches of patterns is replaced as a whole. Each match may take time that is
# linear in the rest of the text.
_MAX_MATCHES = 100
_HARMLESS = (None, "", True, False, FILTERED)
# As for the built-in rules: bytes count for symbols, and source code has all sorts of names.
_SYMBOLS = frozenset(("debug_meta", "source_map"))
_PATHS_OF_FRAMES = frozenset(("filename", "abs_path"))
_SOURCE = frozenset(("context_line", "pre_context", "post_context"))
# These look like addresses: `1.2.3.4`, `shop@1.2.beta`.
_VERSIONS = frozenset(("version", "versions", "release", "dist"))
_OF_IP_ADDRESSES = frozenset(
    [
        *(("ip", "address"), ("remote", "addr"), ("client", "ip"), ("forwarded", "for")),
        *(("real", "ip"), ("connecting", "ip")),
    ]
)
_OF_EMAIL_ADDRESSES = (["email"], ["email", "address"], ["e", "mail"])
_TIME = re.compile(r"[0-9T:.Z+-]{10,40}")


class _Exempt(str):
    """A value that stays. The built-in rules see an empty text, which is no secret."""

    __slots__ = ("value",)
    value: Any


def scrub_with(own: OwnRules, fields: Fields, content: bytes | None = None) -> list[Scrubbed]:
    """Replace the secrets in the fields of an event, in place. Return where they were, and why.

    `content` is the JSON that the fields are read from, if it is at hand. Takes time that is linear
    in the size of the event.
    """
    walk = _Walk(own)
    if own.exempt:
        _wrap(fields, paths.start(own.exempt))
    walk.noted = scrub(fields, content, walk.clean_name)
    walk.prepare("\n".join(_texts(fields)).encode(errors="surrogatepass"))
    clean = walk.event(fields)
    fields.clear()
    fields.update(clean)
    return walk.noted


def _wrap(value: Any, nodes: Nodes) -> None:
    """Wrap the values in an object or array that are at exempt paths."""
    for name, each in value.items() if type(value) is dict else enumerate(value):
        inside = paths.below(nodes, str(name))
        if paths.is_exempt(inside):
            value[name] = _Exempt()
            value[name].value = each
        elif inside and type(each) in (dict, list):
            _wrap(each, inside)


class _Walk:
    """A walk through an event that the built-in rules have scrubbed.

    Where `names` is false, names say nothing about values, and only patterns apply.
    """

    def __init__(self, own: OwnRules) -> None:
        self.own = own
        self.noted: list[Scrubbed] = []

    def prepare(self, lines: bytes) -> None:
        """Keep only the rules that may match in an event with these texts and names."""
        own = self.own
        self.patterns = tuple(
            each for each in own.patterns if not each.in_lines or each.in_lines.search(lines)
        )
        self.emails = own.email_addresses and (b"@" in lines or b"%40" in lines)
        self.ips = own.ip_addresses and may_have_ip_address(lines)

    def event(self, fields: Fields) -> Fields:
        """Return the fields of an event without secrets."""
        symbols = {name: fields.pop(name) for name in _SYMBOLS if name in fields}
        kept: Fields = {
            name: fields.pop(name)
            for name in ("event_id", "timestamp")
            if name in fields and _is_harmless(name, fields[name])
        }
        clean = self._object(fields, (), names=True)
        return clean | {name: _unwrapped(each) for name, each in (kept | symbols).items()}

    def clean_name(self, name: str) -> str:
        """Return a name without secrets in it."""
        own = self.own
        return _clean_name(name, own.patterns, own.ip_addresses, own.email_addresses)

    def _value(self, name: str, value: Any, path: FieldPath, names: bool) -> Any:
        if type(value) is _Exempt:
            value, names = value.value, False
        elif name in _PATHS_OF_FRAMES or path == ((), "modules"):
            names = False
        rule = self._rule(name) if names and name else ""
        if rule and value not in _HARMLESS and (rule == "own-name" or type(value) is str):
            return self._filtered(path, rule)
        match value:
            case str():
                return self._text(name, value, path, names)
            case dict():
                return self._object(value, path, names)
            case list():
                return self._array(name, value, path, names)
            case bool() | None | float():
                return value
        return self._number(value, path)

    def _object(self, fields: Fields, path: FieldPath, names: bool) -> Fields:
        title = fields.get("key") or fields.get("name") if "value" in fields else None
        if names and self.own.names and "params" in fields:
            self._parameters(fields, path)
        clean: Fields = {}
        for name, value in fields.items():
            called = title if name == "value" and type(title) is str else name
            shown = _clean_name(name, self.patterns, self.ips, self.emails)
            if shown != name:
                self._filtered((path, shown), "in-name")
            clean[shown] = self._value(called, value, (path, shown), names)
        return clean

    def _array(self, name: str, values: list[Any], path: FieldPath, names: bool) -> list[Any]:
        """Replace the secrets in an array in place. Two texts may be a name with its value."""
        if len(values) == 2 and type(values[0]) is str and name not in _SOURCE:
            name = values[0]
            values[0] = self._value("", name, (path, 0), names)
            values[1] = self._value(name, values[1], (path, 1), names)
            return values
        inner = name if name in _SOURCE else ""
        for number, value in enumerate(values):
            values[number] = self._value(inner, value, (path, number), names)
        return values

    def _text(self, name: str, text: str, path: FieldPath, names: bool) -> str:
        own = self.own
        if names and own.names and name not in _SOURCE and may_have_pairs(text):
            text = self._noted(text, without_pairs(text, self._kind), path, "own-name")
        for pattern in self.patterns:
            text = self._noted(text, _without(pattern, text), path, "own-pattern")
        if not (names and (self.emails or self.ips)) or _is_version(name[:MAX_NAME]):
            return text
        if self.emails:
            text = self._noted(text, without_email_addresses(text), path, "email-address")
        if self.ips and kind(name[:MAX_NAME]) is not Kind.USER_AGENT:
            text = self._noted(text, without_ip_addresses(text), path, "ip-address")
        return text

    def _parameters(self, entry: Fields, path: FieldPath) -> None:
        template, params = entry.get("message"), entry["params"]
        if type(template) is str and type(params) in (list, dict):
            for name in secret_parameters(template, params, self._kind):
                if params[name] not in _HARMLESS and type(params[name]) is not _Exempt:
                    params[name] = self._filtered(((path, "params"), name), "own-name")

    def _number(self, value: int, path: FieldPath) -> Any:
        text = str(value)
        if any(_without(pattern, text) != text for pattern in self.patterns):
            return self._filtered(path, "own-pattern")
        return value

    def _rule(self, name: str) -> str:
        own = self.own
        return _rule(own.names, own.ip_addresses, own.email_addresses, name[:MAX_NAME])

    def _kind(self, name: str) -> Kind:
        return Kind.SECRET if self._rule(name) == "own-name" else Kind.PLAIN

    def _noted(self, text: str, clean: str, path: FieldPath, rule: str) -> str:
        if clean != text:
            self._filtered(path, rule)
        return clean

    def _filtered(self, path: FieldPath, rule: str) -> str:
        if len(self.noted) < MAX_NOTED:
            names: list[str] = []
            while path:
                path, name = path
                names.append(str(name)[:_MAX_PATH])
            self.noted.append({"field": ".".join(reversed(names))[:_MAX_PATH], "rule": rule})
        return FILTERED


def _is_harmless(name: str, value: Any) -> bool:
    """Return whether the id or the timestamp of an event is valid. Then it stays as it is."""
    if name == "event_id":
        return sdk_event_id(value) is not None
    return type(value) is not str or _TIME.fullmatch(value) is not None


def _unwrapped(value: Any) -> Any:
    if type(value) is _Exempt:
        return value.value
    if type(value) is dict:
        return {name: _unwrapped(each) for name, each in value.items()}
    return [_unwrapped(each) for each in value] if type(value) is list else value


@lru_cache(4_096)
def _rule(own: frozenset[NameWords], ip_addresses: bool, email_addresses: bool, name: str) -> str:
    """Return the rule that says by a name that its value is a secret, "" if there is none."""
    words = words_of(name)
    if _has(own, words):
        return "own-name"
    if ip_addresses and _has(_OF_IP_ADDRESSES, words):
        return "ip-address"
    return "email-address" if email_addresses and words in _OF_EMAIL_ADDRESSES else ""


def _has(names: frozenset[NameWords], words: list[str]) -> bool:
    """Return whether the words of one of the names follow each other in `words`."""
    sizes = {len(each) for each in names}
    return any(
        tuple(words[at : at + size]) in names
        for size in sizes
        for at in range(len(words) - size + 1)
    )


@lru_cache(4_096)
def _is_version(name: str) -> bool:
    words = words_of(name)
    return bool(words) and words[-1] in _VERSIONS


def _texts(fields: Fields) -> Iterator[str]:
    """Yield all texts, names and numbers of an event."""
    left: list[Any] = [fields]
    while left:
        value = left.pop()
        if type(value) is dict:
            yield from value
            left += value.values()
        elif type(value) is list:
            left += value
        elif type(value) is _Exempt:
            left.append(value.value)
        elif type(value) is str or type(value) is int:
            yield str(value)


def _clean_name(
    name: str, patterns: tuple[Pattern, ...], ip_addresses: bool, email_addresses: bool
) -> str:
    for pattern in patterns:
        name = _without(pattern, name)
    if email_addresses:
        name = without_email_addresses(name)
    return without_ip_addresses(name) if ip_addresses else name


def _without(pattern: Pattern, text: str) -> str:
    """Return a text without the matches of a pattern."""
    sent = text.encode(errors="surrogatepass")
    parts: list[bytes] = []
    end = 0
    for found in pattern.expression.finditer(sent):
        start, stop = found.span()
        if len(parts) >= 2 * _MAX_MATCHES:
            return FILTERED
        parts += [sent[end:start], FILTERED.encode()]
        end = stop
    return b"".join([*parts, sent[end:]]).decode(errors="surrogatepass") if parts else text
