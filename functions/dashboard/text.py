"""Show text safely on a page, and count its bytes. Any text of an event may be hostile.

Jinja escapes markup. Invisible characters are shown by their codes, so that no text can hide
a part of itself or reverse the line.
"""

import json
import re
from typing import Any

from markupsafe import Markup, escape

from errata.models.invisible import by_codes

# A name that fits a phone needs no breaks.
_MAX_UNBROKEN, _MOST_BREAKS = 30, 8
_PART = re.compile(r"(?<=[/\\.])(?=\w)")


def visible(value: Any) -> Any:
    """Return a text with its invisible characters shown by their codes. Markup stays."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return by_codes(value)
    return "" if value is None else value


def exact(value: Any) -> Markup:
    """Return a text unchanged, for form fields: the browser sends it back."""
    return escape("" if value is None else value)


def breakable(text: str) -> Markup:
    """Return a path or a dotted name. If it is long, its lines may break after its parts."""
    if len(text) <= _MAX_UNBROKEN:
        return escape(visible(text))
    parts = _PART.split(text, _MOST_BREAKS)
    return Markup("<wbr>").join(escape(visible(part)) for part in parts)


def weight(text: str) -> int:
    """Return how many bytes a text takes on a page."""
    return len(str(escape(visible(text))).encode("utf-8", "replace"))


def indented(value: Any, most: int, *, ascii_only: bool = False) -> str:
    """Return a value as indented JSON. Stop at the first part that makes it longer than `most`.

    The indentation may need far more memory than the value: 200 levels deep, each line starts with
    400 spaces.
    """
    encoder = json.JSONEncoder(ensure_ascii=ascii_only, indent=2, default=str)
    parts, size = [], 0
    for part in encoder.iterencode(value):
        parts.append(part)
        size += len(part)
        if size > most:
            break
    return "".join(parts)


def fit(text: str, most: int, size: int) -> str:
    """Return the start of a text: at most `most` characters and `size` bytes on a page."""
    short = text[:most]
    while short and (found := weight(short)) > size:
        short = short[: max(0, len(short) * size // found - 1)]
    return short
