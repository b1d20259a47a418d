"""Scrub events by the rules of their project and of its organization."""

import logging
from functools import lru_cache

from errata.caches import BoundedDict
from errata.errors import UnavailableError
from errata.models.event import Fields, Scrubbed
from errata.models.organization import DEFAULT_ORGANIZATION, UNCLAIMED
from errata.models.project import Access
from errata.scrubbing.own import scrub_with
from errata.scrubbing.own_rules import OwnRules, WrongScrubbingRulesError, parse_rules
from errata.store import scrubbing_rules

logger = logging.getLogger("errata")

# Rules of one owner by version. Their patterns may take a megabyte each.
_parsed = BoundedDict[tuple[str, str], OwnRules](max_entries=100)


def scrub(fields: Fields, access: Access, content: bytes | None) -> list[Scrubbed]:
    """Replace the secrets in an event of a project with rules, in place. Return where they were.

    `content` is the JSON that the fields are read from, if the caller has it.

    Raises:
        StoreError: the rules cannot be read now.
        UnavailableError: this release does not understand them.
    """
    return scrub_with(_current(access), fields, content)


def _current(access: Access) -> OwnRules:
    of_organization, _, of_project = access.scrub_rules.partition("/")
    organization = access.organization
    if organization == UNCLAIMED:
        organization = DEFAULT_ORGANIZATION
    found = [
        _rules(owner, version)
        for owner, version in (
            (scrubbing_rules.of_organization(organization), of_organization),
            (scrubbing_rules.of_project(access.project_id), of_project),
        )
        if version
    ]
    return found[0] if len(found) == 1 else _sum(*found)


def _rules(owner: str, version: str) -> OwnRules:
    known = _parsed.get((owner, version))
    if known is not None:
        return known
    found, text = scrubbing_rules.find_rules(owner)
    try:
        rules, _ = parse_rules(text)
    except WrongScrubbingRulesError as error:
        # Saved by a later release.
        logger.exception("the scrubbing rules of %s cannot be read", owner)
        raise UnavailableError from error
    _parsed[owner, found] = rules
    return rules


@lru_cache(100)
def _sum(one: OwnRules, other: OwnRules) -> OwnRules:
    """Return the rules of both. Cached, because caches of `scrubbing.own` compare its names."""
    return one + other


def clear_cache() -> None:
    """Drop the parsed rules."""
    _parsed.clear()
    _sum.cache_clear()
