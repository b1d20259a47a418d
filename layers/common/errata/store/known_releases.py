"""IssuesTable: what is kept of a release after its row has expired.

| item | sk | attributes |
|---|---|---|
| known release | `known#<hash>` | release, first_seen, ttl |

A release row expires with its events. If an old build came back after that, it would look new, and
reopen issues that were resolved in a later release. So this row is stored together with the
release, and again every month. It expires a year after the release was last seen, or later.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from errata.config import settings
from errata.models.issue import Release
from errata.models.release_order import SeenRelease
from errata.models.seen_values import MAX_RELEASE
from errata.models.times import KNOWN_RENEWED_S, RELEASE_KNOWN_S
from errata.models.visible import Visible
from errata.store import clients
from errata.store.events import release_hash
from errata.store.issue_items import release_item, to_release
from errata.store.items import PlainItem, Values, batch_get, read_all, unchanged, write_all

# Each change of a release's row changes at least one of these attributes. `ttl` is among them
# because a row that has expired and started again may reach the same count.
MOVES = ("last_sequence", "stream", "events", "ttl", "released_at")


def known_key(name: str) -> str:
    """Return the sort key of a known release. `name` is a hash (`store.events.release_hash`)."""
    return f"known#{name}"


def keep(release: Release) -> None:
    """Set `known_until` of a release if its known row must be written again (`put_action`)."""
    until = release.last_seen // 1000 + RELEASE_KNOWN_S
    if until > release.known_until:
        release.known_until = until + KNOWN_RENEWED_S


def put_action(pk: str, name: str, release: Release) -> Any:
    """Return the action that stores a known release, for the transaction of the release's row."""
    values: Values = {
        "pk": pk,
        "sk": known_key(name),
        "release": release.release[:MAX_RELEASE],
        "first_seen": release.since,
        "ttl": release.known_until,
    }
    return {"Put": {"TableName": settings().issues_table, "Item": write_all(values)}}


def release(visible: Visible, name: str, at_ms: int) -> bool:
    """Store when a release was released: the order of releases then uses that time.

    With `at_ms` 0, it uses the time when the release was first seen again. Returns False if the
    project has no such release now. Access pattern I37.

    Raises:
        ConflictError: the release has changed since it was read.
    """
    hashed, table = release_hash(name), settings().issues_table
    key = write_all({"pk": visible.partition, "sk": f"release#{hashed}"})
    found = clients.dynamodb().get_item(TableName=table, Key=key, ConsistentRead=True)
    item = read_all(found["Item"]) if "Item" in found else None
    if item is None or not visible.covers(item["ttl"], item["release_last_seen"]):
        return False
    actions = release_actions(visible.partition, item, at_ms)
    clients.dynamodb().transact_write_items(TransactItems=actions)
    return True


def release_actions(pk: str, item: PlainItem, at_ms: int) -> list[Any]:
    """Return the transaction actions that store when a release was released. `item` is its row."""
    after = replace(to_release(item), released_at=at_ms)
    keep(after)
    hashed = item["sk"].removeprefix("release#")
    put: Values = {"pk": pk, "sk": item["sk"], **release_item(after)}
    table, was = settings().issues_table, unchanged({each: item.get(each) for each in MOVES})
    actions: list[Any] = [{"Put": {"TableName": table, "Item": write_all(put), **was}}]
    actions.append(put_action(pk, hashed, after))
    return actions


def seen_in(items: Iterable[PlainItem], now_s: int) -> dict[str, int]:
    """Return when releases were first seen, by hash, from rows of releases and known releases."""
    found: dict[str, int] = {}
    for item in items:
        kind, _, name = item["sk"].partition("#")
        if item["ttl"] > now_s:
            at = to_release(item).since if kind == "release" else item["first_seen"]
            found[name] = min(found.get(name, at), at)
    return found


def keys(pk: str, hashes: Iterable[str]) -> list[Any]:
    """Return the keys of releases and of known releases."""
    kinds = ("release#", "known#")
    return [write_all({"pk": pk, "sk": f"{kind}{name}"}) for name in hashes for kind in kinds]


def read(visible: Visible, names: Iterable[str]) -> list[SeenRelease]:
    """Return these releases, and when each was first seen; 0 if it was not. Access pattern I34."""
    of = {release_hash(each): each for each in names}
    items = map(read_all, batch_get(settings().issues_table, keys(visible.partition, of)))
    seen = seen_in(items, visible.now_s)
    return [SeenRelease(name, seen.get(hashed, 0)) for hashed, name in of.items()]
