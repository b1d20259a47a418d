"""IssuesTable: releases, and how many open issues were seen in them.

| item | sk | what |
|---|---|---|
| release | `release#<hash>` | one distinct release value |
| issue-release link | `seen#<issue id>#<hash>` | an issue was seen in a release (0.1.0) |

The rows of `errata.store.values` say which issues were seen in a release. Release 0.1.0 wrote links
instead. The `ttl` of a link is a day (`LINGER_S`) more than the `ttl` of the event that wrote it.
"""

from dataclasses import dataclass

from errata.config import settings
from errata.models.issue import IGNORED, OPEN, OPEN_STATUSES, REGRESSED, TTL_LAG_S, Release
from errata.models.seen_values import RELEASE, short_value
from errata.models.visible import Visible
from errata.store.issue_items import to_release
from errata.store.issues import find_issues
from errata.store.items import BATCH_GET, PlainItem, TypedItem, query_some, read_all, write_all
from errata.store.values import prefix, to_value

# Seconds that an issue-release link expires after its event.
LINGER_S = 86_400
# Sorts after every other text.
LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Releases:
    """A list of releases, or a part of it.

    Attributes:
        by_hash: the releases by their hashes.
        end: the last hash that was read, "" if all releases up to the last one were read.
        exact: whether all open issues are counted. If False, a release may have more of them.
    """

    by_hash: dict[str, Release]
    end: str
    exact: bool


def list_releases(
    visible: Visible,
    start: str = "",
    end: str = "",
    pages: int | None = None,
    *,
    counted: bool = True,
) -> Releases:
    """Return the visible releases with `start` < hash <= `end`, unordered. Access pattern I5.

    `end` "" means no upper limit. If `counted`, also counts the open issues that were seen in each
    release, with an index that lags a little. Reads at most `pages` pages of 1 MB (None: all) of
    releases, and as many of open issues, of value rows and of issue-release links.
    """
    items, stopped = _under(visible.partition, "release#", end, pages, f"{start}~" if start else "")
    releases = {
        item["sk"].removeprefix("release#"): to_release(item)
        for item in items
        if visible.covers(item["ttl"], item["release_last_seen"])
    }
    exact = not counted or not releases or _count_open(visible, releases, pages)
    end = stopped["sk"]["S"].removeprefix("release#") if stopped else end
    return Releases(releases, end, exact)


def _count_open(visible: Visible, releases: dict[str, Release], pages: int | None) -> bool:
    """Count the open issues of these releases. Return whether all were counted."""
    open_issues, more_issues = query_some(
        pages,
        TableName=settings().issues_table,
        IndexName="by_last_seen",
        KeyConditionExpression="pk = :pk AND last_seen >= :oldest",
        FilterExpression="#status IN (:open, :regressed, :ignored) AND #ttl > :now",
        ExpressionAttributeNames={"#status": "status", "#ttl": "ttl"},
        ExpressionAttributeValues=write_all(
            {
                ":pk": visible.partition,
                ":oldest": visible.oldest_ms,
                ":open": OPEN,
                ":regressed": REGRESSED,
                ":ignored": IGNORED,
                # The `ttl` is later than the expiry by TTL_LAG_S. Correct this, so that expired
                # issues do not count.
                ":now": visible.now_s + TTL_LAG_S,
            }
        ),
        ScanIndexForward=False,
    )
    open_since: dict[str, int] = {}
    ignored: list[str] = []
    for item in map(read_all, open_issues):
        issue_id = item["sk"].removeprefix("issue#")
        if item["status"] == IGNORED:
            ignored.append(issue_id)
        else:
            open_since[issue_id] = item["first_seen"]
    # Issues that are ignored until a time are open when it is over.
    some = ignored if pages is None else ignored[:BATCH_GET]
    for issue in find_issues(visible, some):
        if issue.status in OPEN_STATUSES:
            open_since[issue.id] = issue.first_seen
    seen_in, more_rows = _seen_in(visible, releases, open_since, pages)
    for _, name in seen_in:
        releases[name].open_issues += 1
    return not (more_issues or more_rows or len(some) < len(ignored))


def _seen_in(
    visible: Visible, releases: dict[str, Release], since: dict[str, int], pages: int | None
) -> tuple[set[tuple[str, str]], bool]:
    """Return which issues were seen in which of these releases, by id and hash.

    `since` says when each issue was first seen. Skips rows that are older than the issue or the
    release, which has then expired and started again. Also returns whether there are more rows.
    """
    seen_in: set[tuple[str, str]] = set()
    by_value = {short_value(each.release): name for name, each in releases.items()}
    rows, more = _under(visible.partition, prefix(RELEASE), "", pages)
    for item in rows:
        _, value, issue_ids = to_value(item)
        if item["ttl"] <= visible.now_s or value not in by_value:
            continue
        name = by_value[value]
        for each in issue_ids:
            if each in since and item["at"] >= max(since[each], releases[name].first_seen):
                seen_in.add((each, name))
    links, more_links = _under(visible.partition, "seen#", "", pages)
    for item in links:
        _, each, name = item["sk"].split("#")
        if item["ttl"] > visible.now_s and each in since and name in releases:
            begun = max(since[each], releases[name].first_seen)
            if (item["ttl"] - LINGER_S) * 1000 > begun:
                seen_in.add((each, name))
    return seen_in, bool(more or more_links)


def _under(
    pk: str, kind: str, end: str, pages: int | None, start: str = ""
) -> tuple[list[PlainItem], TypedItem | None]:
    """Return the rows whose sort key begins with `kind`, from the name `start` up to `end`.

    Also returns the key where it stopped; None at the end. Reads consistently.
    """
    found, stopped = query_some(
        pages,
        TableName=settings().issues_table,
        KeyConditionExpression="pk = :pk AND sk BETWEEN :start AND :end",
        ExpressionAttributeValues=write_all(
            {":pk": pk, ":start": f"{kind}{start}", ":end": f"{kind}{end or LAST}"}
        ),
        ConsistentRead=True,
    )
    return list(map(read_all, found)), stopped
