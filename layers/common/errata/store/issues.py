"""IssuesTable: what `digest` has made of the events, and nobody else writes.

Everything of a project lies under `<project>#<generation>`; `clear` moves on to the next
generation (see `errata.store.events.Boundary`), and with it all of this is out of sight at once.

| item | sk | what |
|---|---|---|
| issue | `issue#<issue id>` | all events of one fingerprint; in the index by_last_seen |
| release | `release#<hash>` | one distinct release value |
| sighting | `seen#<issue id>#<release hash>` | that an issue was seen in a release |
| day | `day#2026-11-22` | the project's events of one day, UTC |

`ttl` in seconds, on every item: that of the newest event behind it; of a sighting up to a day more.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from errata.config import settings
from errata.models.issue import Issue, Release
from errata.store import clients
from errata.store.attributes import (
    Item,
    batch_delete,
    batch_get,
    cancellation,
    query,
    read_all,
    write_all,
)

# A transaction takes 100 actions.
MAX_ACTIONS = 100


@dataclass(slots=True)
class Rows:
    """The rows of one project that a batch touches, as they stand."""

    issues: dict[str, Issue] = field(default_factory=dict)  # by id
    releases: dict[str, Release] = field(default_factory=dict)  # by release_hash
    # (issue id, release_hash) → time to live
    sightings: dict[tuple[str, str], int] = field(default_factory=dict)


@dataclass(slots=True)
class Changes:
    """What one transaction does to one project's rows.

    `issues` are written as they are; `before` holds the `last_sequence` that each had when it was
    read ("" for a new one), and the transaction fails if it has moved. The counts of `releases` are
    what to add. `sightings` maps issue id and release_hash to the time to live; `days` maps a day
    to the events to add and its time to live.
    """

    issues: dict[str, Issue] = field(default_factory=dict)
    before: dict[str, str] = field(default_factory=dict)
    releases: dict[str, Release] = field(default_factory=dict)
    sightings: dict[tuple[str, str], int] = field(default_factory=dict)
    days: dict[str, tuple[int, int]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.issues) + len(self.releases) + len(self.sightings) + len(self.days)


def partition(project_id: str, generation: int) -> str:
    """Where a project's rows of one generation lie."""
    return f"{project_id}#{generation}"


# ------------------------------------------------------------------ digest


def rows(pk: str, issue_ids: Iterable[str], seen: Iterable[tuple[str, str]]) -> Rows:
    """These issues, and these sightings with their releases, consistently. Access pattern I1.

    `seen` holds pairs of issue id and release_hash.
    """
    sightings = list(seen)
    names = [f"issue#{issue_id}" for issue_id in issue_ids]
    names += [f"seen#{issue_id}#{release}" for issue_id, release in sightings]
    names += {f"release#{release}" for _, release in sightings}
    found = Rows()
    keys = [write_all({"pk": pk, "sk": name}) for name in names]
    for typed in batch_get(settings().issues_table, keys):
        item = read_all(typed)
        kind, _, name = item["sk"].partition("#")
        if kind == "issue":
            found.issues[name] = _to_issue(item)
        elif kind == "release":
            found.releases[name] = _to_release(item)
        else:
            issue_id, _, release = name.partition("#")
            found.sightings[issue_id, release] = item["ttl"]
    return found


def apply(pk: str, changes: Changes) -> bool:
    """Apply the changes, all or nothing. Access pattern I2.

    False when an issue has moved since it was read, or another transaction is at one of the rows.
    """
    actions = [
        _issue_action(pk, issue, changes.before[issue.id]) for issue in changes.issues.values()
    ]
    actions += [_release_action(pk, *release) for release in changes.releases.items()]
    actions += [_sighting_action(pk, *seen, ttl) for seen, ttl in changes.sightings.items()]
    actions += [_day_action(pk, day, *values) for day, values in changes.days.items()]
    try:
        clients.dynamodb().transact_write_items(TransactItems=actions)
    except ClientError as error:
        codes = {reason["Code"] for reason in cancellation(error)}
        if codes and codes <= {"None", "ConditionalCheckFailed", "TransactionConflict"}:
            return False
        raise
    return True


def _issue_action(pk: str, issue: Issue, before: str) -> Any:
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
        "ttl": issue.expires_at,
        "environments": issue.environments,
        "releases": issue.releases,
        "days": issue.days,
    }
    if issue.users:
        values["users"] = issue.users
    typed = {f":{name}": value for name, value in write_all(values).items()}
    names = {f"#{name}": name for name in values}
    changes = ", ".join(f"#{name} = :{name}" for name in values)
    condition = "attribute_not_exists(pk)"
    if before:
        condition = "#last_sequence = :before"
        typed[":before"] = {"S": before}
    else:
        names["#status"] = "status"
        typed[":status"] = {"S": issue.status}
        changes += ", #status = :status"
    return _update(pk, f"issue#{issue.id}", f"SET {changes}", names, typed, condition)


def _release_action(pk: str, name: str, release: Release) -> Any:
    typed = write_all(
        {
            ":release": release.release[:1024],
            ":first": release.first_seen,
            ":last": release.last_seen,
            ":ttl": release.expires_at,
            ":events": release.events,
            ":opened": release.issues_opened,
            ":open": release.open_issues,
        }
    )
    expression = (
        "SET #release = if_not_exists(#release, :release),"
        " first_seen = if_not_exists(first_seen, :first), release_last_seen = :last, #ttl = :ttl"
        " ADD #events :events, issues_opened :opened, open_issues :open"
    )
    names = {"#release": "release", "#ttl": "ttl", "#events": "events"}
    return _update(pk, f"release#{name}", expression, names, typed)


def _sighting_action(pk: str, issue_id: str, release: str, expires_at: int) -> Any:
    return {
        "Put": {
            "TableName": settings().issues_table,
            "Item": write_all({"pk": pk, "sk": f"seen#{issue_id}#{release}", "ttl": expires_at}),
        }
    }


def _day_action(pk: str, day: str, count: int, expires_at: int) -> Any:
    names = {"#count": "count", "#ttl": "ttl"}
    typed = write_all({":count": count, ":ttl": expires_at})
    return _update(pk, f"day#{day}", "SET #ttl = :ttl ADD #count :count", names, typed)


def _update(
    pk: str, sk: str, expression: str, names: Item, typed: Item, condition: str = ""
) -> Any:
    update = {
        "TableName": settings().issues_table,
        "Key": write_all({"pk": pk, "sk": sk}),
        "UpdateExpression": expression,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": typed,
    }
    if condition:
        update["ConditionExpression"] = condition
    return {"Update": update}


# ------------------------------------------------------------------ reading


def by_last_seen(pk: str, now_s: int) -> Iterator[Issue]:
    """A project's issues, the most recently seen first; the index lags by moments.

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
            yield from _issues(keys, now_s)
            keys = []
    yield from _issues(keys, now_s)


def _issues(keys: list[Item], now_s: int) -> Iterator[Issue]:
    found = {item["sk"]["S"]: item for item in batch_get(settings().issues_table, keys)}
    for key in keys:
        item = found.get(key["sk"]["S"])
        if item:
            issue = _to_issue(read_all(item))
            if issue.expires_at > now_s:
                yield issue


def find_issue(pk: str, issue_id: str, now_s: int) -> Issue | None:
    """One issue that has not expired. Access pattern I4."""
    found = list(_issues([write_all({"pk": pk, "sk": f"issue#{issue_id}"})], now_s))
    return found[0] if found else None


def list_releases(pk: str, now_s: int) -> list[Release]:
    """A project's releases that have not expired, in no order. Access pattern I5."""
    found = (_to_release(item) for item in _under(pk, "release#"))
    return [release for release in found if release.expires_at > now_s]


def list_days(pk: str, first: str) -> dict[str, int]:
    """The events of each day from `first` (`2026-11-22`) on; days without any are left out.

    Access pattern I6.
    """
    return {
        item["sk"].removeprefix("day#"): item["count"]
        for item in _under(pk, "day#")
        if item["sk"] >= f"day#{first}"
    }


def _under(pk: str, prefix: str) -> Iterator[Item]:
    for found in query(
        TableName=settings().issues_table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
        ExpressionAttributeValues=write_all({":pk": pk, ":prefix": prefix}),
        ConsistentRead=True,
    ):
        yield read_all(found)


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
        expires_at=item["ttl"],
        environments=item["environments"],
        releases=item["releases"],
        days=item["days"],
        users=item.get("users", b""),
    )


def _to_release(item: Item) -> Release:
    return Release(
        release=item["release"],
        first_seen=item["first_seen"],
        last_seen=item["release_last_seen"],
        events=item["events"],
        issues_opened=item["issues_opened"],
        open_issues=item["open_issues"],
        expires_at=item["ttl"],
    )
