"""IssuesTable: read issues.

All rows of a project have the partition `<project>#<generation>`. `clear` opens the next generation
(see `errata.store.watermarks`), which hides all these rows at once.

| item | sk | what |
|---|---|---|
| issue | `issue#<issue id>` | all events of one fingerprint; in the index by_last_seen |

Every item of the table has a `ttl` in seconds: the `ttl` of its newest event. Issue-release links
have a day more, and tombstones at least 15 days from the deletion.
`errata.store.releases` and `day_counts` describe the other counters. `digest` writes them all.
`issue_status` has the changes that people make to issues.
"""

from collections.abc import Iterable, Iterator

from errata.config import settings
from errata.models.issue import Issue
from errata.models.visible import Visible
from errata.store import clients
from errata.store.items import (
    PlainItem,
    Request,
    TypedItem,
    Values,
    batch_delete,
    batch_get,
    query,
    query_some,
    read_all,
    write_all,
)


def by_last_seen(visible: Visible) -> Iterator[Issue]:
    """Yield the visible issues, most recently seen first. The index lags a little.

    Access pattern I3.
    """
    keys: list[TypedItem] = []
    for found in query(
        TableName=settings().issues_table,
        IndexName="by_last_seen",
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues=write_all({":pk": visible.partition}),
        ScanIndexForward=False,
        Limit=100,
    ):
        keys.append({"pk": found["pk"], "sk": found["sk"]})
        if len(keys) == 100:
            yield from _issues(visible, keys)
            keys = []
    yield from _issues(visible, keys)


def _issues(visible: Visible, keys: list[TypedItem]) -> Iterator[Issue]:
    found = {item["sk"]["S"]: item for item in batch_get(settings().issues_table, keys)}
    for key in keys:
        item = found.get(key["sk"]["S"])
        if item and _shows(visible, item):
            yield to_issue(read_all(item))


def _shows(visible: Visible, item: TypedItem) -> bool:
    """Return whether an item is a visible issue. A tombstone is not."""
    if "last_seen" not in item:
        return False
    return visible.covers(int(item["ttl"]["N"]), int(item["last_seen"]["N"]))


def find_issue(visible: Visible, issue_id: str) -> Issue | None:
    """Return an issue, or None if it does not exist or is not visible."""
    found = find_issues(visible, [issue_id])
    return found[0] if found else None


def find_issues(visible: Visible, issue_ids: Iterable[str]) -> list[Issue]:
    """Return the issues with these ids, in this order. Leaves out missing and hidden ones.

    Access pattern I4.
    """
    pk = visible.partition
    keys = [write_all({"pk": pk, "sk": f"issue#{issue_id}"}) for issue_id in issue_ids]
    return list(_issues(visible, keys))


def newest_ids(
    visible: Visible, statuses: Iterable[str], after: tuple[int, str] | None, most: int
) -> tuple[list[tuple[int, str]], tuple[int, str] | None]:
    """Return (last seen, id) of the issues with these statuses, newest first.

    Reads up to `most` issues of any status, starting after the position `after`. That issue may be
    deleted. Also returns the position where it stopped, None at the end. The index lags a little.
    Access pattern I8.

    Args:
        after: when an issue was last seen (milliseconds since the epoch), and its id.
    """
    wanted = {f":status{n}": status for n, status in enumerate(statuses)}
    pk = visible.partition
    request: Request = {}
    if after:
        last_seen, issue_id = after
        request["ExclusiveStartKey"] = write_all(
            {"pk": pk, "sk": f"issue#{issue_id}", "last_seen": last_seen}
        )
    page = clients.dynamodb().query(
        TableName=settings().issues_table,
        IndexName="by_last_seen",
        KeyConditionExpression="pk = :pk",
        FilterExpression=f"#status IN ({', '.join(wanted)}) AND #ttl > :now",
        ExpressionAttributeNames={"#status": "status", "#ttl": "ttl"},
        ExpressionAttributeValues=write_all({":pk": pk, ":now": visible.now_s, **wanted}),
        ScanIndexForward=False,
        Limit=most,
        **request,
    )
    stopped = page.get("LastEvaluatedKey")
    return [_place(item) for item in page["Items"]], _place(stopped) if stopped else None


def _place(item: TypedItem) -> tuple[int, str]:
    return int(item["last_seen"]["N"]), item["sk"]["S"].removeprefix("issue#")


def by_id(visible: Visible, start: str, end: str, pages: int | None) -> tuple[list[Issue], str]:
    """Return the visible issues with `start` < id <= `end`. `end` "" means no upper limit.

    Reads at most `pages` pages of 1 MB (None: all). Also returns the last id that it has read, ""
    if it has read all issues up to the last one. Read consistently. Access pattern I9.
    """
    items, stopped = query_some(
        pages,
        TableName=settings().issues_table,
        KeyConditionExpression="pk = :pk AND sk BETWEEN :start AND :end",
        # `~` sorts after every id. An id followed by `~` sorts after that id.
        ExpressionAttributeValues=write_all(
            {
                ":pk": visible.partition,
                ":start": f"issue#{start}~" if start else "issue#",
                ":end": f"issue#{end or '~'}",
            }
        ),
        ConsistentRead=True,
    )
    found = [to_issue(read_all(item)) for item in items if _shows(visible, item)]
    return found, stopped["sk"]["S"].removeprefix("issue#") if stopped else end


def delete_generation(pk: str) -> None:
    """Delete every row of a generation. Access pattern I7."""
    found = query(
        TableName=settings().issues_table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues=write_all({":pk": pk}),
        ProjectionExpression="pk, sk",
    )
    batch_delete(settings().issues_table, found)


def issue_item(issue: Issue) -> Values:
    """Return an issue's item without its key."""
    values: Values = {
        "fingerprint": issue.fingerprint[:1024],
        "grouping": issue.grouping,
        "title": issue.title,
        "culprit": issue.culprit,
        "level": issue.level,
        "exception_class": issue.exception_class[:200],
        "first_seen": issue.first_seen,
        "first_event": issue.first_event,
        "last_seen": issue.last_seen,
        "last_event": issue.last_event,
        "last_sequence": issue.last_sequence,
        "count": issue.count,
        "status": issue.status,
        "status_at": issue.status_at or None,
        "status_by": issue.status_by or None,
        "ttl": issue.expires_at,
        "environments": issue.environments,
        "releases": issue.releases,
        "servers": issue.servers,
        "days": issue.days,
    }
    if issue.stream:
        values["stream"] = issue.stream
    if issue.users:
        values["users"] = issue.users
    if issue.deleted_through:
        values["deleted_through"] = issue.deleted_through
    if issue.grouped_by:
        values["grouped_by"] = issue.grouped_by
    if issue.transaction:
        values["transaction"] = issue.transaction
    if issue.logger:
        values["logger"] = issue.logger
    return values


def to_issue(item: PlainItem) -> Issue:
    """Return the issue in an item of plain values."""
    return Issue(
        id=item["sk"].removeprefix("issue#"),
        fingerprint=item["fingerprint"],
        grouping=item["grouping"],
        title=item["title"],
        culprit=item["culprit"],
        level=item["level"],
        exception_class=item["exception_class"],
        first_seen=item["first_seen"],
        first_event=item["first_event"],
        last_seen=item["last_seen"],
        last_event=item["last_event"],
        last_sequence=item["last_sequence"],
        count=item["count"],
        status=item["status"],
        status_at=item.get("status_at", 0),
        status_by=item.get("status_by", ""),
        expires_at=item["ttl"],
        environments=item["environments"],
        releases=item["releases"],
        servers=item["servers"],
        days=item["days"],
        users=item.get("users", b""),
        deleted_through=item.get("deleted_through", ""),
        grouped_by=item.get("grouped_by", ""),
        transaction=item.get("transaction", ""),
        logger=item.get("logger", ""),
        stream=item.get("stream", ""),
    )
