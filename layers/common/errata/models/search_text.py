"""The words by which people find an issue: what broke, and in which functions and files."""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from errata.models.titles import MAX_LINE, culprit, title

# UTF-8 bytes. With its key, the row that has it stays below 1 KB.
MAX_TEXT = 800
_MAX_EXCEPTIONS = 10
_MAX_FRAMES = 100
_NUMBERS = re.compile(r"[0-9]+")


def all_words(event: Mapping[str, Any]) -> str:
    """Return all words of an event that `search_text` may have, one part in each line."""
    return "\n".join(" ".join(part.split()) for part in _parts(event))


def search_text(event: Mapping[str, Any]) -> str:
    """Return an event's words, one part in each line: the most telling ones come first.

    These are title, culprit, transaction, logger, the values of its exceptions, and the functions
    and files of its in-app frames, from the innermost one on.
    """
    lines: dict[str, None] = {}
    left = MAX_TEXT
    for part in _parts(event):
        line = " ".join(part.split())[:MAX_LINE]
        if not line or line in lines:
            continue
        size = len(line.encode("utf-8", "replace")) + 1
        if size > left:
            break
        left -= size
        lines[line] = None
    return "\n".join(lines)


def same_words(one: str, other: str) -> bool:
    """Return whether two lines have the same words. Numbers in them do not count."""
    return one == other or without_numbers(one) == without_numbers(other)


def without_numbers(text: str) -> str:
    """Return a text in which all numbers are 0."""
    return _NUMBERS.sub("0", text)


def _parts(event: Mapping[str, Any]) -> Iterator[str]:
    yield title(event)
    yield culprit(event)
    yield _text(event.get("transaction"))
    yield _text(event.get("logger"))
    exceptions = [each for each in _list(event.get("exceptions")) if isinstance(each, dict)]
    exceptions = exceptions[: -_MAX_EXCEPTIONS - 1 : -1]
    for each in exceptions:
        yield f"{_text(each.get('type'))} {_text(each.get('value'))}"
    frames = [_list(each.get("frames")) for each in exceptions] or [_list(event.get("frames"))]
    places = (frame for each in frames for frame in islice(reversed(each), _MAX_FRAMES))
    for frame in places:
        if isinstance(frame, dict) and frame.get("in_app"):
            yield _text(frame.get("function"))
            yield _text(frame.get("filename")) or _text(frame.get("module"))
    yield _text(event.get("message"))
    yield _text(event.get("file"))


def _text(value: object) -> str:
    return value[: 2 * MAX_LINE] if isinstance(value, str) else ""


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
