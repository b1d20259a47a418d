"""Which of two releases is the later one.

Two releases are compared by version if both have one and they do not name different packages.
Otherwise, they are compared by the time when each was first seen. Each pair is compared on its own,
so that one odd name changes nothing for the others.

    shop@10.24.0-rc.1+5
    ─┬── ───┬─── ─┬── ┬
     │      │     │   └ build, only if it is a number
     │      │     └ pre-release; a version without one is later
     │      └ one to four numbers, perhaps after a "v"
     └ package, up to the last "@"

A version without a package (`10.24.0`) is compared with those of every package. A hash of a commit
is no version. Digits alone are a version, because a date may be written like that. If the first
number may be a year, from 1900 on, `-2` after the numbers is a revision, which is later than the
version without it (calver.org).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cmp_to_key, lru_cache

# In characters. A longer name has no version.
MAX_NAME = 250
_CALENDAR = 1900
_COMMIT_DIGITS = frozenset((7, 8, 10, 12, 16, 20, 32, 40, 64))
_HEX = re.compile(r"[0-9a-f]+", re.IGNORECASE)
# Each part ends where the next one begins, so this takes linear time.
_VERSION = re.compile(
    r"v?(?P<numbers>[0-9]+(?:\.[0-9]+){0,3})"
    r"(?P<pre>-[0-9A-Za-z.-]+|[A-Za-z][0-9A-Za-z.-]*)?"
    r"(?:\+(?P<build>[0-9A-Za-z.-]+))?",
    re.IGNORECASE,
)
_REVISION = re.compile(r"-[0-9]+(?:[.-][0-9]+)*")
_WORDS = re.compile(r"[0-9]+|[A-Za-z]+")

# A word of a pre-release: a number sorts by its value and before all letters.
type _Word = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class SeenRelease:
    """A release and when it was first seen, in milliseconds since the epoch. 0: not yet."""

    name: str
    first_seen: int


@dataclass(frozen=True, slots=True, order=True)
class _VersionKey:
    """What versions are sorted by. Shorter lists of numbers are filled up with zeros."""

    numbers: tuple[int, ...]
    revision: tuple[int, ...]
    final: bool
    pre: tuple[_Word, ...]
    build: int


@dataclass(frozen=True, slots=True)
class _Version:
    package: str
    key: _VersionKey
    build: str  # if it is not a number


def compare(one: str, other: str) -> int | None:
    """Return -1, 0 or 1 if `one` is before, equal to or after `other` by version.

    None if versions do not decide it: packages differ, a name has no version, or versions differ
    only in builds that are not numbers. Never raises.
    """
    if one == other:
        return 0
    first, second = _parsed(one), _parsed(other)
    if first is None or second is None:
        return None
    if first.package and second.package and first.package != second.package:
        return None
    if first.key == second.key:
        return 0 if first.build == second.build else None
    return 1 if first.key > second.key else -1


def order(one: SeenRelease, other: SeenRelease) -> int:
    """Return -1, 0 or 1 if `one` is before, equal to or after `other`.

    Compares the times when they were first seen if versions do not decide it. A release that was
    not seen yet comes last.
    """
    decided = compare(one.name, other.name)
    if decided is not None:
        return decided
    first, second = (each.first_seen or float("inf") for each in (one, other))
    return (first > second) - (first < second)


def newest(releases: Iterable[SeenRelease]) -> SeenRelease | None:
    """Return the newest release, None if there is none.

    Finds the newest release of each package by version, and returns the one of these that was first
    seen last. So the result does not depend on the order of `releases`.
    """
    found = sorted(releases, key=lambda each: (each.name, each.first_seen))
    packages = {each.name: _package(each.name) for each in found}
    named = set(packages.values()) - {None, ""}
    of_package: dict[str, list[SeenRelease]] = {}
    for each in found:
        package = packages[each.name]
        if package == "" and len(named) == 1:
            (package,) = named
        of_package.setdefault(each.name if package is None else f"@{package}", []).append(each)
    last = (max(group, key=cmp_to_key(order)) for group in of_package.values())
    return max(last, key=lambda each: (each.first_seen, each.name), default=None)


def _package(name: str) -> str | None:
    """Return the package of a version, "" if it names none. None if a name has no version."""
    version = _parsed(name)
    return version.package if version else None


def _parsed(name: str) -> _Version | None:
    return _parsed_short(name) if len(name) <= MAX_NAME else None


@lru_cache(maxsize=2_000)
def _parsed_short(name: str) -> _Version | None:
    package, _, version = name.strip().rpartition("@")
    found = None if _is_commit(version) else _VERSION.fullmatch(version)
    if not found:
        return None
    numbers = tuple(int(each) for each in found["numbers"].split("."))
    pre, revision = found["pre"] or "", tuple[int, ...]()
    if numbers[0] >= _CALENDAR and _REVISION.fullmatch(pre):
        revision, pre = tuple(int(each) for each in _WORDS.findall(pre)), ""
    build = found["build"] or ""
    key = _VersionKey(
        numbers + (0,) * (4 - len(numbers)),
        revision,
        not pre,
        tuple(map(_word, _WORDS.findall(pre))),
        int(build) if build.isdigit() else -1,
    )
    return _Version(package, key, "" if build.isdigit() else build)


def _is_commit(text: str) -> bool:
    """Return whether a text is the hash of a commit, in full or as short as tools print it."""
    return len(text) in _COMMIT_DIGITS and not text.isdigit() and bool(_HEX.fullmatch(text))


def _word(text: str) -> _Word:
    return (0, int(text), "") if text.isdigit() else (1, 0, text.lower())
