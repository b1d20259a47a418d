"""Finds a person in events, rows and texts, and replaces what names the person by `[Erased]`."""

import re
from typing import Any
from urllib.parse import quote

from errata.models.event import Fields, Scrubbed, StoredEvent
from errata.scrubbing.fields import MAX_NOTED

ERASED = "[Erased]"
RULE = "erased"
# A shorter value is only compared with users, and not searched in texts: many texts have a "7".
MIN_MENTION = 6
_NAMES = ("id", "email", "username")
# Errata cuts titles, values and other texts at 200 bytes or more. So only a line of at least so
# many bytes may begin or end within a mention.
_CUT_BYTES = 150
# Numbers that no user id can be.
_COUNTS = frozenset(("line", "lineno", "colno", "received_at"))
# Names of Errata and of SDKs, which stay even if a person is called so: the event could not be read
# without them. So do words of Errata in these fields.
_OF_PARTS = (
    "abs_path category colno context_line cookies email exception filename formatted frames"
    " function headers in_app ip_address lineno mechanism method module params"
    " project version first_event_id first_seen sent_at title culprit"
    " post_context pre_context problem query_string request stacktrace username values"
)
_OWN_NAMES = frozenset(StoredEvent.__annotations__).union(_OF_PARTS.split())
_OWN_WORDS = frozenset(("level", "sentry_level", "platform", "grouping", "trimmed"))
_MAX_PATH = 200
# What comes before a word that is not a part of it: an encoded character of a URL or of JSON, or a
# color of a terminal.
_ENCODED_BEFORE = (
    r"(?<=%[0-9a-fA-F]{2})|(?<=\\[nrt])|(?<=\\u[0-9a-fA-F]{4})"
    r"|(?<=[\[;][0-9]m)|(?<=[\[;][0-9]{2}m)"
)
# What Errata writes where it has cut a text.
_CUT = "…"


class Person:
    """A person, by the value that events have: an id, an e-mail address or a user name.

    Upper and lower case are the same in an e-mail address, and not in other values. Mentions are
    whole words: `ada@example.com` is not in `not.ada@example.com`. They may be encoded for a URL or
    JSON, and be cut at an end of a long line.
    """

    def __init__(self, value: str) -> None:
        self.value = value
        self.in_texts = len(value) >= MIN_MENTION and value not in ERASED
        self._is_email = "@" in value
        flags = re.IGNORECASE if self._is_email else re.NOFLAG
        before, after = r"(?<!\w)", r"(?!\w)"
        if self._is_email:
            # Do not match a part of another address, such as one at example.com.au.
            before, after = before + r"(?<!\w[.+-])", r"(?![^\W_])(?!\.[a-z]{2}(?!\w))"
        elif any(map(str.isdecimal, value)):
            # `user_123456` is a key for this person, `checkout_page` is a word.
            before, after = r"(?<![^\W_])", r"(?![^\W_])"
        if value.isdecimal():
            before, after = before + r"(?<!\d\.)", after + r"(?!\.\d)"
        word = _spelled(value)
        self._mention = re.compile(f"(?:{before}|{_ENCODED_BEFORE}){word}{after}", flags)
        ends = (value[:MIN_MENTION], value[-MIN_MENTION:])
        self._near = re.compile("|".join(map(_spelled, ends)), flags)
        self._forms = [self._folded(each) for each in {value, quote(value, safe="")}]

    def is_near(self, text: str) -> bool:
        """Return whether a text may have the value, also as JSON. False is certain."""
        return self._near.search(text) is not None

    def is_same(self, value: object) -> bool:
        """Return whether a value of a user is that of this person."""
        if not isinstance(value, str | int) or isinstance(value, bool):
            return False
        return self._folded(str(value)) == self._folded(self.value)

    def is_user(self, fields: Any) -> bool:
        """Return whether this is the user of an event."""
        return any(self.is_same(value) for _, value in user_values(fields))

    def without(self, text: str) -> str:
        """Return a text without mentions of the person."""
        if not self.in_texts:
            return text
        clean = self._mention.sub(ERASED, text)
        if _CUT in clean:
            *cut, end = clean.split(_CUT)
            clean = _CUT.join([*map(self._without_starts, cut), end])
        if len(clean) * 4 < _CUT_BYTES:
            return clean
        return "\n".join(map(self._uncut, clean.split("\n")))

    def erase(self, fields: Any) -> list[Scrubbed]:
        """Replace the mentions in the fields of an event, in place. Return where they were."""
        noted: list[Scrubbed] = []
        clean = self.cleaned(fields, noted)
        fields.clear()
        fields.update(clean)
        return noted

    def cleaned(self, value: Any, noted: list[Scrubbed], path: str = "") -> Any:
        """Return a value of JSON without mentions. Adds to `noted` where they were."""
        match value:
            case dict():
                return self._object(value, noted, path)
            case list():
                return [
                    self.cleaned(each, noted, _joined(path, str(number)))
                    for number, each in enumerate(value)
                ]
            case bool():
                return value
            case str():
                clean = self.without(value)
            case int() if self.in_texts and self.is_same(value):
                clean = ERASED
            case _:
                return value
        if clean != value and len(noted) < MAX_NOTED:
            noted.append({"field": path, "rule": RULE})
        return clean

    def _object(self, fields: Fields, noted: list[Scrubbed], path: str) -> Fields:
        clean: Fields = {}
        for name, value in fields.items():
            called = name if name in _OWN_NAMES else self.without(name)
            here = _joined(path, called)
            if called != name and len(noted) < MAX_NOTED:
                noted.append({"field": here, "rule": RULE})
            counts = here == "legacy.id" or (name in _COUNTS and isinstance(value, int))
            is_word = here in _OWN_WORDS and (not isinstance(value, str) or value.isalnum())
            clean[called] = value if counts or is_word else self.cleaned(value, noted, here)
        return clean

    def _folded(self, text: str) -> str:
        return text.lower() if self._is_email else text

    def _uncut(self, line: str) -> str:
        """Return a line without the parts of a mention that may be at its ends."""
        if len(line) < _CUT_BYTES and len(line.encode("utf-8", "replace")) < _CUT_BYTES:
            return line
        line = self._without_starts(line)
        for form in self._forms:
            line = self._without_end_of(form, line)
        return line

    def _without_starts(self, line: str) -> str:
        for form in self._forms:
            line = self._without_start_of(form, line)
        return line

    def _without_start_of(self, form: str, line: str) -> str:
        """Return a line that does not end with the start of a mention."""
        end = self._folded(line[1 - len(form) :])
        if form[:MIN_MENTION] in end:
            for at in range(len(end) - MIN_MENTION + 1):
                before = line[: len(line) - len(end) + at]
                if form.startswith(end[at:]) and not before[-1:].isalnum():
                    return before + ERASED
        return line

    def _without_end_of(self, form: str, line: str) -> str:
        """Return a line that does not start with the end of a mention."""
        start = self._folded(line[: len(form) - 1])
        if form[-MIN_MENTION:] in start:
            for length in range(len(start), MIN_MENTION - 1, -1):
                if form.endswith(start[:length]) and not line[length : length + 1].isalnum():
                    return ERASED + line[length:]
        return line


def user_values(fields: Any) -> list[tuple[str, object]]:
    """Return the values by which an event names its user, with their names."""
    context = fields.get("context")
    user = context.get("user") if isinstance(context, dict) else None
    if not isinstance(user, dict):
        return []
    return [(name, user[name]) for name in _NAMES if user.get(name) not in (None, "")]


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}"[:_MAX_PATH] if path else name[:_MAX_PATH]


def _spelled(text: str) -> str:
    """Return an expression for a text as it is, and as URLs and JSON write it."""
    # JSON in JSON has any number of backslashes for one. With two in a row, a text full of them
    # would take a very long time.
    return "".join(map(_character, re.sub(r"\\+", r"\\", text)))


def _character(each: str) -> str:
    if each.isascii() and each.isalnum():
        return each
    encoded = "".join(f"%{byte:02x}" for byte in each.encode("utf-8", "replace"))
    units = each.encode("utf-16-be", "replace")
    escaped = "".join(rf"\\u{units[n : n + 2].hex()}" for n in range(0, len(units), 2))
    forms = [re.escape(each), f"(?i:{encoded})", f"(?i:{escaped})"]
    if each == '"':
        forms[0] = r'\\{0,16}+"'
    elif each == "\\":
        forms[0] = r"\\{1,16}+"
    if each == " ":
        forms.append(r"\+")
    return f"(?:{'|'.join(forms)})"
