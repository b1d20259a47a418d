"""Replaces the secrets in an event's fields, and notes where they were."""

from collections.abc import Callable
from typing import Any

from errata.models.event import Fields, Scrubbed
from errata.scrubbing import FILTERED
from errata.scrubbing.names import MAX_NAME, Kind, is_cookie_secret, kind
from errata.scrubbing.numbers import is_card
from errata.scrubbing.search import SecretHints
from errata.scrubbing.texts import may_have_pairs, secret_parameters, without_pairs

# The maximum number of places that are noted. All secrets are replaced.
MAX_NOTED = 50
_MAX_PATH = 200
# Fields that stay as they are: for symbolication, bytes count.
_EXEMPT = frozenset(("debug_meta", "source_map"))
_EXEMPT_OF_FRAMES = frozenset(("filename", "abs_path"))
# Source code has names of secrets everywhere, but hardly any secrets. Only rules for values apply.
_SOURCE = frozenset(("context_line", "pre_context", "post_context"))
_QUIET_OF_FRAMES = _EXEMPT_OF_FRAMES | _SOURCE
_NOTHING = frozenset[str]()
# Values that hide nothing, whatever they are called.
_HARMLESS = (None, "", True, False, FILTERED)
_PLAIN = Kind.PLAIN
_NUMBERS = (int, float)
# No number below has as many digits as a payment card.
_LEAST_CARD = 10**12
# A shorter name has no secret in it.
_MIN_LENGTH = 16

# The path of a part: that of the part around it, and its own name or number. () is the event.
type FieldPath = tuple[Any, ...]


def scrub_found(
    fields: Fields, found: SecretHints, clean_name: Callable[[str], str] = str
) -> list[Scrubbed]:
    """Replace the secrets in an event's fields, in place, for the hints that a search has found.

    Returns where the secrets were, and why.
    """
    scrubber = _Scrubber(found, clean_name)
    exempt = {name: fields.pop(name) for name in _EXEMPT if name in fields}
    if "modules" in fields:
        # Names of packages, such as `oauth-client`, have their versions as values.
        (exempt["modules"],) = scrubber.plain([fields.pop("modules")], ((), "modules"))
    clean = scrubber.fields(fields, ())
    if clean is not fields:
        fields.clear()
    fields.update(clean if clean is not fields else {}, **exempt)
    return scrubber.noted


class _Scrubber:
    """A walk through an event, for what a search has found in its JSON.

    Most values are looked at without a function call: a client may send very many.
    """

    def __init__(self, found: SecretHints, clean_name: Callable[[str], str]) -> None:
        self.rules, self.texts = found.rules, found.texts
        self.clean_name = clean_name
        self.noted: list[Scrubbed] = []

    def fields(self, fields: Fields, path: FieldPath, of_frame: bool = False) -> Fields:
        """Return an object without secrets. It is changed in place."""
        quiet, texts = not self.rules, self.texts
        title = fields.get("key") or fields.get("name") if "value" in fields else None
        if texts and "params" in fields:
            self._parameters(fields, path)
        renamed = False
        skipped = _NOTHING
        if of_frame:
            skipped = _QUIET_OF_FRAMES if quiet else _EXEMPT_OF_FRAMES
        for name, value in fields.items():
            if name in skipped:
                continue
            if of_frame and name in _SOURCE:
                fields[name] = self._source(value, (path, name))
                continue
            if "=" in name or (not quiet and len(name) >= _MIN_LENGTH):
                renamed = renamed or self._in_name(name) != name
            called = title if name == "value" and type(title) is str else name
            if kind(called[:MAX_NAME]) is not _PLAIN:
                fields[name] = self._named(called, value, (path, name))
            elif type(value) is str:
                if not quiet or (texts and may_have_pairs(value)):
                    fields[name] = self._text(value, (path, name))
            elif type(value) is dict:
                fields[name] = self.fields(value, (path, name))
            elif type(value) is list:
                self._entries(value, (path, name), name == "frames")
            elif type(value) in _NUMBERS and value >= _LEAST_CARD:
                fields[name] = self._number(value, (path, name))
        return {self._in_name(name): fields[name] for name in fields} if renamed else fields

    def plain(self, values: list[Any], path: FieldPath) -> list[Any]:
        """Return values without secrets. If the only one is an object, ignore the names in it."""
        (value,) = values
        if type(value) is not dict:
            self._entries(values, path)
            return values
        for name in value:
            each = [value[name]]
            self._entries(each, (path, name))
            (value[name],) = each
        return values

    def _entries(
        self, entries: list[Any], path: FieldPath, frames: bool = False, pair: bool = False
    ) -> None:
        """Replace the secrets in an array in place. A pair is a name with a value."""
        quiet, texts = not self.rules, self.texts
        for number, value in enumerate(entries):
            name = entries[0] if pair and number else ""
            if type(name) is str and kind(name[:MAX_NAME]) is not _PLAIN:
                entries[number] = self._named(name, value, (path, number))
            elif type(value) is str:
                if not quiet or (texts and may_have_pairs(value)):
                    entries[number] = self._text(value, (path, number))
            elif type(value) is dict:
                entries[number] = self.fields(value, (path, number), frames)
            elif type(value) is list:
                self._entries(value, (path, number), pair=len(value) == 2)
            elif type(value) in _NUMBERS and value >= _LEAST_CARD:
                entries[number] = self._number(value, (path, number))

    def _named(self, name: str, value: Any, path: FieldPath) -> Any:
        """Return the value of a name that is not plain."""
        found = kind(name[:MAX_NAME])
        if found is Kind.USER_AGENT and type(value) is str:
            return value
        if found is Kind.USER_AGENT:
            values = [value]
            self._entries(values, path)
            return values[0]
        if found is Kind.COOKIES and type(value) is dict:
            return self._cookies(value, path)
        if value in _HARMLESS or (found is Kind.COUNTABLE and isinstance(value, int | float)):
            return value
        return self._filtered(path, "name")

    def _cookies(self, cookies: Fields, path: FieldPath) -> Fields:
        for name in cookies:
            if is_cookie_secret(name) and cookies[name] not in _HARMLESS:
                cookies[name] = self._filtered((path, name), "cookie")
        return self.fields(cookies, path)

    def _text(self, text: str, path: FieldPath) -> str:
        if self.texts and may_have_pairs(text):
            clean = without_pairs(text)
            if clean != text:
                self._filtered(path, "name")
                text = clean
        return self._form(text, path) if self.rules else text

    def _form(self, text: str, path: FieldPath) -> str:
        """Return a text without the secrets that are recognised by their form."""
        for rule in self.rules:
            clean = rule.clean(text)
            if clean != text:
                self._filtered(path, rule.name)
                text = clean
        return text

    def _source(self, value: Any, path: FieldPath) -> Any:
        """Return lines of source code without secrets."""
        if type(value) is str:
            return self._form(value, path)
        if type(value) is list:
            return [self._form(line, path) if type(line) is str else line for line in value]
        return value

    def _number(self, value: int | float, path: FieldPath) -> Any:
        """Return a number, or `[Filtered]` for a payment card.

        A card may be a float: a table's column with a missing value has only floats.
        """
        digits = f"{value:.0f}" if type(value) is float else str(value)
        return self._filtered(path, "payment-card") if is_card(digits) else value

    def _parameters(self, entry: Fields, path: FieldPath) -> None:
        """Replace parameters of a log message that its template names: `token=%s`."""
        template, params = entry.get("message"), entry["params"]
        if type(template) is str and type(params) in (list, dict):
            for name in secret_parameters(template, params):
                if params[name] not in _HARMLESS:
                    params[name] = self._filtered(((path, "params"), name), "name")

    def _in_name(self, name: str) -> str:
        """Return a name without the secrets in it."""
        if "=" in name:
            name = without_pairs(name)
        if len(name) >= _MIN_LENGTH:
            for rule in self.rules:
                name = rule.clean(name)
        return name

    def _filtered(self, path: FieldPath, rule: str) -> str:
        """Note where a secret was. Return its replacement."""
        if len(self.noted) < MAX_NOTED:
            names: list[str] = []
            while path:
                path, name = path
                names.append(self.clean_name(self._in_name(str(name)))[:_MAX_PATH])
            self.noted.append({"field": ".".join(reversed(names))[:_MAX_PATH], "rule": rule})
        return FILTERED
