"""Replaces the secrets in an event by Errata's own rules."""

from collections.abc import Callable

from errata.models.event import Fields, Scrubbed
from errata.scrubbing.search import find_hints


def scrub(
    fields: Fields, content: bytes | None = None, clean_name: Callable[[str], str] = str
) -> list[Scrubbed]:
    """Replace the secrets in the fields of an event, in place. Return where they were, and why.

    `content` is the JSON that the fields are read from, if it is at hand. `clean_name` removes
    secrets by other rules from the names in the returned paths.
    """
    found = find_hints(fields, content)
    if not found:
        return []
    from errata.scrubbing.fields import scrub_found  # most events have nothing

    return scrub_found(fields, found, clean_name)
