"""Slugs of projects, and the short ids of issues that begin with them: `SHOP-42`."""

import re
import unicodedata

MAX_SLUG = 40
# The slug for a name without letters or digits, and its beginning for a name that is a number.
_NAMELESS = "project"
_SLUG = re.compile(r"(?![0-9]+\Z)[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_SHORT_ID = re.compile(r"(?:([a-z0-9-]{1,40})-)?([0-9]{1,10})", re.ASCII | re.IGNORECASE)


def is_slug(text: str) -> bool:
    """Return whether a text may be a slug.

    A slug has up to 40 lower-case letters (a to z), digits and dashes. It begins and ends with a
    letter or digit. It is not a number: that could be the id of a project.
    """
    return _SLUG.fullmatch(text) is not None


def slugify(name: str) -> str:
    """Return the slug for a name, such as `grosse-fische` for "Große Fische!"."""
    # NFKD separates letters from their accents, which are then removed. What casefold returns may
    # have accents again, and NFKD may return upper case, so NFKD comes before and after it.
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())
    plain = "".join(each for each in folded if not unicodedata.combining(each))
    slug = _cut(re.sub(r"[^a-z0-9]+", "-", plain).strip("-"), MAX_SLUG)
    return slug if is_slug(slug) else _cut(f"{_NAMELESS}-{slug}", MAX_SLUG)


def numbered(slug: str, suffix: str) -> str:
    """Return a slug with a suffix, such as `shop-2`. A long one is cut."""
    return f"{_cut(slug, MAX_SLUG - len(suffix) - 1)}-{suffix}"


def _cut(slug: str, most: int) -> str:
    return slug[:most].rstrip("-")


def short_id(slug: str, number: int) -> str | None:
    """Return an issue's short id, None if the project has no slug or the issue no number."""
    return f"{slug.upper()}-{number}" if slug and number else None


def parse_short_id(text: str) -> tuple[str, int] | None:
    """Return the slug and the number in a short id. The slug of a bare number is "".

    Ignores case. Returns None if the text is neither.
    """
    found = _SHORT_ID.fullmatch(text)
    return ((found[1] or "").lower(), int(found[2])) if found else None
