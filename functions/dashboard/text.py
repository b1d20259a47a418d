"""Show text safely on a page, and count its bytes. Any text of an event may be hostile.

Jinja escapes markup. Invisible characters are shown by their codes, so that no text can hide
a part of itself or reverse the line.
"""

import json
import re
from typing import Any

from markupsafe import Markup, escape

# Control characters except tab and newline, direction marks (UAX #9), lone surrogates, line
# separators. Not the joiners U+200C and U+200D, which Persian and many emoji need.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def visible(value: Any) -> Any:
    """Return a text with its invisible characters shown by their codes. Markup stays."""
    if isinstance(value, str) and not isinstance(value, Markup):
        text = value.replace("\r\n", "\n")
        return _UNSEEN.sub(lambda found: f"\N{WHITE SQUARE}{ord(found[0]):04X}", text)
    return "" if value is None else value


def exact(value: Any) -> Markup:
    """Return a text unchanged, for form fields: the browser sends it back."""
    return escape("" if value is None else value)


def weight(text: str) -> int:
    """Return how many bytes a text takes on a page."""
    return len(str(escape(visible(text))).encode("utf-8", "replace"))


def indented(value: Any, most: int, *, ascii_only: bool = False) -> str:
    """Return a value as indented JSON. Stop at the first part that makes it longer than `most`.

    The spaces may need far more memory than the value: each line of a value that is 200 levels
    deep starts with 400.
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
