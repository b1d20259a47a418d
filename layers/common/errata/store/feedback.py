"""EventsTable: user feedback.

| item | pk | sk | attributes |
|---|---|---|---|
| feedback | `12` | like an event id | feedback, release, issue, ttl |

`feedback` is packed like the payload of an event. A row without a payload is no event: digest does
not count it, and readers of events skip it. A clear deletes it with the events around it.
`release`, `12#feedback`, lists all feedback of a project in the index by_release. `issue`,
`12#feedback#<SDK event id>`, finds that of an event in the index by_issue.

It is stored with a dedup marker (`events.put_with_marker`).
"""

from collections.abc import Iterator

from errata.config import settings
from errata.store import clients
from errata.store.event_queries import below
from errata.store.items import DynamoRequest, TypedItem, batch_get, write_all
from errata.store.project_items import project_key


def item(project_id: str, feedback_id: str, sdk_id: str, packed: bytes, ttl: int) -> TypedItem:
    """Return the item of a feedback. `ttl` is in seconds since the epoch.

    `sdk_id` is the SDK event id of the event that it is about, "" for none.
    """
    typed: TypedItem = {
        "pk": {"S": project_id},
        "sk": {"S": feedback_id},
        "release": {"S": _all(project_id)},
        "feedback": {"B": packed},
        "ttl": {"N": str(ttl)},
    }
    if sdk_id:
        typed["issue"] = {"S": _of_event(project_id, sdk_id)}
    return typed


def newest(project_id: str, low: str, before: str, most: int) -> list[TypedItem]:
    """Return the newest feedback with `low` <= id < `before`, newest first.

    The index by_release lags a little. Access pattern E37.
    """
    return _found(
        project_id,
        {
            "IndexName": "by_release",
            "KeyConditionExpression": "#of = :of AND sk BETWEEN :low AND :high",
            "ExpressionAttributeNames": {"#of": "release"},
        },
        {":of": _all(project_id), ":low": low, ":high": below(before)},
        most,
    )


def of_event(project_id: str, sdk_id: str, low: str, most: int) -> list[TypedItem]:
    """Return the newest feedback about an event with an id from `low` on, newest first.

    The index by_issue lags a little. Access pattern E38.
    """
    return _found(
        project_id,
        {
            "IndexName": "by_issue",
            "KeyConditionExpression": "#of = :of AND sk >= :low",
            "ExpressionAttributeNames": {"#of": "issue"},
        },
        {":of": _of_event(project_id, sdk_id), ":low": low},
        most,
    )


def note(project_id: str, at_ms: int) -> None:
    """Record that a project has feedback. No-op if it is recorded. Access pattern P77.

    Raises:
        ConditionFailedError: the project does not exist.
    """
    clients.dynamodb().update_item(
        TableName=settings().projects_table,
        Key=project_key(project_id),
        UpdateExpression="SET feedback_since = if_not_exists(feedback_since, :at)",
        ConditionExpression="attribute_exists(pk)",
        ExpressionAttributeValues=write_all({":at": at_ms}),
    )


def _found(
    project_id: str, request: DynamoRequest, values: dict[str, str], most: int
) -> list[TypedItem]:
    found = clients.dynamodb().query(
        **request,
        TableName=settings().events_table,
        ExpressionAttributeValues=write_all(values),
        ScanIndexForward=False,
        Limit=most,
    )
    ids = [each["sk"]["S"] for each in found["Items"]]
    return list(_items(project_id, ids))


def _items(project_id: str, ids: list[str]) -> Iterator[TypedItem]:
    keys = [write_all({"pk": project_id, "sk": each}) for each in ids]
    found = {each["sk"]["S"]: each for each in batch_get(settings().events_table, keys)}
    return (found[each] for each in ids if "feedback" in found.get(each, {}))


def _all(project_id: str) -> str:
    return f"{project_id}#feedback"


def _of_event(project_id: str, sdk_id: str) -> str:
    return f"{project_id}#feedback#{sdk_id}"
