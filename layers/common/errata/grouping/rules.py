"""A project's own rules for fingerprints, which apply before the default grouping.

Each line is one rule: matchers, an arrow, and the parts of the fingerprint.

    # All timeouts of one host are one issue.
    type:*Timeout* !level:info -> timeout, {{ tags.host }}
    path:*/vendor/* message:"*out of memory*" -> vendor-memory

The first rule whose matchers all match decides. Patterns ignore case; `*` stands for any text, `?`
for one character. Matchers of frames must match the same frame.

Source: docs.sentry.io, "Fingerprint Rules".
"""

import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

MAX_BYTES = 16_000
MAX_RULES = 100
MAX_MATCHERS = 10
_MAX_PATTERN = 300
_MAX_COMPLAINTS = 10
_MAX_VALUE = 1_000
_MAX_FRAMES = 300

type _Event = Mapping[str, Any]

_MATCHER = re.compile(r'(!?)([A-Za-z_][\w.-]*+):("(?:[^"\\]|\\.)*+"|[^\s"]++)(?:\s++|$)')

# Names of matchers, each with the field of the event, of an exception or of a frame.
_OF_EVENT = {
    name: name for name in ("logger", "transaction", "release", "environment", "platform")
} | {"server_name": "server_name", "dist": "dist"}
_OF_EXCEPTIONS = {"type": "type", "error.type": "type", "value": "value", "error.value": "value"}
_OF_FRAMES = {
    "path": ("abs_path", "filename"),
    "stack.abs_path": ("abs_path",),
    "stack.filename": ("filename",),
    "module": ("module",),
    "stack.module": ("module",),
    "function": ("function",),
    "stack.function": ("function",),
    "package": ("package",),
    "stack.package": ("package",),
}
_OTHERS = ("message", "level")
NAMES = (*_OTHERS, *_OF_EVENT, *_OF_EXCEPTIONS, *_OF_FRAMES)


class WrongFingerprintRulesError(Exception):
    """Rules that cannot be parsed. `complaints` has one line for each problem."""

    def __init__(self, complaints: list[str]) -> None:
        super().__init__(" ".join(complaints))
        self.complaints = complaints


class _WrongFingerprintRuleError(Exception):
    """A line is not a valid fingerprint rule. The text says why."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """A condition of a rule. `matches` says whether a text matches its pattern."""

    name: str
    negated: bool
    matches: Callable[[str], object]


@dataclass(frozen=True, slots=True)
class FingerprintRule:
    """A rule: its line, its number from 1, its conditions and its fingerprint."""

    line: str
    number: int
    matchers: tuple[Matcher, ...]
    fingerprint: tuple[str, ...]

    def matches(self, event: _Event) -> bool:
        """Return whether all conditions hold for an event."""
        of_frames = [each for each in self.matchers if each.name in _OF_FRAMES]
        return all(
            _any(each, _values(each.name, event)) != each.negated
            for each in self.matchers
            if each.name not in _OF_FRAMES
        ) and (not of_frames or any(_frame_matches(of_frames, each) for each in _frames(event)))


def parse(text: str) -> tuple[FingerprintRule, ...]:
    """Return the rules in a text. Skips empty lines and lines that begin with `#`.

    Raises:
        WrongFingerprintRulesError: the text is too long, or lines are wrong. Names up to ten.
    """
    if len(text.encode(errors="replace")) > MAX_BYTES:
        raise WrongFingerprintRulesError([f"The rules have more than {MAX_BYTES:,} bytes."])
    rules: list[FingerprintRule] = []
    complaints: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        try:
            rules.append(_rule(line, number))
        except _WrongFingerprintRuleError as error:
            complaints.append(f"Line {number}: {error}")
    if len(rules) > MAX_RULES:
        complaints.append(f"There are {len(rules)} rules. At most {MAX_RULES} are allowed.")
    if complaints:
        raise WrongFingerprintRulesError(complaints[:_MAX_COMPLAINTS])
    return tuple(rules)


def find(rules: Iterable[FingerprintRule], event: _Event) -> FingerprintRule | None:
    """Return the first rule that matches an event, None if there is none."""
    return next((rule for rule in rules if rule.matches(event)), None)


def _rule(line: str, number: int) -> FingerprintRule:
    conditions, arrow, fingerprint = line.partition("->")
    if not arrow:
        raise _WrongFingerprintRuleError("there is no `->` before the fingerprint.")
    parts = tuple(filter(None, (_unquoted(part.strip()) for part in fingerprint.split(","))))
    if not parts:
        raise _WrongFingerprintRuleError("there is no fingerprint after `->`.")
    if any(part.startswith("title=") for part in parts):
        raise _WrongFingerprintRuleError("titles cannot be set. Remove `title=…`.")
    matchers = tuple(_matchers(conditions.strip()))
    if not matchers:
        raise _WrongFingerprintRuleError(
            "there is no condition before `->`, such as type:ValueError."
        )
    if len(matchers) > MAX_MATCHERS:
        raise _WrongFingerprintRuleError(f"there are more than {MAX_MATCHERS} conditions.")
    return FingerprintRule(line, number, matchers, parts)


def _matchers(text: str) -> Iterable[Matcher]:
    position = 0
    while position < len(text):
        found = _MATCHER.match(text, position)
        if found is None:
            rest = text[position : position + 40]
            raise _WrongFingerprintRuleError(
                f"{rest!r} is not a condition. Write name:pattern. Quote a pattern with spaces."
            )
        negated, name, pattern = found.groups()
        if name not in NAMES and not name.startswith("tags."):
            known = ", ".join((*NAMES, "tags.NAME"))
            raise _WrongFingerprintRuleError(f"there is no condition {name}. Use one of: {known}.")
        pattern = _unquoted(pattern)
        if len(pattern) > _MAX_PATTERN:
            raise _WrongFingerprintRuleError(f"a pattern has more than {_MAX_PATTERN} characters.")
        # fnmatch makes atomic groups, so it takes linear time. It must not read sets: `[a]`.
        glob = pattern.lower().replace("[", "[[]")
        yield Matcher(name, bool(negated), re.compile(fnmatch.translate(glob)).match)
        position = found.end()


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] == '"':
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text


def _any(matcher: Matcher, values: Iterable[object]) -> bool:
    return any(
        matcher.matches(value[:_MAX_VALUE].lower()) for value in values if isinstance(value, str)
    )


def _values(name: str, event: _Event) -> list[object]:
    if name in _OF_EVENT:
        return [event.get(_OF_EVENT[name])]
    if name in _OF_EXCEPTIONS:
        return [each.get(_OF_EXCEPTIONS[name]) for each in _objects(event.get("exceptions"))]
    if name == "level":
        return [event.get("sentry_level"), event.get("level")]
    if name == "message":
        exceptions = _objects(event.get("exceptions"))
        return [event.get("message"), *(each.get("value") for each in exceptions)]
    tags = event.get("tags")
    return [tags.get(name.removeprefix("tags."))] if isinstance(tags, dict) else []


def _frame_matches(matchers: list[Matcher], frame: _Event) -> bool:
    return all(
        _any(each, [frame.get(field) for field in _OF_FRAMES[each.name]]) != each.negated
        for each in matchers
    )


def _frames(event: _Event) -> list[_Event]:
    """Return the frames of an event, the innermost ones of the last exception first."""
    found = [*_objects(event.get("frames"))]
    for exception in _objects(event.get("exceptions")):
        found += _objects(exception.get("frames"))
    return found[: -_MAX_FRAMES - 1 : -1]


def _objects(value: object) -> list[_Event]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
