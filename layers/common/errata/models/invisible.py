"""Characters that nobody sees, but that programs read. Any text of an event may have them."""

import re

# Control characters except tab and newline, direction marks (UAX #9), lone surrogates, line
# separators, tags (U+E0000). Not the joiners U+200C and U+200D, which Persian and many emoji need.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def by_codes(text: str) -> str:
    """Return a text with its invisible characters shown by their codes, lines ending with LF.

    So no text can hide a part of itself from a person, or reverse the line.
    """
    return _UNSEEN.sub(
        lambda found: f"\N{WHITE SQUARE}{ord(found[0]):04X}", text.replace("\r\n", "\n")
    )
