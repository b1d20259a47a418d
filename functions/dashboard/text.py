"""Show text safely on a page, and count its bytes. Any text of an event may be hostile.

Jinja escapes markup. Invisible characters are shown by their codes, so that no text can hide
a part of itself or reverse the line.
"""

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


def fit(text: str, most: int, size: int) -> str:
    """Return the start of a text: at most `most` characters and `size` bytes on a page."""
    short = text[:most]
    while short and (found := weight(short)) > size:
        short = short[: max(0, len(short) * size // found - 1)]
    return short
