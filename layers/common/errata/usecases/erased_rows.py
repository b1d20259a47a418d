"""Compute what the erasure of a person changes in rows of IssuesTable. Calls nothing."""

import re
from collections.abc import Collection, Iterable

from errata.models.erasure import Receipt
from errata.models.seen_values import RELEASE
from errata.scrubbing.person import Person
from errata.store.erasures import RowChange
from errata.store.issue_items import is_issue
from errata.store.items import PlainItem, Values
from errata.store.values import to_value

_OF_USER = ("user.id", "user.email")
# Attributes of IssuesTable with texts from events. Those in `_NAMED` are maps whose keys are from
# events.
_TEXTS = (
    *("title", "culprit", "exception_class", "fingerprint", "grouped_by", "transaction", "logger"),
    *("release", "first_release", "last_release", "resolved_in", "detail", "text", "tracker_url"),
    *("url", "deploys"),
)
_NAMED = ("environments", "releases", "servers")
# The hash at the end of a value that was cut (`errata.models.seen_values.short_value`).
_HASH = re.compile(r"~[0-9a-f]{16}$")


def change_of(person: Person, row: PlainItem, resets: Collection[str]) -> RowChange | None:
    """Return the change of a row, None if it stays.

    The issues in `resets` lose the list of their known values. So a later event writes its value
    rows again.
    """
    kind, _, name = row["sk"].partition("#")
    if kind == "value":
        return _change_of_value(person, row)
    changed: Values = {
        each: clean
        for each in _TEXTS
        if isinstance(row.get(each), str) and (clean := person.without(row[each])) != row[each]
    }
    for each in _NAMED:
        names: dict[str, int] = {}
        for text, count in (row.get(each) or {}).items():
            clean = person.without(text)
            names[clean] = names.get(clean, 0) + count
        if names and names != row[each]:
            changed[each] = names
    if kind == "issue" and is_issue(row) and name in resets and row.get("values"):
        changed |= {"values": None, "value_counts": None}
    return RowChange(row, changed) if changed else None


def _change_of_value(person: Person, row: PlainItem) -> RowChange | None:
    key, value, _ = to_value(row)
    named = f"{key}={value}"
    if key in _OF_USER and person.is_same(value):
        return RowChange(row)
    clean = person.without(_HASH.sub("", named))
    if clean == _HASH.sub("", named):
        return None
    if key == RELEASE:
        # The row links the issue to the release, so both rows must get the same new name.
        return RowChange(row, {}, row["sk"].replace(f"value#{named}#", f"value#{clean}#", 1))
    return RowChange(row)


def count(changes: Iterable[RowChange]) -> Receipt:
    """Return what these changes add to the receipt."""
    counts = Receipt()
    for each in changes:
        if each.values is None:
            counts.values_removed += 1
        elif each.row["sk"].startswith("issue#"):
            counts.issues_changed += 1
        else:
            counts.rows_rewritten += 1
    return counts
