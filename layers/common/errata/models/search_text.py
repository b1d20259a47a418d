"""The words by which people find an issue: what broke, and in which functions and files."""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from errata.models.titles import MAX_LINE, culprit, title

# UTF-8 bytes. With its key, the row that has it stays below 1 KB.
MAX_TEXT = 800
# If fewer bytes are left, no other part is tried.
_LEAST = 20
_MAX_EXCEPTIONS = 10
_MAX_FRAMES = 100
_NUMBERS = re.compile(r"[0-9]+")
# For a trace that was sent as a text: how many characters are read at each end, and a line that
# names an exception, such as `Caused by: java.io.IOException: no space`, `KeyError: 'sku'` or, from
# PHP, `Next RuntimeException: no stock in /app/a.php:3`. Lines of code and of frames are indented.
_MAX_STACK = 8_000
_RAISED = re.compile(
    r"^(?:Caused by: |Next | {0,40}\[cause\]: )?([A-Za-z_][\w.$\\]{0,150}: \S.{0,300})",
    re.MULTILINE,
)


def all_words(event: Mapping[str, Any]) -> str:
    """Return all words of an event that `search_text` may have, one part in each line."""
    return "\n".join(" ".join(part.split()) for part in _parts(event))


def search_text(event: Mapping[str, Any]) -> str:
    """Return an event's words, one part in each line, the most telling ones first.

    The parts are title, culprit, exceptions (the root cause first), transaction, logger, the
    functions and files of in-app frames (the innermost first), message and file. A part that does
    not fit is left out.
    """
    lines: dict[str, str] = {}
    left = MAX_TEXT
    for part in _parts(event):
        line = " ".join(part.split())[:MAX_LINE]
        start = line[: MAX_LINE - 1]  # a title that is cut ends in "…"
        if not line or start in lines:
            continue
        size = len(line.encode("utf-8", "replace")) + 1
        if size > left:
            if left < _LEAST:
                break
            continue
        left -= size
        lines[start] = line
    return "\n".join(lines.values())


def same_words(one: str, other: str) -> bool:
    """Return whether two lines have the same words. Ignores which numbers they have."""
    return one == other or without_numbers(one) == without_numbers(other)


def without_numbers(text: str) -> str:
    """Return a text in which 0 replaces each number."""
    return _NUMBERS.sub("0", text)


def _parts(event: Mapping[str, Any]) -> Iterator[str]:
    yield title(event)
    yield culprit(event)
    sent = [each for each in _list(event.get("exceptions")) if isinstance(each, dict)]
    # The root cause is sent first. The main exception, which the title names, is sent last.
    exceptions = sent[: -_MAX_EXCEPTIONS - 1 : -1]
    for each in (*sent[:1], *exceptions):
        yield _raised(each)
    if not sent:
        yield from _raised_in(event.get("stack_trace"))
    yield _text(event.get("transaction"))
    yield _text(event.get("logger"))
    frames = [_list(each.get("frames")) for each in exceptions] or [_list(event.get("frames"))]
    places = (frame for each in frames for frame in islice(reversed(each), _MAX_FRAMES))
    for frame in places:
        if isinstance(frame, dict) and frame.get("in_app"):
            yield _text(frame.get("function"))
            yield _text(frame.get("filename")) or _text(frame.get("module"))
    yield _text(event.get("message"))
    yield _text(event.get("file"))


def _raised(exception: Mapping[str, Any]) -> str:
    """Return type and value of an exception, as a title has them."""
    kind, value = _text(exception.get("type")), _text(exception.get("value"))
    return f"{kind}: {value}" if kind and value else kind or value


def _raised_in(stack: object) -> list[str]:
    """Return the exceptions that a trace names, if it was sent as a text."""
    if not isinstance(stack, str):
        return []
    ends = stack[:_MAX_STACK] + "\n" + stack[_MAX_STACK:][-_MAX_STACK:]
    return [each[1] for each in islice(_RAISED.finditer(ends), _MAX_EXCEPTIONS)]


def _text(value: object) -> str:
    return value[: 2 * MAX_LINE] if isinstance(value, str) else ""


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
