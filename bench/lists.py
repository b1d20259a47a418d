"""A project with fifty thousand issues, and what a page of each of its lists costs.

The rows are those that digest would have stored. Most of them are made when they are read.
"""

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from bench.seed import as_bytes, as_json
from bench.server import Item, Rows, Server
from bench.write_units import item_size
from errata.models import sketch
from errata.models.ids import DAY_MS
from errata.models.issue import OPEN, OPEN_STATUSES, STATUSES, Issue
from errata.models.search_text import MAX_TEXT
from errata.protocol.issues import SORTS
from errata.store import numbers, ranks
from errata.store.issue_items import is_issue, issue_item, to_issue
from errata.store.items import read_all, write_all

MANY = 50_000
_TABLE = "IssuesTable"
_TEXT = "x" * MAX_TEXT  # the longest text of a number row
_APART_MS = 37_000  # three weeks for all of them
_SKETCHES = [sketch.add(b"", map(str, range(n))) for n in (0, 1, 3, 10, 50, 200, 1_000)]
_KINDS = (OPEN, OPEN, OPEN, *STATUSES)


@dataclass(frozen=True, slots=True)
class Read:
    """What a page has read: its calls, and their read units."""

    calls: int
    units: float


class ManyIssues(Server):
    """A server whose only project with issues has very many of them."""

    def __init__(self, rows: Rows) -> None:
        super().__init__()
        few = [row for row in rows[_TABLE] if row["sk"]["S"].startswith("issue#")]
        self._partition = few[0]["pk"]["S"]
        self._issues = {each.id: each for each in _many(few)}
        self._keys = _keys(self._issues.values())
        self._index = sorted(
            (each.ranked_at, each.id)
            for each in self._issues.values()
            if each.status in OPEN_STATUSES
        )
        self._units = 0.0
        project_id = self._partition.partition("#")[0]
        counter = numbers.counter_key(project_id) | write_all({"last": MANY, "generation": 0})
        self.keep({**rows, _TABLE: [counter]})

    def spent(self) -> Read:
        """Return what was read since the last call."""
        found = Read(len(self.taken()), self._units)
        self._units = 0.0
        return found

    def _find(self, table: str, keys: Iterable[Item]) -> list[Item]:
        """Return these rows, read consistently."""
        keys = list(keys)
        found = super()._find(table, keys)
        for key in keys if table == _TABLE else ():
            if issue := self._issues.get(key["sk"]["S"].removeprefix("issue#")):
                item: Any = write_all(issue_item(issue))
                found.append(key | as_json(item))
        self._units += len(keys) - len(found)
        self._units += sum(math.ceil(item_size(row) / 4096) for row in found)
        return found

    def _query(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["TableName"] != _TABLE:
            return super()._query(request)
        values = request["ExpressionAttributeValues"]
        assert values[":pk"] == {"S": self._partition}
        assert request["ScanIndexForward"] is False
        if "IndexName" in request:
            rows, more = self._from_index(request, values)
        else:
            rows, more = self._from_rows(request, values)
        self._units += math.ceil(sum(map(item_size, rows)) / 4096) / 2
        asked = request["ProjectionExpression"].replace("#", "").split(", ")
        response: dict[str, Any] = {
            "Items": [{name: row[name] for name in asked if name in row} for row in rows],
            "Count": len(rows),
            "ScannedCount": len(rows),
        }
        if more:
            names = ("pk", "sk", "last_seen") if "IndexName" in request else ("pk", "sk")
            response["LastEvaluatedKey"] = {name: rows[-1][name] for name in names}
        return response

    def _from_index(
        self, request: dict[str, Any], values: dict[str, Any]
    ) -> tuple[list[Item], bool]:
        low, high = (int(values[name]["N"]) for name in (":low", ":high"))
        start, end = bisect_left(self._index, (low, "")), bisect_right(self._index, (high, "~"))
        if after := request.get("ExclusiveStartKey"):
            place = int(after["last_seen"]["N"]), after["sk"]["S"].removeprefix("issue#")
            end = min(end, bisect_left(self._index, place))
        first = max(start, end - request["Limit"])
        rows = []
        for ranked_at, issue_id in reversed(self._index[first:end]):
            issue = self._issues[issue_id]
            entry = {
                **{"pk": self._partition, "sk": f"issue#{issue_id}", "last_seen": ranked_at},
                **{"status": issue.status, "first_seen": issue.first_seen, "ttl": issue.ttl},
            }
            rows.append(write_all(entry))
        return rows, first > start

    def _from_rows(
        self, request: dict[str, Any], values: dict[str, Any]
    ) -> tuple[list[Item], bool]:
        low, high = values[":low"]["S"], values[":high"]["S"]
        found = next(keys for prefix, keys in self._keys.items() if low.startswith(prefix))
        start, end = bisect_left(found, (low, "")), bisect_right(found, (high, "~"))
        first = max(start, end - request["Limit"])
        rows = []
        for sk, issue_id in reversed(found[first:end]):
            issue = self._issues[issue_id]
            text = _TEXT if sk.startswith("number#") else None
            content = {"ttl": issue.rows_until, "text": text, "issue": text and issue_id}
            rows.append(write_all({"pk": self._partition, "sk": sk, **content}))
        return rows, first > start


def _many(few: list[Item]) -> Iterator[Issue]:
    """Yield very many issues like these few."""
    patterns = [to_issue(read_all(as_bytes(row))) for row in few if is_issue(row)]
    for n in range(MANY):
        pattern = patterns[n % len(patterns)]
        seen = pattern.last_seen - (MANY - n) * _APART_MS
        yield replace(
            pattern,
            id=f"{n * 0x9E3779B97F4A7C15 % 2**64:032x}",
            number=n + 1,
            status=_KINDS[n % 7],
            count=MANY // (n + 1),
            users=_SKETCHES[n % len(_SKETCHES)],
            first_seen=seen - DAY_MS,
            last_seen=seen,
            ranked_at=seen,
        )


def _keys(issues: Iterable[Issue]) -> dict[str, list[tuple[str, str]]]:
    """Return the sort keys of the rows of each list, with the ids of their issues."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    known: dict[tuple[str, str, int | bytes], str] = {}
    for issue in issues:
        for status in ranks.statuses(issue.status):
            for order in SORTS:
                if order in (ranks.EVENTS, ranks.USERS):
                    # Computed once for each number: an estimate takes long.
                    value = issue.count if order == ranks.EVENTS else issue.users
                    place = order, status, value
                    if place not in known:
                        known[place] = ranks.key(order, status, issue).removesuffix(issue.id)
                    key = known[place] + issue.id
                else:
                    key = ranks.key(order, status, issue)
                found[ranks.prefix(order, status)].append((key, issue.id))
    for keys in found.values():
        keys.sort()
    return found
