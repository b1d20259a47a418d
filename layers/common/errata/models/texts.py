"""Texts of limited size."""

# UTF-8 bytes of an issue's texts. With these limits, its whole row stays below 8 KB.
MAX_FINGERPRINT = 600
MAX_TITLE = MAX_CULPRIT = 400
MAX_GROUPED_BY = 500
MAX_TEXT = 200


def cut(text: str, most: int) -> str:
    """Return the start of a text, at most `most` bytes of UTF-8."""
    if len(text) <= most and text.isascii():
        return text
    return text.encode("utf-8", "replace")[:most].decode("utf-8", "ignore")


def cut_marked(text: str, most: int) -> str:
    """Return the start of a text, at most `most` bytes of UTF-8. “…” replaces what is cut."""
    if len(text.encode("utf-8", "replace")) <= most:
        return cut(text, most)
    return cut(text, most - len("…".encode())) + "…"
