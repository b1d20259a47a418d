"""IssuesTable: which issues a list shows, in its order.

Lists of a status read rank rows or number rows (`errata.store.ranks`). The list of open issues by
last seen reads the index by_last_seen. Neither says for sure that an issue belongs there: the index
lags, and a row may be left over. So a reader compares what it finds with the issues themselves.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from errata.config import settings
from errata.models.issue import OPEN_STATUSES, RANK_LAG_MS, ROWS_LINGER_S, Issue
from errata.models.visible import Visible
from errata.store import clients, numbers, ranks
from errata.store.issue_items import is_issue, to_issue
from errata.store.items import Request, TypedItem, Values, batch_get, read_all, write_all

# Higher than every rank, number and time.
TOP = 10**15 - 1
_HAS_ISSUES = 100


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a list. Its issues descend by `value`, then by `index`, then by `issue_id`.

    Attributes:
        value: the rank, the number or the time by which the list sorts.
        index: whether the place is in the index by_last_seen. These come before rows of the same
            value, because nobody knows how the index sorts entries of the same time.
        issue_id: "" stands after all issues of this value.
    """

    value: int
    index: bool = False
    issue_id: str = ""

    @property
    def sorts_by(self) -> tuple[int, bool, str]:
        """Return what places sort by. Entries of the index stay in its own order."""
        return self.value, self.index, "" if self.index else self.issue_id


@dataclass(frozen=True, slots=True)
class Found:
    """An issue that a list may show.

    Attributes:
        place: where in the list.
        order, status: of the row; "" if it was found in the index.
        sk: the sort key of the row; "" if it was found in the index.
        alive: whether the issue has certainly not expired.
    """

    place: Place
    order: str = ""
    status: str = ""
    sk: str = ""
    alive: bool = True

    def shows(self, issue: Issue, statuses: Iterable[str]) -> bool:
        """Return whether the issue, as it is now, belongs here, in a list of these statuses."""
        if self.sk:
            return ranks.is_current(self.sk, self.order, self.status, issue)
        in_index = issue.status in OPEN_STATUSES or not issue.number
        return in_index and issue.status in statuses


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a list, and the place where it stopped; None at the end."""

    found: list[Found]
    stopped: Place | None


def from_rows(visible: Visible, order: str, status: str, after: Place | None, most: int) -> Part:
    """Return up to `most` issues of a status from their rows, in descending order.

    Starts after the place `after`. Its issue may have been deleted. Access pattern I3.
    """
    begin = ranks.prefix(order, status)
    low, high = begin, f"{begin}~"
    if order == ranks.LAST_SEEN:
        low = f"{begin}{_oldest(visible):015d}"
    if after:
        digits = {ranks.LAST_SEEN: 15, ranks.FIRST_SEEN: 10}.get(order, 4)
        high = f"{begin}{after.value:0{digits}d}"
        # A place in the index stands before all rows of the same value.
        high += "~" if after.index else f"#{after.issue_id}" if order != ranks.FIRST_SEEN else ""
    if low > high:
        return Part([], None)
    page = clients.dynamodb().query(
        TableName=settings().issues_table,
        KeyConditionExpression="pk = :pk AND sk BETWEEN :low AND :high",
        ExpressionAttributeNames={"#ttl": "ttl", "#issue": "issue"},
        ExpressionAttributeValues=write_all({":pk": visible.partition, ":low": low, ":high": high}),
        ProjectionExpression="sk, #ttl, #issue",
        ScanIndexForward=False,
        Limit=most,
    )
    found = [_found(visible, order, status, item) for item in page["Items"]]
    stopped = found[-1].place if found and "LastEvaluatedKey" in page else None
    return Part([each for each in found if each.sk != high], stopped)


def _found(visible: Visible, order: str, status: str, item: TypedItem) -> Found:
    sk, expires = item["sk"]["S"], int(item["ttl"]["N"])
    value, _, issue_id = sk.removeprefix(ranks.prefix(order, status)).partition("#")
    place = Place(int(value), issue_id=issue_id or item["issue"]["S"])
    return Found(place, order, status, sk, alive=expires - ROWS_LINGER_S > visible.now_s)


def from_index(visible: Visible, statuses: Iterable[str], after: Place | None, most: int) -> Part:
    """Return issues with these statuses from the index by_last_seen, newest first.

    Reads up to `most` entries of any status, after the place `after`. Its issue may have been
    deleted. The index has open and regressed issues, and those that release 0.1.0 was the last to
    change. It lags a little. Access pattern I8.
    """
    wanted: Values = {f":status{n}": status for n, status in enumerate(statuses)}
    low, high = _oldest(visible), TOP
    request: Request = {}
    if after and after.index and after.issue_id:
        high = after.value
        request["ExclusiveStartKey"] = write_all(
            {"pk": visible.partition, "sk": f"issue#{after.issue_id}", "last_seen": high}
        )
    elif after:
        high = after.value - 1
    if low > high:
        return Part([], None)
    values: Values = {":pk": visible.partition, ":low": low, ":high": high, ":now": visible.now_s}
    page = clients.dynamodb().query(
        TableName=settings().issues_table,
        IndexName="by_last_seen",
        KeyConditionExpression="pk = :pk AND last_seen BETWEEN :low AND :high",
        FilterExpression=f"#status IN ({', '.join(wanted)}) AND #ttl > :now",
        ExpressionAttributeNames={"#status": "status", "#ttl": "ttl"},
        ExpressionAttributeValues=write_all(values | wanted),
        ProjectionExpression="sk, last_seen",
        ScanIndexForward=False,
        Limit=most,
        **request,
    )
    stopped = page.get("LastEvaluatedKey")
    found = [Found(_place(item)) for item in page["Items"]]
    return Part(found, _place(stopped) if stopped else None)


def _place(item: TypedItem) -> Place:
    return Place(int(item["last_seen"]["N"]), True, item["sk"]["S"].removeprefix("issue#"))


def _oldest(visible: Visible) -> int:
    """Return the oldest time under which lists have a visible issue."""
    return max(0, visible.oldest_ms - RANK_LAG_MS)


def read(
    visible: Visible, issue_ids: Iterable[str], *, until: bool
) -> tuple[dict[str, Issue], int]:
    """Return the visible issues with these ids.

    With `until`, also returns a time in milliseconds: issues without rows, which release 0.1.0 was
    the last to change, were last seen before it (`numbers.without_rows_until`). Else 0. Access
    pattern I20.
    """
    pk = visible.partition
    keys = [write_all({"pk": pk, "sk": f"issue#{each}"}) for each in dict.fromkeys(issue_ids)]
    if until:
        keys.append(numbers.counter_key(visible.project_id))
    found: dict[str, Issue] = {}
    counter = None
    for item in batch_get(settings().issues_table, keys):
        if item["pk"]["S"] != pk:
            counter = read_all(item)
        elif is_issue(item):
            issue = to_issue(read_all(item))
            if visible.covers(issue.expires_at, issue.last_seen):
                found[issue.id] = issue
    return found, numbers.without_rows_until(visible, counter) if until else 0


def has_issues(visible: Visible) -> bool:
    """Return whether the project has visible issues. Looks at a hundred. Access pattern I21."""
    page = clients.dynamodb().query(
        TableName=settings().issues_table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :issue)",
        ExpressionAttributeValues=write_all({":pk": visible.partition, ":issue": "issue#"}),
        Limit=_HAS_ISSUES,
    )
    shown = (to_issue(read_all(item)) for item in page["Items"] if is_issue(item))
    return any(visible.covers(each.expires_at, each.last_seen) for each in shown)
