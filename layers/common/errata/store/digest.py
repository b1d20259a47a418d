"""Read the rows of IssuesTable that a batch of events changes, and write the changed rows.

The rows are issues, releases, issue-release links and day counters. `errata.store.issues`,
`releases` and `day_counts` describe them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from errata.config import settings
from errata.errors import ConflictError
from errata.models.event import Stored
from errata.models.issue import Activity, Day, Issue, Release
from errata.store import clients
from errata.store.day_counts import day_key
from errata.store.issue_status import activity_action
from errata.store.issues import issue_item, to_issue
from errata.store.items import (
    PlainItem,
    Request,
    Values,
    batch_get,
    read_all,
    unchanged,
    write_all,
)
from errata.store.releases import release_item, to_release

# A transaction takes 100 actions.
MAX_ACTIONS = 100
# Each change of a row changes at least one of these attributes. `ttl` is among them because a row
# that has expired and started again may reach the same count.
_MOVES = {
    "issue": ("last_sequence", "status", "status_at", "ttl"),
    "release": ("events", "ttl"),
    "day": ("count", "ttl"),
}


@dataclass(slots=True)
class Rows:
    """The current rows of one project that a batch changes.

    Expired rows are left out, because their counts start again. DynamoDB may not have deleted them
    yet. `stored` holds all rows as they are in the table, by sort key. Expired rows are included.
    """

    issues: dict[str, Issue] = field(default_factory=dict)  # by id
    releases: dict[str, Release] = field(default_factory=dict)  # by release_hash
    days: dict[int, Day] = field(default_factory=dict)  # by day since the epoch
    # (issue id, release_hash) → TTL in seconds
    release_links: dict[tuple[str, str], int] = field(default_factory=dict)
    stored: dict[str, PlainItem | Values] = field(default_factory=dict)

    def last_counted(self, issue_id: str) -> tuple[str, str]:
        """Return the last sequence number that an issue has counted, after its stream's label.

        Both are "" if the issue has no row. This includes expired issues.
        """
        stored = self.stored.get(f"issue#{issue_id}", {})
        return str(stored.get("stream", "")), str(stored.get("last_sequence", ""))

    def deleted_through(self, issue_id: str) -> str:
        """Return the event id up to which an issue was deleted, "" if it was never deleted.

        The issue may have been created again since then.
        """
        stored = self.stored.get(f"issue#{issue_id}", {})
        return str(stored.get("deleted_through", ""))


@dataclass(slots=True)
class Changes:
    """The new rows of one project for one transaction; attributes are named as in `Rows`.

    `opened` maps the id of each new issue to its first event. `activity` maps an issue id to the
    activity to record.
    """

    issues: dict[str, Issue] = field(default_factory=dict)
    opened: dict[str, Stored] = field(default_factory=dict)
    activity: dict[str, Activity] = field(default_factory=dict)
    releases: dict[str, Release] = field(default_factory=dict)
    days: dict[int, Day] = field(default_factory=dict)
    release_links: dict[tuple[str, str], int] = field(default_factory=dict)

    def __len__(self) -> int:
        of_issues = len(self.issues) + len(self.activity) + len(self.release_links)
        return of_issues + len(self.releases) + len(self.days)


def rows(
    pk: str,
    issue_ids: Iterable[str],
    seen: Iterable[tuple[str, str]],
    days: Iterable[int],
    now_s: int,
) -> Rows:
    """Read these issues, days and issue-release links, and the releases of the links.

    `seen` holds pairs of issue id and release_hash. Read consistently. Access pattern I1.
    """
    release_links = list(seen)
    names = [f"issue#{issue_id}" for issue_id in issue_ids]
    names += [f"seen#{issue_id}#{release}" for issue_id, release in release_links]
    names += {f"release#{release}" for _, release in release_links}
    days_of = {day_key(day): day for day in days}
    found = Rows()
    keys = [write_all({"pk": pk, "sk": name}) for name in [*names, *days_of]]
    for typed in batch_get(settings().issues_table, keys):
        item = read_all(typed)
        found.stored[item["sk"]] = item
        if item["ttl"] <= now_s:
            continue
        kind, _, name = item["sk"].partition("#")
        if kind == "issue":
            if "last_seen" in item:  # else it is a tombstone
                found.issues[name] = to_issue(item)
        elif kind == "release":
            found.releases[name] = to_release(item)
        elif kind == "day":
            found.days[days_of[item["sk"]]] = Day(item["count"], item["ttl"])
        else:
            issue_id, _, release = name.partition("#")
            found.release_links[issue_id, release] = item["ttl"]
    # A link expires up to a day after its issue. It does not belong to an issue that starts again.
    for release_link in [each for each in found.release_links if each[0] not in found.issues]:
        del found.release_links[release_link]
    return found


def apply(pk: str, current: Rows, changes: Changes) -> bool:
    """Store all changes or none, and update `current` with them. Access pattern I2.

    Returns False if a row has changed since it was read, or another transaction is changing one.
    """
    written = {f"issue#{issue.id}": issue_item(issue) for issue in changes.issues.values()}
    written |= {f"release#{name}": release_item(each) for name, each in changes.releases.items()}
    written |= {
        day_key(day): {"count": each.count, "ttl": each.expires_at}
        for day, each in changes.days.items()
    }
    actions = [
        _put(pk, sk, values, _unchanged(sk, current.stored.get(sk)))
        for sk, values in written.items()
    ]
    for issue_id, note in changes.activity.items():
        actions.append(activity_action(pk, changes.issues[issue_id], note))
    for (issue_id, name), expires_at in changes.release_links.items():
        actions.append(_put(pk, f"seen#{issue_id}#{name}", {"ttl": expires_at}, {}))
    try:
        clients.dynamodb().transact_write_items(TransactItems=actions)
    except ConflictError:
        return False
    current.stored.update(written)
    current.issues.update(changes.issues)
    current.releases.update(changes.releases)
    current.days.update(changes.days)
    current.release_links.update(changes.release_links)
    return True


def _unchanged(sk: str, stored: PlainItem | Values | None) -> Request:
    """Return the condition that a row has not changed since it was read."""
    if stored is None:
        return {"ConditionExpression": "attribute_not_exists(pk)"}
    return unchanged({name: stored.get(name) for name in _MOVES[sk.partition("#")[0]]})


def _put(pk: str, sk: str, values: Values, condition: Request) -> Any:
    item = write_all({"pk": pk, "sk": sk, **values})
    return {"Put": {"TableName": settings().issues_table, "Item": item, **condition}}
