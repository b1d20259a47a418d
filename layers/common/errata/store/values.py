"""IssuesTable: which issues have had a value of a tag, a release, a user and so on.

| item | sk | attributes |
|---|---|---|
| value row | `value#<key>=<value>#<issue id>` | at; change; issues: more ids, packed |

`errata.models.seen_values` has the keys, and decides which values are new. A batch writes one row
for all issues in which a value is new. The sort key then also has a hash of their ids, so that a
batch of other issues does not replace the row. `at` is when the newest of their events was
received, in milliseconds. `change` is `opened` or `regressed` if that happened to these issues in
the release. It is in the sort key, too.

A row says that an issue had the value at some time. The issue may have expired or have been deleted
after that, and opened again: then `at` is before it was first seen.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import batched
from typing import Any

from errata.config import settings
from errata.models.seen_values import TAG, KeyValue
from errata.models.visible import Visible
from errata.store import clients
from errata.store.items import DynamoRequest, PlainItem, TypedItem, Values, key_begin, write_all

# What happened to an issue with a value of a release.
OPENED = "opened"
# The most ids in one row. With it, a row stays below 1 KB, unless the value is very long.
_MAX_IDS = 50
_ID_BYTES = 16
# About how many bytes a row has beside its sort key and ids.
_ROW_BYTES = 40
# What a suggestion of values reads: queries, rows in each, and how many values are enough.
_QUERIES, _ROWS, _VALUES = 6, 20, 12
# Sorts after every other text.
_LAST = "\U0010ffff"


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


@dataclass(frozen=True, slots=True)
class IssuesWithValue:
    """The issues that have had a value.

    Attributes:
        at: when each had it, in milliseconds since the epoch, by issue id; 0 if that is unknown.
        complete: whether these are all of them.
        bytes: about how many bytes of rows were read.
    """

    at: dict[str, int]
    complete: bool
    bytes: int


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


def issues_with(
    visible: Visible,
    key: str,
    begin: str,
    matches: Callable[[str], bool],
    most: int,
    change: str = "",
) -> IssuesWithValue:
    """Return the issues that have had a value of `key` that begins with `begin` and matches.

    With `change`, returns only those that the release `opened` or `regressed`. Reads about `most`
    bytes, at most 1 MB more. Values are as stored in keys. Changes of the last second may be
    missing. Access pattern I9.
    """
    found: dict[str, int] = {}
    size = 0
    request: DynamoRequest = {}
    while size < most:
        page = clients.dynamodb().query(
            TableName=settings().issues_table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :begin)",
            ExpressionAttributeNames={"#at": "at", "#ttl": "ttl", "#issues": "issues"},
            ExpressionAttributeValues=write_all(
                {":pk": visible.partition, ":begin": key_begin(f"{prefix(key)}{begin}")}
            ),
            ProjectionExpression="sk, #at, #ttl, #issues",
            **request,
        )
        for item in page["Items"]:
            size += _ROW_BYTES + len(item["sk"]["S"])
            changed = item["sk"]["S"].endswith(f"+{change}") if change else True
            if changed and int(item["ttl"]["N"]) > visible.now_s:
                size += _add(found, item, matches)
        if "LastEvaluatedKey" not in page:
            return IssuesWithValue(found, True, size)
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
    return IssuesWithValue(found, False, size)


def newest_values(visible: Visible, key: str, begin: str) -> list[str]:
    """Return values of `key` that begin with `begin`, at most a dozen, most recently seen first.

    Values are as stored in keys. Makes at most six small queries, so it may miss some. Each query
    skips the other rows of the last value, and with them values that begin with this value and `#`.
    Access pattern I32.
    """
    return _newest(visible, prefix(key), begin, "#", lambda name: name.rpartition("#")[0])


def tag_names(visible: Visible, begin: str) -> list[str]:
    """Return names of tags that begin with `begin`, as `newest_values` does. Access pattern I33."""
    return _newest(visible, f"value#{TAG}", begin, "=", lambda name: name.partition("=")[0])


def _newest(
    visible: Visible, kind: str, begin: str, end: str, name_of: Callable[[str], str]
) -> list[str]:
    """Return the newest names that sort keys have between `kind` and `end`."""
    found: dict[str, int] = {}
    low = key_begin(f"{kind}{begin}")
    high = f"{low}{_LAST}"
    for _ in range(_QUERIES):
        page = clients.dynamodb().query(
            TableName=settings().issues_table,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :low AND :high",
            ExpressionAttributeNames={"#at": "at", "#ttl": "ttl"},
            ExpressionAttributeValues=write_all(
                {":pk": visible.partition, ":low": low, ":high": high}
            ),
            ProjectionExpression="sk, #at, #ttl",
            # Versions and dates: the newest ones first.
            ScanIndexForward=False,
            Limit=_ROWS,
        )
        name = ""
        for item in page["Items"]:
            name = name_of(item["sk"]["S"].removeprefix(kind))
            at = int(item["at"]["N"])
            if int(item["ttl"]["N"]) > visible.now_s and at >= visible.oldest_ms:
                found[name] = max(at, found.get(name, 0))
        high = f"{kind}{name}{end}"
        if "LastEvaluatedKey" not in page or len(found) >= _VALUES or not low < high:
            break
    return sorted(found, key=lambda name: -found[name])[:_VALUES]


def _add(found: dict[str, int], item: TypedItem, matches: Callable[[str], bool]) -> int:
    """Add the issues of a row if its value matches. Return the bytes of its other ids."""
    name, _, first = item["sk"]["S"].rpartition("#")
    others = item["issues"]["B"] if "issues" in item else b""
    if matches(name.partition("=")[2]):
        at = int(item["at"]["N"])
        for issue_id in (first.partition("+")[0], *_unpacked(others)):
            found[issue_id] = max(at, found.get(issue_id, 0))
    return len(others)


def _name(ids: list[str], change: str) -> str:
    others = hashlib.blake2s(_packed(ids), digest_size=8).hexdigest() if len(ids) > 1 else ""
    return "+".join(filter(None, (ids[0], others, change)))


def _packed(ids: Iterable[str]) -> bytes:
    return bytes.fromhex("".join(ids))


def _unpacked(packed: Any) -> Iterator[str]:
    for start in range(0, len(packed), _ID_BYTES):
        yield packed[start : start + _ID_BYTES].hex()
