"""Set and preview the scrubbing rules of a project or an organization.

`apply_scrubbing` applies them.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from errata.errors import InvalidInputError
from errata.models.event import Fields, StoredEvent
from errata.models.organization import DEFAULT_ORGANIZATION
from errata.models.project import Project
from errata.models.visible import Visible
from errata.scrubbing import paths
from errata.scrubbing.own import scrub_with
from errata.scrubbing.own_rules import MAX_BYTES, OwnRules, WrongScrubbingRulesError, parse_rules
from errata.store import scrubbing_rules as store
from errata.usecases import access, audit, organizations, projects
from errata.usecases.newest_events import newest_events

__all__ = [
    "MAX_BYTES",
    "Preview",
    "Row",
    "find_text",
    "preview",
    "set_of_organization",
    "set_of_project",
]

PREVIEWED = 100
# A preview ends after this time: very large events take seconds each.
_MOST_S = 8


class Row(NamedTuple):
    """A path, the rule for it, and how many events have a value there. Numbers are `*`.

    `stays` is true if the value was replaced, and would not be with the new rules.
    """

    path: str
    rule: str
    events: int
    stays: bool


class Preview(NamedTuple):
    """What rules would do with the newest events: how many were looked at, and the rows."""

    events: int
    rows: list[Row]


def find_text(project_id: str = "", organization_id: str = "") -> str:
    """Return the text of the rules of a project or of an organization, "" if it has none.

    Raises:
        NotFoundError: there is no such project or organization.
    """
    if organization_id:
        owner = store.of_organization(organizations.find(organization_id).id)
    else:
        owner = store.of_project(projects.find(project_id).id)
    return store.find_rules(owner)[1]


@audit.recorded("scrubbing rules changed")
def set_of_project(project_id: str, text: str) -> int:
    """Replace the rules of a project; "" removes them. Return how many there are now.

    Takes effect within 30 seconds, for new events.

    Raises:
        InvalidInputError: names what is wrong with the rules.
        NotFoundError: there is no such project.
    """
    _, number = _parse(text)
    projects.find_to_change(project_id)
    store.save_of_project(project_id, *_stored(text, number))
    return number


@audit.recorded("scrubbing rules changed")
def set_of_organization(organization_id: str, text: str) -> int:
    """Replace the rules of an organization, as `set_of_project`. They apply to all its projects.

    Raises:
        InvalidInputError: names what is wrong with the rules.
        NotFoundError: there is no such organization.
    """
    _, number = _parse(text)
    found = organizations.find(organization_id)
    store.save_of_organization(found, *_stored(text, number))
    return number


def preview(
    project: Project,
    visible: Visible,
    text: str,
    *,
    of_organization: bool,
    contract_apis: bool | None = None,
) -> Preview:
    """Return what would be replaced in the newest events of a project, if scrubbing is on.

    `text` has the new rules of the project or of its organization. Those of the other one stay as
    they are. `contract_apis` says whether events of the ingest and the legacy API are scrubbed;
    None: as the settings say. Changes nothing, and never returns a value of an event.

    Raises:
        InvalidInputError: names what is wrong with the rules.
    """
    rules, _ = _parse(text)
    owner = DEFAULT_ORGANIZATION if project.unclaimed else project.organization
    other = store.of_project(project.id) if of_organization else store.of_organization(owner)
    rules += parse_rules(store.find_rules(other)[1])[0]
    if contract_apis is None:
        contract_apis = access.operator_scrubbing(project)["scrub_contract_apis"]
    counts: Counter[tuple[str, str, bool]] = Counter()
    ends = time.monotonic() + _MOST_S
    events = 0
    for event in newest_events(visible):
        of_sdk = "platform" in event.fields
        if not (of_sdk or contract_apis):
            continue
        counts.update(set(_rows(rules, event.fields)))
        events += 1
        if events == PREVIEWED or time.monotonic() > ends:
            break
    rows = [Row(path, rule, number, stays) for (path, rule, stays), number in counts.items()]
    return Preview(events, sorted(rows, key=lambda row: (-row.events, row)))


def _rows(rules: OwnRules, fields: StoredEvent) -> Iterator[tuple[str, str, bool]]:
    """Yield each path whose value would be replaced, or stay, with the rule."""
    nodes = paths.start(rules.exempt)
    for each in fields.pop("scrubbed", ()):
        if each["rule"] != "own-pattern" and paths.leads_to(nodes, each["field"]):
            yield _general(each["field"]), each["rule"], True
    for each in scrub_with(rules, _as_sent(fields)):
        yield _general(each["field"]), each["rule"], False


def _general(path: str) -> str:
    """Return a path with `*` for the numbers of entries. It may be used as an exempt path."""
    return ".".join("*" if part.isdecimal() else part for part in path.split("."))


def _as_sent(stored: StoredEvent) -> Fields:
    """Return the fields of an event at the paths where they were sent. Rules name these paths."""
    fields: Any = stored
    if "platform" not in fields:
        fields.pop("fingerprint", None)
        return {**fields}
    for name in ("grouping", "grouped_by", "fingerprint", "problems"):
        fields.pop(name, None)
    sent: Fields = {**fields.pop("other", {}), **fields, **fields.pop("context", {})}
    sent.pop("context", None)
    for name in ("exceptions", "threads"):
        for each in sent.get(name, ()):
            each["stacktrace"] = {**each.pop("stacktrace", {}), "frames": each.pop("frames", [])}
    for name, values in (("exception", "exceptions"), ("threads", "threads")):
        if values in sent:
            sent[name] = {"values": sent.pop(values)}
    if "breadcrumbs" in sent:
        sent["breadcrumbs"] = {"values": sent["breadcrumbs"]}
    return sent


def _parse(text: str) -> tuple[OwnRules, int]:
    try:
        return parse_rules(text)
    except WrongScrubbingRulesError as error:
        raise InvalidInputError({"rules": error.complaints}) from None


def _stored(text: str, number: int) -> tuple[str, str]:
    """Return the version and the text to store."""
    text = text.strip() if number else ""
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:12], text
