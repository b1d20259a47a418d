"""IssuesTable: which issues have had a value of a tag, a release, a user and so on.

| item | sk | attributes |
|---|---|---|
| value row | `value#<key>=<value>#<issue id>` | at; change; issues: more ids, packed |

`errata.models.seen_values` has the keys, and decides which values are new. A batch writes one row
for all issues in which a value is new. The key then also has a hash of their ids, so that a batch
of other issues does not replace the row. `at` is when the newest of their events was received, in
milliseconds. `change` is `opened` or `regressed` for a release in which that happened to these
issues. It is in the key, too.

Reading a row says that an issue had the value at some time. The issue may have expired or have been
deleted since, and opened again: then `at` is before it was first seen.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import batched
from typing import Any

from errata.models.seen_values import KeyValue
from errata.store.items import PlainItem, Values

# The most ids in one row. With it, a row stays below 1 KB, unless the value is very long.
_MAX_IDS = 50
_ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class NewValue:
    """A value that is new in an issue.

    `at` is in milliseconds since the epoch, `expires_at` in seconds. `change` is what happened to
    the issue in a release: `opened`, `regressed` or "".
    """

    issue_id: str
    value: KeyValue
    at: int
    expires_at: int
    change: str = ""


def rows(found: Iterable[NewValue]) -> dict[str, Values]:
    """Return value rows by sort key."""
    together: dict[tuple[KeyValue, str], list[NewValue]] = defaultdict(list)
    for each in found:
        together[each.value, each.change].append(each)
    return {
        f"{prefix(*value)}{_name([each.issue_id for each in some], change)}": {
            "at": max(each.at for each in some),
            "change": change or None,
            "issues": _packed(each.issue_id for each in some[1:]) or None,
            "ttl": max(each.expires_at for each in some),
        }
        for (value, change), all_ in together.items()
        for some in batched(all_, _MAX_IDS, strict=False)
    }


def prefix(key: str, value: str = "") -> str:
    """Return the prefix of the sort keys of a value's rows, or of those of all values of a key."""
    return f"value#{key}={value}#" if value else f"value#{key}="


def to_value(item: PlainItem) -> tuple[str, str, list[str]]:
    """Return key, value, and the ids of the issues of a value row."""
    name, _, issues = item["sk"].removeprefix("value#").rpartition("#")
    key, _, value = name.partition("=")
    return key, value, [issues.partition("+")[0], *_unpacked(item.get("issues", b""))]


def _name(ids: list[str], change: str) -> str:
    others = hashlib.blake2s(_packed(ids), digest_size=8).hexdigest() if len(ids) > 1 else ""
    return "+".join(filter(None, (ids[0], others, change)))


def _packed(ids: Iterable[str]) -> bytes:
    return bytes.fromhex("".join(ids))


def _unpacked(packed: Any) -> Iterator[str]:
    for start in range(0, len(packed), _ID_BYTES):
        yield packed[start : start + _ID_BYTES].hex()
