"""IssuesTable: the releases that tools have announced.

| item | sk | attributes |
|---|---|---|
| announced release | `announced#<hash>` | release, created_at, released_at, url, deploys, ttl, … |

`deploys` is JSON. `revision` counts the changes. The order of releases sorts a release by the time
when it was announced or released. Its row `known#<hash>` has that time. Digest reads the row when
the first event of the release arrives (`errata.store.known_releases`).
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from errata.config import settings
from errata.errors import ConflictError
from errata.models.announced import Announced, Deploy
from errata.models.issue import Release
from errata.models.times import RELEASE_KNOWN_S
from errata.models.visible import Visible
from errata.store import clients
from errata.store.events import release_hash
from errata.store.issue_items import to_release
from errata.store.items import (
    DynamoRequest,
    PlainItem,
    Values,
    batch_get,
    query_some,
    read_all,
    unchanged,
    write_all,
)
from errata.store.known_releases import MOVES, known_key, release_actions

_KIND = "announced#"


@dataclass(frozen=True, slots=True)
class ReleaseRows:
    """The rows of a release of a project, each None if it does not exist.

    `release` is None if no event of it is kept. `seen_item` is its row, even if that has expired.
    """

    release: Release | None = None
    announced: Announced | None = None
    seen_item: PlainItem | None = None
    known_item: PlainItem | None = None


def read(visibles: Iterable[Visible], name: str) -> dict[str, ReleaseRows]:
    """Return the rows of a release in each of these projects, by project id. Access pattern I48."""
    of = {each.partition: each for each in visibles}
    hashed = release_hash(name)
    kinds = (f"release#{hashed}", known_key(hashed), f"{_KIND}{hashed}")
    keys = [write_all({"pk": pk, "sk": sk}) for pk in of for sk in kinds]
    found: dict[str, dict[str, PlainItem]] = {pk: {} for pk in of}
    for item in map(read_all, batch_get(settings().issues_table, keys)):
        found[item["pk"]][item["sk"].partition("#")[0]] = item
    return {each.project_id: _rows(each, found[pk]) for pk, each in of.items()}


def _rows(visible: Visible, found: dict[str, PlainItem]) -> ReleaseRows:
    seen, announced = found.get("release"), found.get("announced")
    shown = seen is not None and visible.covers(seen["ttl"], seen["release_last_seen"])
    return ReleaseRows(
        to_release(seen) if seen and shown else None,
        _to_announced(announced) if announced and announced["ttl"] > visible.now_s else None,
        seen,
        found.get("known"),
    )


def list_announced(visible: Visible) -> list[Announced]:
    """Return the announced releases of a project. Reads at most 1 MB. Access pattern I49."""
    found, _ = query_some(
        1,
        TableName=settings().issues_table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :kind)",
        ExpressionAttributeValues=write_all({":pk": visible.partition, ":kind": _KIND}),
        ConsistentRead=True,
    )
    return [_to_announced(each) for each in map(read_all, found) if each["ttl"] > visible.now_s]


def save(visible: Visible, before: ReleaseRows, after: Announced) -> bool:
    """Store an announced release and its time in the order of releases, in one transaction.

    Returns False if somebody else, or digest, has changed it since it was read.
    Access pattern I50.
    """
    pk, hashed, table = visible.partition, release_hash(after.release), settings().issues_table
    revision = before.announced.revision if before.announced else None
    expires_at = visible.now_s + RELEASE_KNOWN_S
    item: Values = {
        "pk": pk,
        "sk": f"{_KIND}{hashed}",
        "release": after.release,
        "created_at": after.created_at,
        "released_at": after.released_at or None,
        "url": after.url or None,
        "deploys": json.dumps([asdict(each) for each in after.deploys]) if after.deploys else None,
        "revision": (revision or 0) + 1,
        "ttl": expires_at,
    }
    condition = unchanged({"revision": revision}) if revision else _gone(visible.now_s)
    put = {"Put": {"TableName": table, "Item": write_all(item), **condition}}
    actions: list[Any] = [put, *_order_actions(visible, before, after, expires_at)]
    try:
        clients.dynamodb().transact_write_items(TransactItems=actions)
    except ConflictError:
        return False
    return True


def _gone(now_s: int) -> DynamoRequest:
    """Return the condition that a row does not exist, or has expired."""
    return {
        "ConditionExpression": "attribute_not_exists(pk) OR #ttl <= :now",
        "ExpressionAttributeNames": {"#ttl": "ttl"},
        "ExpressionAttributeValues": write_all({":now": now_s}),
    }


def _order_actions(
    visible: Visible, before: ReleaseRows, after: Announced, expires_at: int
) -> list[Any]:
    """Return the actions that set the time of a release in the order of releases."""
    pk, hashed, table = visible.partition, release_hash(after.release), settings().issues_table
    seen = before.seen_item
    if before.release and seen:
        if after.released_at in (0, before.release.released_at):
            return []
        return release_actions(pk, seen, after.released_at)
    known = before.known_item
    at = known["first_seen"] if known and known["ttl"] > visible.now_s else 0
    since = after.released_at or min(at or after.created_at, after.created_at)
    put: Values = {
        "pk": pk,
        "sk": known_key(hashed),
        "release": after.release,
        "first_seen": since,
        "ttl": max(expires_at, known["ttl"] if known else 0),
    }
    was = unchanged({"first_seen": known["first_seen"] if known else None})
    # Fail if digest has counted the first event of the release since the read.
    moves = unchanged({each: seen.get(each) if seen else None for each in MOVES})
    key = write_all({"pk": pk, "sk": f"release#{hashed}"})
    return [
        {"Put": {"TableName": table, "Item": write_all(put), **was}},
        {"ConditionCheck": {"TableName": table, "Key": key, **moves}},
    ]


def _to_announced(item: PlainItem) -> Announced:
    return Announced(
        release=item["release"],
        created_at=item["created_at"],
        released_at=item.get("released_at", 0),
        url=item.get("url", ""),
        deploys=tuple(Deploy(**each) for each in json.loads(item.get("deploys", "[]"))),
        revision=item["revision"],
        expires_at=item["ttl"],
    )
