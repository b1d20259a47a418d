"""IssuesTable: releases, and which issues were seen in them.

| item | sk | what |
|---|---|---|
| release | `release#<hash>` | one distinct release value |
| issue-release link | `seen#<issue id>#<release hash>` | an issue was seen in a release |

The `ttl` of a link is a day (`LINGER_S`) more than the `ttl` of the event that wrote it.
"""

from dataclasses import dataclass

from errata.config import settings
from errata.models.issue import OPEN, REGRESSED, Release
from errata.models.visible import Visible
from errata.store.items import PlainItem, TypedItem, Values, query_some, read_all, write_all

# Seconds that an issue-release link expires after its event. A newer event writes the link again
# only if the link would expire before the event. So a link is written at most once a day.
LINGER_S = 86_400


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
    visible: Visible, start: str = "", end: str = "", pages: int | None = None
) -> Releases:
    """Return the visible releases, unordered. The index lags a little.

    The open issues of a release are the open issues that were seen in it. Reads the releases with
    `start` < hash <= `end`. `end` "" means no upper limit. Reads at most `pages` pages of 1 MB
    (None: all) of each: releases, open issues, issue-release links. Access pattern I5.
    """
    items, stopped = _under(
        visible.partition, f"release#{start}~" if start else "release#", end, pages
    )
    releases = {
        item["sk"].removeprefix("release#"): to_release(item)
        for item in items
        if visible.covers(item["ttl"], item["release_last_seen"])
    }
    exact = not releases or _count_open(visible, releases, pages)
    end = stopped["sk"]["S"].removeprefix("release#") if stopped else end
    return Releases(releases, end, exact)


def _count_open(visible: Visible, releases: dict[str, Release], pages: int | None) -> bool:
    """Count the open issues of these releases. Return whether all were counted."""
    open_issues, more_issues = query_some(
        pages,
        TableName=settings().issues_table,
        IndexName="by_last_seen",
        KeyConditionExpression="pk = :pk AND last_seen >= :oldest",
        FilterExpression="#status IN (:open, :regressed) AND #ttl > :now",
        ExpressionAttributeNames={"#status": "status", "#ttl": "ttl"},
        ExpressionAttributeValues=write_all(
            {
                ":pk": visible.partition,
                ":oldest": visible.oldest_ms,
                ":open": OPEN,
                ":regressed": REGRESSED,
                ":now": visible.now_s,
            }
        ),
        ScanIndexForward=False,
    )
    open_since = {
        item["sk"].removeprefix("issue#"): item["first_seen"] for item in map(read_all, open_issues)
    }
    release_links, more_links = _under(visible.partition, "seen#", "", pages)
    for item in release_links:
        _, issue_id, name = item["sk"].split("#")
        if item["ttl"] > visible.now_s and issue_id in open_since and name in releases:
            # Skip a link from before the issue or the release expired and started again.
            begun = max(open_since[issue_id], releases[name].first_seen)
            releases[name].open_issues += (item["ttl"] - LINGER_S) * 1000 > begun
    return not (more_issues or more_links)


def _under(
    pk: str, start: str, end: str, pages: int | None
) -> tuple[list[PlainItem], TypedItem | None]:
    """Return the rows of one kind from the sort key `start` up to the name `end`.

    Also returns the key where it stopped; None at the end. Read consistently.
    """
    kind = start.partition("#")[0]
    found, stopped = query_some(
        pages,
        TableName=settings().issues_table,
        KeyConditionExpression="pk = :pk AND sk BETWEEN :start AND :end",
        ExpressionAttributeValues=write_all(
            {":pk": pk, ":start": start, ":end": f"{kind}#{end or '~'}"}
        ),
        ConsistentRead=True,
    )
    return list(map(read_all, found)), stopped


def release_item(release: Release) -> Values:
    """Return a release's item without its key."""
    return {
        "release": release.release[:1024],
        "first_seen": release.first_seen,
        # Not named `last_seen`: that would put releases into the index by_last_seen.
        "release_last_seen": release.last_seen,
        "events": release.events,
        "issues_opened": release.issues_opened,
        "ttl": release.expires_at,
    }


def to_release(item: PlainItem) -> Release:
    """Return the release in an item of plain values. The item has no number of open issues."""
    return Release(
        release=item["release"],
        first_seen=item["first_seen"],
        last_seen=item["release_last_seen"],
        events=item["events"],
        issues_opened=item["issues_opened"],
        expires_at=item["ttl"],
    )
