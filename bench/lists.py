"""A project with fifty thousand issues, and what a page of its lists and searches costs.

Its organization has 199 other projects without issues, for the lists across projects. The rows are
those that digest would have stored. Most of them are made when they are read.
"""

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple

from bench.seed import as_bytes, as_json
from bench.server import RecordingServer, RowsByTable
from bench.team import EMAIL
from bench.write_units import Item, item_size
from errata.models import sketch
from errata.models.assignee import of_member
from errata.models.ids import DAY_MS
from errata.models.issue import OPEN, OPEN_STATUSES, RESOLVED, STATUSES, Issue
from errata.models.search_text import MAX_TEXT
from errata.protocol.issues import SORTS
from errata.store import numbers, ranks
from errata.store.issue_items import is_issue, issue_item, to_issue
from errata.store.items import read_all, write_all
from errata.store.values import OPENED

MANY = 50_000
PROJECTS = 200
_TABLE, _PROJECTS_TABLE = "IssuesTable", "ProjectsTable"
_TEXT = "x" * MAX_TEXT  # the longest text of a number row
_APART_MS = 37_000  # three weeks for all of them
_SKETCHES = [sketch.add(b"", map(str, range(n))) for n in (0, 1, 3, 10, 50, 200, 1_000)]
_KINDS = (OPEN, OPEN, OPEN, *STATUSES)
_PAGE_BYTES = 1_048_576
# Values of issues, and every how many issues one has them. Each has a row of its own.
_VALUES = {
    ("environment", "production"): 2,
    ("server", "web-1"): 50,
    ("user.email", "ada@example.com"): 20_000,
}
# Every so many issues were opened in the release, were resolved in it, and are the member's.
_RELEASE, _OPENED_EVERY, _RESOLVED_EVERY, _ASSIGNED_EVERY = "shop@2.1", 100, 30, 40
_MINE = of_member(EMAIL)
# Words of every so many issues, instead of text that nobody searches.
_WORDS = {"needle": 10_000, "thread": 20}
RISING_FIRST, OPEN_LIST = "rising ones first", "what is open"
_SEARCHES = {
    "a rare value": "is:open user.email:ada@example.com",
    "a value of a thousand issues": "is:open server:web-1",
    "a frequent value": "is:open environment:production",
    "a frequent and a rare value": "environment:production user.email:ada@example.com",
    "what few had not": "is:open !environment:production !server:web-1",
    "a rare word": "is:open needle",
    "a frequent word": "is:open thread",
    "a word and a value": "thread environment:production",
    "a trend": "is:open is:rising",
    "what is new": "is:open is:new",
    "an environment and a time": "is:open environment:production last-seen:-14d",
    "what is mine": "is:open assigned:me",
    "what was new in a release": f"first-release:{_RELEASE}",
    "what a release has resolved": f"resolved-in:{_RELEASE}",
    "a level that none has": "is:open level:debug",
}
# By name, in one project and across projects.
SEARCHES = _SEARCHES | {RISING_FIRST: "is:open"}
SEARCHES_ACROSS = {OPEN_LIST: "is:open"} | _SEARCHES


@dataclass(frozen=True, slots=True)
class PageReads:
    """What a page has read: its calls, and their read units."""

    calls: int
    units: float


class _Page(NamedTuple):
    """Rows that a query reads, their bytes, and whether there are more."""

    rows: list[Item]
    size: int
    more: bool


class ManyIssues(RecordingServer):
    """A server whose only project with issues has very many of them."""

    def __init__(self, rows: RowsByTable) -> None:
        super().__init__()
        few = [row for row in rows[_TABLE] if row["sk"]["S"].startswith("issue#")]
        self._partition = few[0]["pk"]["S"]
        self._issues = {each.id: each for each in _many(few)}
        self._by_number = {each.number: each for each in self._issues.values()}
        self._keys = _keys(self._issues.values())
        self._values = dict(self._value_rows())
        self._index = sorted(
            (each.ranked_at, each.id)
            for each in self._issues.values()
            if each.status in OPEN_STATUSES
        )
        self._units = 0.0
        project_id = self._partition.partition("#")[0]
        counter = numbers.counter_key(project_id) | write_all({"last": MANY, "generation": 0})
        self.keep({**rows, _TABLE: [counter], **_projects(rows, project_id)})

    def _value_rows(self) -> Iterator[tuple[str, list[str]]]:
        """Yield how the sort keys of value rows and assignee rows begin, and these keys."""
        rows = [(f"value#{key}={value}#", "", every) for (key, value), every in _VALUES.items()]
        rows.append((f"value#release={_RELEASE}#", f"+{OPENED}", _OPENED_EVERY))
        rows.append((f"assigned#{_MINE}#", "", _ASSIGNED_EVERY))
        for begin, end, every in rows:
            some = (each.id for each in self._issues.values() if each.number % every == 0)
            yield begin, [f"{begin}{each}{end}" for each in sorted(some)]

    def spent(self) -> PageReads:
        """Return what was read since the last call."""
        found = PageReads(len(self.taken()), self._units)
        self._units = 0.0
        return found

    def _find(self, table: str, keys: Iterable[Item]) -> list[Item]:
        """Return these rows, read consistently."""
        keys = list(keys)
        found = super()._find(table, keys)
        for key in keys if table == _TABLE else ():
            sk = key["sk"]["S"]
            if sk.startswith("number#"):
                found.append(as_json(self._row(sk, self._by_number[int(sk[-10:])])))
            elif issue := self._issues.get(sk.removeprefix("issue#")):
                item: Any = write_all(issue_item(issue))
                found.append(key | as_json(item))
        self._units += len(keys) - len(found)
        self._units += sum(math.ceil(item_size(row) / 4096) for row in found)
        return found

    def _query(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["TableName"] != _TABLE:
            asked = request["ExpressionAttributeValues"][":organization"]
            projects = [
                row
                for row in self._rows[request["TableName"]]
                if row.get("organization") == asked and "listed_as" in row
            ]
            self._units += math.ceil(sum(map(item_size, projects)) / 4096) / 2
            return {"Items": projects, "Count": len(projects), "ScannedCount": len(projects)}
        values = request["ExpressionAttributeValues"]
        if values[":pk"] != {"S": self._partition}:
            page = _Page([], 1, more=False)
        elif ":begin" in values:
            after = request.get("ExclusiveStartKey", {"sk": {"S": ""}})
            page = self._of_value(values[":begin"]["S"], after["sk"]["S"])
        elif "IndexName" in request:
            page = self._from_index(request, values)
        else:
            page = self._from_rows(request, values)
        rows = page.rows
        self._units += math.ceil(page.size / 4096) / 2
        asked = request["ProjectionExpression"].replace("#", "").split(", ")
        response: dict[str, Any] = {
            "Items": [{name: row[name] for name in asked if name in row} for row in rows],
            "Count": len(rows),
            "ScannedCount": len(rows),
        }
        if page.more:
            names = ("pk", "sk", "last_seen") if "IndexName" in request else ("pk", "sk")
            response["LastEvaluatedKey"] = {name: rows[-1][name] for name in names}
        return response

    def _from_index(self, request: dict[str, Any], values: dict[str, Any]) -> _Page:
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
        return _Page(rows, sum(map(item_size, rows)), more=first > start)

    @cache  # noqa: B019 - there is one server, which lasts as long as the bench
    def _of_value(self, begin: str, after: str) -> _Page:
        """Return the value rows that begin so, after this sort key, one page."""
        found = self._values[begin]
        first = bisect_right(found, after)
        rows: list[Item] = []
        size = 0
        for sk in found[first:]:
            issue = self._issues[sk.rpartition("#")[2].partition("+")[0]]
            content = {"at": issue.last_seen, "ttl": issue.rows_until}
            rows.append(write_all({"pk": self._partition, "sk": sk, **content}))
            size += item_size(rows[-1])
            if size > _PAGE_BYTES:
                return _Page(rows, size, more=True)
        return _Page(rows, size, more=False)

    def _from_rows(self, request: dict[str, Any], values: dict[str, Any]) -> _Page:
        low, high = values[":low"]["S"], values[":high"]["S"]
        found = next(keys for prefix, keys in self._keys.items() if low.startswith(prefix))
        start, end = bisect_left(found, (low, "")), bisect_right(found, (high, "~"))
        first = max(start, end - request.get("Limit", _PAGE_BYTES // MAX_TEXT))
        rows: list[Item] = []
        size = 0
        for sk, issue_id in reversed(found[first:end]):
            if size > _PAGE_BYTES:
                return _Page(rows, size, more=True)
            rows.append(self._row(sk, self._issues[issue_id]))
            size += item_size(rows[-1])
        return _Page(rows, size, more=first > start)

    def _row(self, sk: str, issue: Issue) -> Item:
        """Return a rank row or number row of an issue."""
        content: dict[str, Any] = {"ttl": issue.rows_until}
        if sk.startswith("number#"):
            words = [word for word, every in _WORDS.items() if issue.number % every == 0]
            content |= {"issue": issue.id, "text": " ".join([*words, _TEXT])[:MAX_TEXT]}
        row: Item = dict(write_all({"pk": self._partition, "sk": sk, **content}))
        return row


def _projects(rows: RowsByTable, project_id: str) -> RowsByTable:
    """Return the rows of ProjectsTable, with 199 more projects in the organization of that one."""
    one = next(row for row in rows[_PROJECTS_TABLE] if row["pk"] == {"S": f"project#{project_id}"})
    others = (
        one
        | write_all({"pk": f"project#{each}", "id": str(each), "listed_as": str(each).zfill(12)})
        for each in range(1_001, 1_000 + PROJECTS)
    )
    return {_PROJECTS_TABLE: [*rows[_PROJECTS_TABLE], *others]}


def _many(few: list[Item]) -> Iterator[Issue]:
    """Yield very many issues like these few."""
    patterns = [to_issue(read_all(as_bytes(row))) for row in few if is_issue(row)]
    for n in range(MANY):
        pattern = patterns[n % len(patterns)]
        seen = pattern.last_seen - (MANY - n) * _APART_MS
        number, status = n + 1, _KINDS[n % 7]
        resolved = status == RESOLVED and number % _RESOLVED_EVERY == 0
        yield replace(
            pattern,
            id=f"{n * 0x9E3779B97F4A7C15 % 2**64:032x}",
            number=number,
            status=status,
            first_release=_RELEASE if number % _OPENED_EVERY == 0 else "",
            resolved_in=_RELEASE if resolved else "",
            assignee="" if number % _ASSIGNED_EVERY else _MINE,
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
