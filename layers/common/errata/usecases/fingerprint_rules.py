"""Set and preview the fingerprint rules of a project. `apply_rules` applies them."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from itertools import islice

from errata.errors import InvalidInputError
from errata.grouping import rules, v2
from errata.grouping.rules import MAX_BYTES, FingerprintRule
from errata.models.titles import title
from errata.models.visible import Visible
from errata.store import fingerprint_rules as store
from errata.usecases import audit, projects
from errata.usecases.newest_events import newest_events

__all__ = ["MAX_BYTES", "Previewed", "by_rule", "find_text", "preview", "set_text"]

PREVIEWED = 100


@dataclass(frozen=True, slots=True)
class Previewed:
    """A recent event under new rules. `rule` is None if no rule matches it.

    `fingerprint` is what the event would get. `differs` says whether this is not what it has.
    """

    event_id: str
    title: str
    rule: FingerprintRule | None
    fingerprint: str
    differs: bool


def find_text(project_id: str) -> str:
    """Return the text of a project's rules, "" if it has none.

    Raises:
        NotFoundError: there is no such project.
    """
    projects.find(project_id)
    _, text = store.find_rules(project_id)
    return text


@audit.recorded("fingerprint rules changed")
def set_text(project_id: str, text: str) -> int:
    """Replace the rules of a project; "" removes them. Return how many there are now.

    Takes effect within 30 seconds, for new events.

    Raises:
        InvalidInputError: names what is wrong with the rules.
        NotFoundError: there is no such project.
    """
    number = len(_parse(text))
    projects.find_to_change(project_id)
    text = text.strip() if number else ""
    version = hashlib.sha256(text.encode(errors="replace")).hexdigest()[:12]
    store.save_rules(project_id, version, text)
    return number


def preview(visible: Visible, text: str) -> list[Previewed]:
    """Return how the newest events of SDKs would be grouped by these rules. Changes nothing.

    Raises:
        InvalidInputError: names what is wrong with the rules.
    """
    parsed = _parse(text)
    found: list[Previewed] = []
    # The ingest API's events have no platform.
    of_sdks = (each for each in newest_events(visible) if "platform" in each.fields)
    for event in islice(of_sdks, PREVIEWED):
        fields = event.fields
        rule = rules.find(parsed, fields)
        was = fields["fingerprint"]
        now = v2.group(fields, list(rule.fingerprint)).fingerprint if rule else was
        found.append(Previewed(event.id, title(fields), rule, now, now != was))
    return found


def by_rule(found: list[Previewed]) -> list[tuple[int, str, str]]:
    """Return how many events each rule matches, its line, and the title of the newest of them.

    The most frequent come first. The line is "" for events that no rule matches.
    """
    lines = [each.rule.line if each.rule else "" for each in found]
    titles = {line: each.title for line, each in zip(reversed(lines), reversed(found), strict=True)}
    return [(number, line, titles[line]) for line, number in Counter(lines).most_common()]


def _parse(text: str) -> tuple[FingerprintRule, ...]:
    try:
        return rules.parse(text)
    except rules.WrongFingerprintRulesError as error:
        raise InvalidInputError({"rules": error.complaints}) from None
