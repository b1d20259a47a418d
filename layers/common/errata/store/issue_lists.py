"""IssuesTable: which issues a list shows, in its order.

Lists of a status read rank rows or number rows (`errata.store.ranks`). The list of open issues by
last seen reads the index by_last_seen. Neither says for sure that an issue belongs there: the index
lags, and a row may be left over. So a reader compares what it finds with the issues themselves.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from errata.config import settings
from errata.models.issue import MERGED, OPEN_STATUSES, RANK_LAG_MS, ROWS_LINGER_S, Issue
from errata.models.settled import awake
from errata.models.visible import Visible
from errata.store import clients, numbers, ranks
from errata.store.issue_items import is_issue, to_issue
from errata.store.items import DynamoRequest, TypedItem, Values, batch_get, read_all, write_all

# Higher than every rank, number and time.
TOP = 10**15 - 1
_HAS_ISSUES = 100
# More rows than 1 MB has.
_MOST_TEXTS = 100_000
# About how many bytes a number row has beside its text.
_NUMBER_ROW_BYTES = 100


@dataclass(frozen=True, slots=True)
class ListKey:
    """The place of an issue in a list, which sorts descending by `value`, `index` and `issue_id`.

    Attributes:
        value: the rank, the number or the time by which the list sorts.
        index: whether the issue is in the index by_last_seen. These come before rows of the same
            value, because nobody knows how the index sorts entries of the same time.
        issue_id: "" stands after all issues of this value.
    """

    value: int
    index: bool = False
    issue_id: str = ""

    @property
    def sorts_by(self) -> tuple[int, bool, str]:
        """Return what to sort keys by. Entries of the index stay in the order of the index."""
        return self.value, self.index, "" if self.index else self.issue_id


@dataclass(frozen=True, slots=True)
class ListEntry:
    """An issue that a list may show.

    Attributes:
        key: where in the list.
        order, status: of the row; "" if it was found in the index.
        sk: the sort key of the row; "" if it was found in the index.
        alive: whether the issue has certainly not expired.
    """

    key: ListKey
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
class Chunk:
    """A chunk of a list, and the key where it stopped; None at the end."""

    found: list[ListEntry]
    stopped: ListKey | None


def from_rows(visible: Visible, order: str, status: str, after: ListKey | None, most: int) -> Chunk:
    """Return up to `most` issues of a status from their rows, in descending order.

    Starts after the key `after`. Its issue may have been deleted. Access pattern I3.
    """
    begin = ranks.prefix(order, status)
    low, high = begin, f"{begin}~"
    if order == ranks.LAST_SEEN:
        low = f"{begin}{_oldest(visible):015d}"
    if after:
        digits = {ranks.LAST_SEEN: 15, ranks.FIRST_SEEN: 10}.get(order, 4)
        high = f"{begin}{after.value:0{digits}d}"
        # A key in the index stands before all rows of the same value.
        high += "~" if after.index else f"#{after.issue_id}" if order != ranks.FIRST_SEEN else ""
    if low > high:
        return Chunk([], None)
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
    stopped = found[-1].key if found and "LastEvaluatedKey" in page else None
    return Chunk([each for each in found if each.sk != high], stopped)


def _found(visible: Visible, order: str, status: str, item: TypedItem) -> ListEntry:
    sk, expires = item["sk"]["S"], int(item["ttl"]["N"])
    value, _, issue_id = sk.removeprefix(ranks.prefix(order, status)).partition("#")
    key = ListKey(int(value), issue_id=issue_id or item["issue"]["S"])
    return ListEntry(key, order, status, sk, alive=expires - ROWS_LINGER_S > visible.now_s)


@dataclass(frozen=True, slots=True)
class Texts:
    """The words of issues of a status, newest issue first.

    Attributes:
        found: number, issue id and words of each issue.
        stopped: the last number that was read; 0 at the end.
        bytes: about how many bytes of rows were read.
    """

    found: list[tuple[int, str, str]]
    stopped: int
    bytes: int


def texts(visible: Visible, status: str, before: int, most: int = _MOST_TEXTS) -> Texts:
    """Return the words by which people find the issues with a number below `before`.

    Reads at most 1 MB and `most` rows. `status` is one of `ranks.LISTED`. May include issues that
    do not have the status any more, and miss changes of the last second. Access pattern I29.
    """
    low = ranks.prefix(ranks.FIRST_SEEN, status)
    page = clients.dynamodb().query(
        TableName=settings().issues_table,
        KeyConditionExpression="pk = :pk AND sk BETWEEN :low AND :high",
        ExpressionAttributeNames={"#ttl": "ttl", "#issue": "issue", "#text": "text"},
        ExpressionAttributeValues=write_all(
            {":pk": visible.partition, ":low": low, ":high": f"{low}{before - 1:010d}"}
        ),
        ProjectionExpression="sk, #ttl, #issue, #text",
        ScanIndexForward=False,
        Limit=most,
    )
    found, size = [], 0
    for item in page["Items"]:
        text = item["text"]["S"] if "text" in item else ""
        size += _NUMBER_ROW_BYTES + len(text.encode())
        if int(item["ttl"]["N"]) > visible.now_s:
            found.append((int(item["sk"]["S"].removeprefix(low)), item["issue"]["S"], text))
    stopped = page.get("LastEvaluatedKey")
    return Texts(found, int(stopped["sk"]["S"].removeprefix(low)) if stopped else 0, size)


@dataclass(frozen=True, slots=True)
class MergedMember:
    """An issue that is merged: its id, the words by which people find it, and its head."""

    issue_id: str
    text: str
    head_id: str


def merged(visible: Visible) -> tuple[list[MergedMember], int]:
    """Return the merged issues of a project, newest first, and about how many bytes were read.

    Reads at most 1 MB, so a search may miss words that only older ones have. May include issues
    that are not merged any more. Access pattern I46.
    """
    low = ranks.prefix(ranks.FIRST_SEEN, MERGED)
    page = clients.dynamodb().query(
        TableName=settings().issues_table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :low)",
        ExpressionAttributeValues=write_all({":pk": visible.partition, ":low": low}),
        ScanIndexForward=False,
    )
    rows = list(map(read_all, page["Items"]))
    found = [
        MergedMember(row["issue"], row.get("text", ""), row["head"])
        for row in rows
        if row["ttl"] > visible.now_s
    ]
    return found, sum(_NUMBER_ROW_BYTES + len(row.get("text", "").encode()) for row in rows)


def texts_of(issues: Iterable[tuple[Visible, Issue]]) -> dict[tuple[str, str], str]:
    """Return the words by which people find these issues, by project id and issue id.

    Access pattern I30.
    """
    of = {
        (visible.partition, next(iter(ranks.number_rows(each)))): (visible.project_id, each.id)
        for visible, each in issues
        if each.number
    }
    keys = [write_all({"pk": pk, "sk": sk}) for pk, sk in of]
    found = batch_get(settings().issues_table, keys)
    return {of[row["pk"]["S"], row["sk"]["S"]]: row["text"]["S"] for row in found if "text" in row}


def from_index(
    visible: Visible, statuses: Iterable[str], after: ListKey | None, most: int
) -> Chunk:
    """Return issues with these statuses from the index by_last_seen, newest first.

    Reads up to `most` entries of any status, after the key `after`. Its issue may have been
    deleted. The index has open and regressed issues, those that are ignored until a time, and those
    that only release 0.1.0 has changed. It lags a little. Access pattern I8.
    """
    wanted: Values = {f":status{n}": status for n, status in enumerate(statuses)}
    low, high = _oldest(visible), TOP
    request: DynamoRequest = {}
    if after and after.index and after.issue_id:
        high = after.value
        request["ExclusiveStartKey"] = write_all(
            {"pk": visible.partition, "sk": f"issue#{after.issue_id}", "last_seen": high}
        )
    elif after:
        high = after.value - 1
    if low > high:
        return Chunk([], None)
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
    found = [ListEntry(_key(item)) for item in page["Items"]]
    return Chunk(found, _key(stopped) if stopped else None)


def _key(item: TypedItem) -> ListKey:
    return ListKey(int(item["last_seen"]["N"]), True, item["sk"]["S"].removeprefix("issue#"))


def _oldest(visible: Visible) -> int:
    """Return the oldest `ranked_at` that a visible issue may have."""
    return max(0, visible.oldest_ms - RANK_LAG_MS)


def read(
    visible: Visible, issue_ids: Iterable[str], *, until: bool
) -> tuple[dict[str, Issue], int]:
    """Return the visible issues with these ids, and a time in milliseconds. Access pattern I20.

    Issues without rows were last seen before that time (`numbers.without_rows_until`), because only
    release 0.1.0 has changed them. The time is 0 if there are none, or without `until`.
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
            issue = awake(to_issue(read_all(item)), visible.now_ms)
            if visible.covers(issue.expires_at, issue.last_seen):
                found[issue.id] = issue
    return found, numbers.without_rows_until(visible, counter) if until else 0


def has_issues(visible: Visible) -> bool:
    """Return whether the project has visible issues. Access pattern I21.

    Looks at the first hundred rows only.
    """
    page = clients.dynamodb().query(
        TableName=settings().issues_table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :issue)",
        ExpressionAttributeValues=write_all({":pk": visible.partition, ":issue": "issue#"}),
        Limit=_HAS_ISSUES,
    )
    shown = (to_issue(read_all(item)) for item in page["Items"] if is_issue(item))
    return any(visible.covers(each.expires_at, each.last_seen) for each in shown)
