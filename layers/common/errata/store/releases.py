"""IssuesTable: releases, and which issues were seen in them.

| item | sk | what |
|---|---|---|
| release | `release#<hash>` | one distinct release value |
| sighting | `seen#<issue id>#<release hash>` | that an issue was seen in a release |

`ttl` of a sighting: a day more than that of an event of the last day.
"""

from dataclasses import dataclass

from errata.config import settings
from errata.models.issue import OPEN, REGRESSED, Release
from errata.models.visible import Visible
from errata.store.items import PlainItem, TypedItem, Values, query_some, read_all, write_all

# How much longer than its event a sighting lives, so that it is written but once a day.
LINGER_S = 86_400


@dataclass(frozen=True, slots=True)
class Releases:
    """Releases by their hashes. `end` is the hash up to which was read, "" for the last there is.

    `exact`: every open issue is counted; else there may be more of each release.
    """

    by_hash: dict[str, Release]
    end: str
    exact: bool


def list_releases(
    visible: Visible, start: str = "", end: str = "", pages: int | None = None
) -> Releases:
    """Return the visible releases, in no order. The index lags a little.

    Open issues of a release are those that were seen in it. Reads the releases with hashes above
    `start`, up to `end` ("": to the last); of these, of open issues and of sightings so many
    `pages` of 1 MB each at most. Access pattern I5.
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
    """Count the open issues of each of these releases; whether that was all of them."""
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
    release_links, more_sightings = _under(visible.partition, "seen#", "", pages)
    for item in release_links:
        _, issue_id, name = item["sk"].split("#")
        if item["ttl"] > visible.now_s and issue_id in open_since and name in releases:
            # Not where the issue or the release has expired since, and begun anew.
            begun = max(open_since[issue_id], releases[name].first_seen)
            releases[name].open_issues += (item["ttl"] - LINGER_S) * 1000 > begun
    return not (more_issues or more_sightings)


def _under(
    pk: str, start: str, end: str, pages: int | None
) -> tuple[list[PlainItem], TypedItem | None]:
    """The rows of a kind from the sort key `start` up to the name `end`, read consistently."""
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
        # Not `last_seen`, which would put releases into the index of the issues.
        "release_last_seen": release.last_seen,
        "events": release.events,
        "issues_opened": release.issues_opened,
        "ttl": release.expires_at,
    }


def to_release(item: PlainItem) -> Release:
    """The release in an item of plain values; its open issues are not in there."""
    return Release(
        release=item["release"],
        first_seen=item["first_seen"],
        last_seen=item["release_last_seen"],
        events=item["events"],
        issues_opened=item["issues_opened"],
        expires_at=item["ttl"],
    )
