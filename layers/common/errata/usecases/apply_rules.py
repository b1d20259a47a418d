"""Group the events of SDKs by the fingerprint rules of their projects.

Events of the ingest and the legacy endpoint keep the grouping of their contracts.
"""

from errata.caches import BoundedDict
from errata.grouping import rules, v2
from errata.grouping.rules import FingerprintRule
from errata.models.event import Event
from errata.models.project import Access
from errata.store import fingerprint_rules

_MAX_SHOWN = 300

# Parsed rules by project and version.
_parsed = BoundedDict[tuple[str, str], tuple[FingerprintRule, ...]](max_entries=1_000)


def apply(access: Access, fields: Event) -> None:
    """Group an event by the first rule of its project that matches. No-op if none does.

    Call it only for projects with rules.

    Raises:
        StoreError: the rules cannot be read now.
    """
    rule = rules.find(_current(access), fields)
    if rule is None:
        return
    grouping = v2.group(fields, list(rule.fingerprint))
    fields["fingerprint"] = grouping.fingerprint
    fields["grouping"] = "rule"
    fields["grouped_by"] = f"the project's rule: {rule.line[:_MAX_SHOWN]}"


def _current(access: Access) -> tuple[FingerprintRule, ...]:
    known = _parsed.get((access.project_id, access.rules))
    if known is not None:
        return known
    version, text = fingerprint_rules.find_rules(access.project_id)
    parsed = rules.parse(text)
    _parsed[access.project_id, version] = parsed
    return parsed


def clear_cache() -> None:
    """Drop the parsed rules."""
    _parsed.clear()
