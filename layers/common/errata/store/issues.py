"""IssuesTable: what `digest` has made of the events; `errata.store.lifecycle` has what people do.

Everything of a project lies under `<project>#<generation>`; `clear` moves on to the next
generation (see `errata.store.boundaries`), and with it all of this is out of sight at once.

| item | sk | what |
|---|---|---|
| issue | `issue#<issue id>` | all events of one fingerprint; in the index by_last_seen |
| release | `release#<hash>` | one distinct release value |
| sighting | `seen#<issue id>#<release hash>` | that an issue was seen in a release |
| day | `day#2026-11-22` | the project's events of one day, UTC |

`ttl` in seconds, on every item: that of the newest event behind it; of a sighting a day more than
that of an event of the last day.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from botocore.exceptions import ClientError

from errata.config import settings
from errata.models.issue import OPEN, REGRESSED, Activity, Day, Issue, Release
from errata.store import clients
from errata.store.attributes import (
    Item,
    batch_delete,
    batch_get,
    cancellation,
    query,
    query_some,
    read_all,
    unchanged,
    write_all,
)
from errata.store.events import Stored
from errata.store.lifecycle import activity_action

# A transaction takes 100 actions.
MAX_ACTIONS = 100
# How much longer than its event a sighting lives, so that it is written but once a day.
LINGER_S = 86_400
_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(slots=True)
class Rows:
    """The rows of one project that a batch touches, as they stand.

    Those that have expired are left out, since they are to begin anew, though DynamoDB may not have
    deleted them yet. `stood` holds the expired, too, as they lie in the table, by sort key.
    """

    issues: dict[str, Issue] = field(default_factory=dict)  # by id
    releases: dict[str, Release] = field(default_factory=dict)  # by release_hash
    days: dict[int, Day] = field(default_factory=dict)  # by day since the epoch
    # (issue id, release_hash) → time to live
    sightings: dict[tuple[str, str], int] = field(default_factory=dict)
    stood: dict[str, Item] = field(default_factory=dict)

    def last_sequence(self, issue_id: str) -> str:
        """What an issue has counted last, even one that has expired; "" where there is none."""
        stood = self.stood.get(f"issue#{issue_id}")
        return stood["last_sequence"] if stood else ""

    def deleted_through(self, issue_id: str) -> str:
        """Up to which event id an issue was deleted, be it there again or not; "" if never."""
        stood = self.stood.get(f"issue#{issue_id}", {})
        return str(stood.get("deleted_through", ""))


@dataclass(slots=True)
class Changes:
    """What becomes of one project's rows in one transaction, under the names that `Rows` has.

    `opened` holds the new ones among the issues, each with the event that opens it; `activity` what
    is to be noted of issues, by their ids.
    """

    issues: dict[str, Issue] = field(default_factory=dict)
    opened: dict[str, Stored] = field(default_factory=dict)
    activity: dict[str, Activity] = field(default_factory=dict)
    releases: dict[str, Release] = field(default_factory=dict)
    days: dict[int, Day] = field(default_factory=dict)
    sightings: dict[tuple[str, str], int] = field(default_factory=dict)

    def __len__(self) -> int:
        of_issues = len(self.issues) + len(self.activity) + len(self.sightings)
        return of_issues + len(self.releases) + len(self.days)


def partition(project_id: str, generation: int) -> str:
    """Where a project's rows of one generation lie."""
    return f"{project_id}#{generation}"


# ------------------------------------------------------------------ digest


def rows(
    pk: str,
    issue_ids: Iterable[str],
    seen: Iterable[tuple[str, str]],
    days: Iterable[int],
    now_s: int,
) -> Rows:
    """These issues, days, and sightings with their releases, consistently. Access pattern I1.

    `seen` holds pairs of issue id and release_hash.
    """
    sightings = list(seen)
    names = [f"issue#{issue_id}" for issue_id in issue_ids]
    names += [f"seen#{issue_id}#{release}" for issue_id, release in sightings]
    names += {f"release#{release}" for _, release in sightings}
    days_of = {_day(day): day for day in days}
    found = Rows()
    keys = [write_all({"pk": pk, "sk": name}) for name in [*names, *days_of]]
    for typed in batch_get(settings().issues_table, keys):
        item = read_all(typed)
        found.stood[item["sk"]] = item
        if item["ttl"] <= now_s:
            continue
        kind, _, name = item["sk"].partition("#")
        if kind == "issue":
            if "last_seen" in item:  # else it is what a deletion has left
                found.issues[name] = _to_issue(item)
        elif kind == "release":
            found.releases[name] = _to_release(item)
        elif kind == "day":
            found.days[days_of[item["sk"]]] = Day(item["count"], item["ttl"])
        else:
            issue_id, _, release = name.partition("#")
            found.sightings[issue_id, release] = item["ttl"]
    # Sightings outlive their issue by up to a day, and say nothing of one that begins anew.
    for sighting in [each for each in found.sightings if each[0] not in found.issues]:
        del found.sightings[sighting]
    return found


def apply(pk: str, standing: Rows, changes: Changes) -> bool:
    """Apply the changes, all or none, and note them in `standing`. Access pattern I2.

    False when a row is not as it stood, or another transaction is at one of them.
    """
    written = {f"issue#{issue.id}": _issue_item(issue) for issue in changes.issues.values()}
    written |= {f"release#{name}": _release_item(each) for name, each in changes.releases.items()}
    written |= {
        _day(day): {"count": each.count, "ttl": each.expires_at}
        for day, each in changes.days.items()
    }
    actions = [
        _put(pk, sk, values, _unchanged(sk, standing.stood.get(sk)))
        for sk, values in written.items()
    ]
    for issue_id, note in changes.activity.items():
        actions.append(activity_action(pk, changes.issues[issue_id], note))
    for (issue_id, name), expires_at in changes.sightings.items():
        actions.append(_put(pk, f"seen#{issue_id}#{name}", {"ttl": expires_at}, {}))
    try:
        clients.dynamodb().transact_write_items(TransactItems=actions)
    except ClientError as error:
        codes = {reason["Code"] for reason in cancellation(error)}
        if codes and codes <= {"None", "ConditionalCheckFailed", "TransactionConflict"}:
            return False
        raise
    standing.stood.update(written)
    standing.issues.update(changes.issues)
    standing.releases.update(changes.releases)
    standing.days.update(changes.days)
    standing.sightings.update(changes.sightings)
    return True


# Of these attributes each change of a row moves one. With the time to live, since a row that has
# expired and begun anew may count as many again.
_MOVES = {
    "issue": ("last_sequence", "status", "status_at", "ttl"),
    "release": ("events", "ttl"),
    "day": ("count", "ttl"),
}


def _unchanged(sk: str, stood: Item | None) -> Item:
    """The condition that a row is as it stood."""
    if stood is None:
        return {"ConditionExpression": "attribute_not_exists(pk)"}
    return unchanged({name: stood.get(name) for name in _MOVES[sk.partition("#")[0]]})


def _put(pk: str, sk: str, values: Item, condition: Item) -> Any:
    item = write_all({"pk": pk, "sk": sk, **values})
    return {"Put": {"TableName": settings().issues_table, "Item": item, **condition}}


def _issue_item(issue: Issue) -> Item:
    values: Item = {
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
    if issue.users:
        values["users"] = issue.users
    if issue.deleted_through:
        values["deleted_through"] = issue.deleted_through
    if issue.grouped_by:
        values["grouped_by"] = issue.grouped_by
    return values


def _release_item(release: Release) -> Item:
    return {
        "release": release.release[:1024],
        "first_seen": release.first_seen,
        # Not `last_seen`, which would put releases into the index of the issues.
        "release_last_seen": release.last_seen,
        "events": release.events,
        "issues_opened": release.issues_opened,
        "ttl": release.expires_at,
    }


def _day(day: int) -> str:
    """The sort key of a day since the epoch."""
    return f"day#{date.fromordinal(_EPOCH + day)}"


# ------------------------------------------------------------------ reading


def by_last_seen(pk: str, now_s: int, oldest_ms: int = 0) -> Iterator[Issue]:
    """A project's issues, the most recently seen first; the index lags by moments.

    Here as in what follows: not those that were last seen before `oldest_ms`, since a project may
    keep events for a shorter time than when their `ttl` was written.

    Access pattern I3.
    """
    keys: list[Item] = []
    for found in query(
        TableName=settings().issues_table,
        IndexName="by_last_seen",
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues=write_all({":pk": pk}),
        ScanIndexForward=False,
        Limit=100,
    ):
        keys.append({"pk": found["pk"], "sk": found["sk"]})
        if len(keys) == 100:
            yield from _issues(keys, now_s, oldest_ms)
            keys = []
    yield from _issues(keys, now_s, oldest_ms)


def _issues(keys: list[Item], now_s: int, oldest_ms: int) -> Iterator[Issue]:
    found = {item["sk"]["S"]: item for item in batch_get(settings().issues_table, keys)}
    for key in keys:
        item = found.get(key["sk"]["S"])
        if item and _is_there(item, now_s, oldest_ms):
            yield _to_issue(read_all(item))


def _is_there(item: Item, now_s: int, oldest_ms: int) -> bool:
    """Whether an issue's item is one: not expired, and not what a deletion has left."""
    if "last_seen" not in item:
        return False
    return int(item["ttl"]["N"]) > now_s and int(item["last_seen"]["N"]) >= oldest_ms


def find_issue(pk: str, issue_id: str, now_s: int, oldest_ms: int = 0) -> Issue | None:
    """One issue that has not expired."""
    found = find_issues(pk, [issue_id], now_s, oldest_ms)
    return found[0] if found else None


def find_issues(pk: str, issue_ids: Iterable[str], now_s: int, oldest_ms: int = 0) -> list[Issue]:
    """Those of these issues that are there and have not expired, in this order.

    Access pattern I4.
    """
    keys = [write_all({"pk": pk, "sk": f"issue#{issue_id}"}) for issue_id in issue_ids]
    return list(_issues(keys, now_s, oldest_ms))


def newest_ids(
    pk: str, statuses: Iterable[str], after: tuple[int, str] | None, most: int, now_s: int
) -> tuple[list[tuple[int, str]], tuple[int, str] | None]:
    """When the issues of these statuses were last seen, with their ids, the last seen first.

    Looks at so many issues at `most`, behind the one that `after` names, which need not be there
    any more. Returns also where it stopped, None at the end. The index lags by moments. Access
    pattern I8.
    """
    wanted = {f":status{n}": status for n, status in enumerate(statuses)}
    request: Item = {}
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
        ExpressionAttributeValues=write_all({":pk": pk, ":now": now_s, **wanted}),
        ScanIndexForward=False,
        Limit=most,
        **request,
    )
    stopped = page.get("LastEvaluatedKey")
    return [_place(item) for item in page["Items"]], _place(stopped) if stopped else None


def _place(item: Item) -> tuple[int, str]:
    return int(item["last_seen"]["N"]), item["sk"]["S"].removeprefix("issue#")


def by_id(
    pk: str, start: str, end: str, now_s: int, pages: int | None, oldest_ms: int = 0
) -> tuple[list[Issue], str]:
    """The issues with ids above `start`, up to `end` ("": to the last), that have not expired.

    Reads so many `pages` of 1 MB at most; returns also the id up to which that was, "" for the
    last there is. Read consistently. Access pattern I9.
    """
    items, stopped = query_some(
        pages,
        TableName=settings().issues_table,
        KeyConditionExpression="pk = :pk AND sk BETWEEN :start AND :end",
        # `~` sorts behind every id, and what begins with an id behind that id.
        ExpressionAttributeValues=write_all(
            {
                ":pk": pk,
                ":start": f"issue#{start}~" if start else "issue#",
                ":end": f"issue#{end or '~'}",
            }
        ),
        ConsistentRead=True,
    )
    found = [_to_issue(read_all(item)) for item in items if _is_there(item, now_s, oldest_ms)]
    return found, stopped["sk"]["S"].removeprefix("issue#") if stopped else end


@dataclass(frozen=True, slots=True)
class Releases:
    """Releases by their hashes. `end` is the hash up to which was read, "" for the last there is.

    `exact`: every open issue is counted; else there may be more of each release.
    """

    by_hash: dict[str, Release]
    end: str
    exact: bool


def list_releases(
    pk: str,
    now_s: int,
    oldest_ms: int = 0,
    start: str = "",
    end: str = "",
    pages: int | None = None,
) -> Releases:
    """A project's releases that have not expired, in no order; the index lags by moments.

    Open issues of a release are those that were seen in it. Reads the releases with hashes above
    `start`, up to `end` ("": to the last); of these, of open issues and of sightings so many
    `pages` of 1 MB each at most. Access pattern I5.
    """
    items, stopped = _under(pk, f"release#{start}~" if start else "release#", end, pages)
    releases = {
        item["sk"].removeprefix("release#"): _to_release(item)
        for item in items
        if item["ttl"] > now_s and item["release_last_seen"] >= oldest_ms
    }
    exact = not releases or _count_open(pk, releases, now_s, oldest_ms, pages)
    end = stopped["sk"]["S"].removeprefix("release#") if stopped else end
    return Releases(releases, end, exact)


def _count_open(
    pk: str, releases: dict[str, Release], now_s: int, oldest_ms: int, pages: int | None
) -> bool:
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
                ":pk": pk,
                ":oldest": oldest_ms,
                ":open": OPEN,
                ":regressed": REGRESSED,
                ":now": now_s,
            }
        ),
        ScanIndexForward=False,
    )
    open_since = {
        item["sk"].removeprefix("issue#"): item["first_seen"] for item in map(read_all, open_issues)
    }
    sightings, more_sightings = _under(pk, "seen#", "", pages)
    for item in sightings:
        _, issue_id, name = item["sk"].split("#")
        if item["ttl"] > now_s and issue_id in open_since and name in releases:
            # Not where the issue or the release has expired since, and begun anew.
            begun = max(open_since[issue_id], releases[name].first_seen)
            releases[name].open_issues += (item["ttl"] - LINGER_S) * 1000 > begun
    return not (more_issues or more_sightings)


def list_days(pk: str, first: str, now_s: int) -> dict[str, int]:
    """The events of each day from `first` (`2026-11-22`) on; days without any are left out.

    So are days that have expired. Access pattern I6.
    """
    days, _ = _under(pk, f"day#{first}", "", None)
    return {item["sk"].removeprefix("day#"): item["count"] for item in days if item["ttl"] > now_s}


def _under(pk: str, start: str, end: str, pages: int | None) -> tuple[list[Item], Item | None]:
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


def count_days(pks: Iterable[str], days: Iterable[str], now_s: int) -> dict[str, int]:
    """The events of these days (`2026-11-22`), together, of each partition that has any.

    Access pattern I13.
    """
    wanted = list(days)
    keys = [write_all({"pk": pk, "sk": f"day#{day}"}) for pk in pks for day in wanted]
    counts: dict[str, int] = defaultdict(int)
    for item in map(read_all, batch_get(settings().issues_table, keys)):
        if item["ttl"] > now_s:
            counts[item["pk"]] += item["count"]
    return counts


def delete_generation(pk: str) -> None:
    """Delete every row of a generation. Access pattern I7."""
    found = query(
        TableName=settings().issues_table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues=write_all({":pk": pk}),
        ProjectionExpression="pk, sk",
    )
    batch_delete(settings().issues_table, list(found))


def _to_issue(item: Item) -> Issue:
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
    )


def _to_release(item: Item) -> Release:
    return Release(
        release=item["release"],
        first_seen=item["first_seen"],
        last_seen=item["release_last_seen"],
        events=item["events"],
        issues_opened=item["issues_opened"],
        expires_at=item["ttl"],
    )
