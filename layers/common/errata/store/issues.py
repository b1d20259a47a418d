"""IssuesTable: read issues.

All rows of a project have the partition `<project>#<generation>`. `clear` opens the next generation
(see `errata.store.watermarks`), which hides all these rows at once.

| item | sk | what |
|---|---|---|
| issue | `issue#<issue id>` | all events of one fingerprint; in the index by_last_seen |

Items have a `ttl` in seconds, mostly that of their newest event. Issue-release links expire a day
later, and tombstones 15 days after the deletion at the earliest. The modules that describe other
items say when those expire.
`errata.store.releases` and `day_counts` describe the other counters. `digest` writes them all.
`issue_status` has the changes that people make to issues.
"""

from collections.abc import Iterable, Iterator
from itertools import islice

from errata.config import settings
from errata.models.issue import Issue
from errata.models.settled import awake
from errata.models.visible import Visible
from errata.store.issue_items import is_issue, to_issue
from errata.store.items import (
    TypedItem,
    batch_delete,
    batch_get,
    query,
    read_all,
    write_all,
)

# Rows in one response of access pattern I51.
_AT_ONCE = 20


def _issues(visible: Visible, keys: list[TypedItem]) -> Iterator[Issue]:
    found = {item["sk"]["S"]: item for item in batch_get(settings().issues_table, keys)}
    for key in keys:
        if (item := found.get(key["sk"]["S"])) and (issue := _shown(visible, item)):
            yield issue


def _shown(visible: Visible, item: TypedItem) -> Issue | None:
    """Return the issue in an item. None if it is not visible, or a tombstone."""
    if not is_issue(item):
        return None
    issue = awake(to_issue(read_all(item)), visible.now_ms)
    return issue if visible.covers(issue.expires_at, issue.last_seen) else None


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


def find_by_prefix(visible: Visible, prefix: str, most: int) -> list[Issue]:
    """Return up to `most` issues whose ids begin with a text, sorted by id. Access pattern I51."""
    found = query(
        TableName=settings().issues_table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
        ExpressionAttributeValues=write_all(
            {":pk": visible.partition, ":prefix": f"issue#{prefix}"}
        ),
        Limit=_AT_ONCE,
    )
    shown = (issue for item in found if (issue := _shown(visible, item)))
    return list(islice(shown, most))


def find_across(wanted: Iterable[tuple[Visible, str]]) -> dict[tuple[str, str], Issue]:
    """Return issues of several projects by (project id, issue id). `wanted` has the issue ids.

    Leaves out missing and hidden ones. Access pattern I27.
    """
    of = {(each.partition, f"issue#{issue_id}"): each for each, issue_id in wanted}
    keys = [write_all({"pk": pk, "sk": sk}) for pk, sk in of]
    found: dict[tuple[str, str], Issue] = {}
    for item in batch_get(settings().issues_table, keys):
        visible = of[item["pk"]["S"], item["sk"]["S"]]
        if issue := _shown(visible, item):
            found[visible.project_id, issue.id] = issue
    return found


def delete_generation(pk: str) -> None:
    """Delete every row of a generation. Access pattern I7."""
    found = query(
        TableName=settings().issues_table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues=write_all({":pk": pk}),
        ProjectionExpression="pk, sk",
    )
    batch_delete(settings().issues_table, found)
