"""Rules of scrubbing that a project or its organization adds to the built-in ones.

Each line is one rule:

    # The number of a customer card, whatever the field is called.
    name: customer_number
    exempt: contexts.*.token
    pattern: \\bEMP-\\d{6}\\b
    ip-addresses: on
    email-addresses: on

Patterns are those of RE2, which take linear time.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import re2

from errata.scrubbing.names import words_of

MAX_BYTES = 8_000
MAX_NAMES = 50
MAX_EXEMPT = 50
MAX_PATTERNS = 20
MAX_PATTERN = 200
_MAX_NAME = 100
_MAX_WORDS = 5
_MAX_PATH = 200
_MAX_COMPLAINTS = 10
# Instructions of all patterns together. A pattern such as `\bEMP-\d{6}\b` has about 20. In the
# worst case, each character of a text takes one step for each of them.
_MAX_PROGRAM = 1_000
# Memory of the patterns of one text, in bytes. With less, RE2 takes more time.
_MAX_MEMORY = 1 << 19
_NAME = re.compile(r"[A-Za-z0-9_ .-]+")
# Every place in a text that a pattern may tell from another one: the first and the last, and places
# before and after letters, spaces and ends of lines.
_PLACES = ["".join(each) for size in range(3) for each in product("a \n", repeat=size)]

# The words of a name.
type NameWords = tuple[str, ...]


class WrongScrubbingRulesError(Exception):
    """A text with rules that cannot be read. `complaints` say why, a line each."""

    def __init__(self, complaints: list[str]) -> None:
        super().__init__(" ".join(complaints))
        self.complaints = complaints


class _WrongScrubbingRuleError(Exception):
    """A line is not a valid scrubbing rule. The text says why."""


class Pattern(NamedTuple):
    """All patterns of a project or an organization, as one.

    `in_lines` searches many lines at once: it matches if `expression` matches one of them. None if
    there is no such pattern.
    """

    expression: Any
    in_lines: Any


@dataclass(frozen=True, slots=True)
class OwnRules:
    """Rules of a project, of an organization, or of both.

    Attributes:
        names: words of names whose values are secrets.
        exempt: paths of parts that the other rules leave as they are, see `paths`.
        patterns: compiled by RE2, one for all patterns of a project or of an organization.
        ip_addresses, email_addresses: whether these are replaced, too.
    """

    names: frozenset[NameWords] = frozenset()
    exempt: tuple[NameWords, ...] = ()
    patterns: tuple[Pattern, ...] = ()
    ip_addresses: bool = False
    email_addresses: bool = False

    def __add__(self, other: "OwnRules") -> "OwnRules":
        """Return the rules of both."""
        return OwnRules(
            self.names | other.names,
            self.exempt + other.exempt,
            self.patterns + other.patterns,
            self.ip_addresses or other.ip_addresses,
            self.email_addresses or other.email_addresses,
        )


def parse_rules(text: str) -> tuple[OwnRules, int]:
    """Return the rules in a text, and how many. Skips lines that are empty or begin with `#`.

    Raises:
        WrongScrubbingRulesError: the text is too long, or lines are wrong. Names up to ten.
    """
    if len(text.encode(errors="replace")) > MAX_BYTES:
        raise WrongScrubbingRulesError([f"The rules have more than {MAX_BYTES:,} bytes."])
    found: dict[str, list[Any]] = {kind: [] for kind in _READ}
    complaints: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        kind, _, value = line.partition(":")
        try:
            found[kind].append(_READ[kind](value.strip()))
        except KeyError:
            complaints.append(f"Line {number}: it must begin with {_BEGINNINGS}.")
        except _WrongScrubbingRuleError as error:
            complaints.append(f"Line {number}: {error}")
    for kind, most in _MOST.items():
        if len(found[kind]) > most:
            complaints.append(
                f"There are {len(found[kind])} lines with `{kind}:`. At most {most} are allowed."
            )
    if sum(size for _, size in found["pattern"]) > _MAX_PROGRAM:
        complaints.append("The patterns are too large together. Use shorter ones, or fewer.")
    if complaints:
        raise WrongScrubbingRulesError(complaints[:_MAX_COMPLAINTS])
    patterns = [f"(?:{each})" for each, _ in found["pattern"]]
    rules = OwnRules(
        frozenset(found["name"]),
        tuple(found["exempt"]),
        (_joined("|".join(patterns)),) if patterns else (),
        any(found["ip-addresses"]),
        any(found["email-addresses"]),
    )
    return rules, sum(map(len, found.values()))


def _name(text: str) -> NameWords:
    words = words_of(text)
    if not _NAME.fullmatch(text) or not words or len(text) > _MAX_NAME or len(words) > _MAX_WORDS:
        raise _WrongScrubbingRuleError(
            f"a name has 1 to {_MAX_WORDS} words of the letters a to z, such as customer_number."
        )
    return tuple(words)


def _exempt(text: str) -> NameWords:
    parts = tuple(text.split("."))
    if len(text) > _MAX_PATH:
        raise _WrongScrubbingRuleError(f"the path has more than {_MAX_PATH} characters.")
    if not all(parts):
        raise _WrongScrubbingRuleError(
            "a path has names with a dot between them, such as extra.session."
        )
    if any("*" in part and part not in ("*", "**") for part in parts):
        raise _WrongScrubbingRuleError("`*` stands for a whole name, `**` for several.")
    return parts


def _pattern(text: str) -> tuple[str, int]:
    """Return a pattern, and how large it is."""
    if not text:
        raise _WrongScrubbingRuleError("there is no pattern.")
    if len(text) > MAX_PATTERN:
        raise _WrongScrubbingRuleError(f"the pattern has more than {MAX_PATTERN} characters.")
    try:
        pattern = _compiled(text)
    except re2.error as error:
        sent = error.args[0]
        reason = sent.decode(errors="replace") if isinstance(sent, bytes) else str(sent)
        raise _WrongScrubbingRuleError(f"RE2 does not accept the pattern: {reason}.") from None
    if any(found.start() == found.end() for each in _PLACES for found in pattern.finditer(each)):
        raise _WrongScrubbingRuleError("the pattern also matches an empty text.")
    return text, pattern.programsize


def _joined(patterns: str) -> Pattern:
    # With (?m), ^ and $ match in every line. Only these still match just where the text begins or
    # ends.
    whole = re.search(r"\\[Az]|\(\?[a-zA-Z]*-", patterns)
    return Pattern(_compiled(patterns), None if whole else _compiled(f"(?m){patterns}"))


def _compiled(pattern: str) -> Any:
    compiled = re2.compile(pattern, _options())
    re2.purge()  # its cache has no limit in bytes
    return compiled


def _options() -> Any:
    options = re2.Options()
    options.max_mem = _MAX_MEMORY
    options.never_capture = True
    options.log_errors = False
    return options


def _on(text: str) -> bool:
    if text != "on":
        raise _WrongScrubbingRuleError("the value must be on. Remove the line to turn it off.")
    return True


_READ: dict[str, Callable[[str], Any]] = {
    "name": _name,
    "exempt": _exempt,
    "pattern": _pattern,
    "ip-addresses": _on,
    "email-addresses": _on,
}
_MOST = {"name": MAX_NAMES, "exempt": MAX_EXEMPT, "pattern": MAX_PATTERNS}
_BEGINNINGS = "name:, exempt:, pattern:, ip-addresses: or email-addresses:"
