"""ArtifactsTable: fetches of source maps at URLs that events name, until they are artifacts.

| item | pk | sk | attributes |
|---|---|---|---|
| fetch | project id | `fetch#<sha256>` | see `Fetch`, ttl |
| fetches of a day | project id | `fetches#<day>` | number, waited_ms, ttl |

The table's stream passes a fetch to `fetch_maps` when its state is `created`, and to `compile_maps`
when it is `fetched`. Then the artifact's pointer, which has the same key, replaces the fetch.
"""

from errata.config import settings
from errata.errors import ConditionFailedError
from errata.models.artifact import (
    BUNDLE_KEPT_MS,
    FETCHED_AGAIN_MS,
    MAX_FETCHES,
    Fetch,
    FetchState,
)
from errata.models.ids import DAY_MS
from errata.store import clients
from errata.store.items import PlainItem, TypedItem, batch_get, query, read_all, write_all

# Limits of a project in a day: fetches, and the time that they wait for slow servers in all. Other
# projects in the same shard of the stream wait, too.
MAX_OF_DAY = 200
MAX_WAIT_MS = 120_000


def ask(project_id: str, key: str, url: str, release: str, at_ms: int) -> bool:
    """Have a source map fetched if it never was, or if the last fetch failed a while ago.

    Returns False if it is not fetched now, for example after `MAX_FETCHES`. Access pattern A12.
    """
    try:
        clients.dynamodb().update_item(
            TableName=settings().artifacts_table,
            Key=_key(project_id, key),
            UpdateExpression="SET #state = :created, #url = :url, #release = :release,"
            " detail = :no, attempts = :zero, changed_at = :at, #ttl = :ttl ADD asked :one",
            ConditionExpression="attribute_not_exists(pk)"
            " OR (#state = :error AND changed_at <= :before AND asked < :most)",
            ExpressionAttributeNames={
                "#state": "state",
                "#url": "url",
                "#release": "release",
                "#ttl": "ttl",
            },
            ExpressionAttributeValues=write_all(
                {
                    ":created": "created",
                    ":error": "error",
                    ":url": url,
                    ":release": release,
                    ":no": "",
                    ":zero": 0,
                    ":one": 1,
                    ":at": at_ms,
                    ":before": at_ms - FETCHED_AGAIN_MS,
                    ":most": MAX_FETCHES,
                    ":ttl": (at_ms + BUNDLE_KEPT_MS) // 1000,
                }
            ),
        )
    except ConditionFailedError:
        return False
    return True


def find(project_id: str, key: str) -> Fetch | None:
    """Return a fetch, None if it does not exist or became an artifact. Access pattern A13."""
    items = batch_get(settings().artifacts_table, [_key(project_id, key)])
    return next(filter(None, map(_fetch, map(read_all, items))), None)


def list_unfinished(project_id: str) -> list[Fetch]:
    """Return the fetches of a project that are still going on. Access pattern A14."""
    found = query(
        TableName=settings().artifacts_table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :fetch)",
        ExpressionAttributeValues=write_all({":pk": project_id, ":fetch": "fetch#"}),
    )
    fetches = filter(None, map(_fetch, map(read_all, found)))
    return [each for each in fetches if each.state != "error"]


def begin(
    project_id: str, key: str, before: FetchState, state: FetchState, at_ms: int
) -> Fetch | None:
    """Move a fetch from the state `before` to `state`, and count the attempt. Access pattern A15.

    If it has `state` already, only counts the attempt. Returns None if there is nothing to do: the
    fetch has a later state, or has ended.
    """
    try:
        response = clients.dynamodb().update_item(
            TableName=settings().artifacts_table,
            Key=_key(project_id, key),
            UpdateExpression="SET #state = :now, changed_at = :at ADD attempts :one",
            ConditionExpression="#state IN (:before, :now)",
            ExpressionAttributeNames={"#state": "state"},
            ExpressionAttributeValues=write_all(
                {":now": state, ":before": before, ":at": at_ms, ":one": 1}
            ),
            ReturnValues="ALL_NEW",
        )
    except ConditionFailedError:
        return None
    return _fetch(read_all(response["Attributes"]))


def move(fetch: Fetch, state: FetchState, at_ms: int, detail: str = "") -> None:
    """Set the state of a fetch, unless it has changed since it was read. Access pattern A16."""
    try:
        clients.dynamodb().update_item(
            TableName=settings().artifacts_table,
            Key=_key(fetch.project_id, fetch.key),
            UpdateExpression="SET #state = :next, detail = :detail, changed_at = :at,"
            " attempts = :zero",
            ConditionExpression="#state = :now",
            ExpressionAttributeNames={"#state": "state"},
            ExpressionAttributeValues=write_all(
                {":next": state, ":detail": detail, ":at": at_ms, ":zero": 0, ":now": fetch.state}
            ),
        )
    except ConditionFailedError:
        return


def count_of_day(project_id: str, at_ms: int) -> bool:
    """Count a fetch of a project. Return False if it has reached a limit of the day.

    Repeated attempts count again. Access pattern A17.
    """
    try:
        clients.dynamodb().update_item(
            TableName=settings().artifacts_table,
            Key=_key(project_id, f"fetches#{at_ms // DAY_MS}"),
            UpdateExpression="SET #ttl = :ttl ADD #number :one",
            ConditionExpression="attribute_not_exists(pk) OR (#number < :most"
            " AND (attribute_not_exists(waited_ms) OR waited_ms < :wait))",
            ExpressionAttributeNames={"#number": "number", "#ttl": "ttl"},
            ExpressionAttributeValues=write_all(
                {
                    ":one": 1,
                    ":most": MAX_OF_DAY,
                    ":wait": MAX_WAIT_MS,
                    ":ttl": (at_ms + 2 * DAY_MS) // 1000,
                }
            ),
        )
    except ConditionFailedError:
        return False
    return True


def note_wait(project_id: str, waited_ms: int, at_ms: int) -> None:
    """Add to the time that a project's fetches have waited on this day. Access pattern A24."""
    clients.dynamodb().update_item(
        TableName=settings().artifacts_table,
        Key=_key(project_id, f"fetches#{at_ms // DAY_MS}"),
        UpdateExpression="SET #ttl = :ttl ADD waited_ms :waited",
        ExpressionAttributeNames={"#ttl": "ttl"},
        ExpressionAttributeValues=write_all(
            {":waited": waited_ms, ":ttl": (at_ms + 2 * DAY_MS) // 1000}
        ),
    )


def _fetch(item: PlainItem) -> Fetch | None:
    """Return the fetch in an item, None if it is the pointer of an artifact."""
    if "state" not in item:
        return None
    names = set(Fetch.__slots__) - {"project_id", "key"}
    return Fetch(
        project_id=item["pk"],
        key=item["sk"],
        **{name: item[name] for name in names},
    )


def _key(project_id: str, sort_key: str) -> TypedItem:
    return {"pk": {"S": project_id}, "sk": {"S": sort_key}}
