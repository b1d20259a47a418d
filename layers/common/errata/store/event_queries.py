"""EventsTable: read events by range, by index and by id. Dedup markers are skipped.

Tallies are skipped, too, unless the caller asks for them.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from errata.config import settings
from errata.models.event import Stored
from errata.store import clients
from errata.store.events import (
    is_event,
    is_kept_in_full,
    issue_of,
    legacy_number,
    sdk_partition,
    stored,
)
from errata.store.items import (
    BATCH_GET,
    DynamoRequest,
    TypedItem,
    batch_get,
    query,
    query_pages,
    write_all,
)

_OR_TALLY = "attribute_exists(payload)"
_NO_MARK = f"{_OR_TALLY} AND attribute_not_exists(tally)"
_FIRST_BATCH = 50


class EventPage(NamedTuple):
    """Events of one page of a query, newest first.

    `events` are unpacked one by one, because one may be large. `stopped` is the id of the last row
    that was read, None if there are no more rows. The next page starts below it. `bytes` is the
    size of the payloads, 0 if it was not added up.
    """

    events: Iterator[Stored]
    stopped: str | None
    bytes: int = 0


def newest_first(
    project_id: str, low: str, high: str, page: int | None, issue_id: str = ""
) -> Iterator[EventPage]:
    """Yield the pages of a project's events with `low` <= id < `high`, newest first.

    Reads consistently. Access pattern E4.

    Args:
        project_id: the project.
        low, high: event ids. `low` must be below `high`.
        page: how many rows DynamoDB reads for a page at most. Grows fourfold after a page with few
            events. A page never has more than 1 MB of rows.
        issue_id: only events of this issue. DynamoDB reads those of other issues, too.
    """
    values = {":project": project_id, ":low": low, ":high": below(high)}
    condition = _NO_MARK
    if issue_id:
        values[":issue"] = f"{project_id}#{issue_id}"
        condition += " AND issue = :issue"
    request: DynamoRequest = {
        "TableName": settings().events_table,
        "KeyConditionExpression": "pk = :project AND sk BETWEEN :low AND :high",
        "ExpressionAttributeValues": write_all(values),
        "FilterExpression": condition,
        "ScanIndexForward": False,
        "ConsistentRead": True,
    }
    for found in _query_pages(request, page):
        size = sum(len(item["payload"]["B"]) for item in found["Items"])
        yield EventPage(map(stored, found["Items"]), _stopped(found.get("LastEvaluatedKey")), size)


def _query_pages(request: DynamoRequest, page: int | None) -> Iterator[Any]:
    """Yield the responses of a query of events. Read more rows a page while few of them are events.

    In an error loop, there are a thousand tallies for each event.
    """
    while True:
        sized: Any = {**request, "Limit": page} if page else request
        found = clients.dynamodb().query(**sized)
        yield found
        if "LastEvaluatedKey" not in found:
            return
        request["ExclusiveStartKey"] = found["LastEvaluatedKey"]
        if page and len(found["Items"]) * 4 < page:
            page *= 4


def newest_first_of_issue(
    project_id: str, issue_id: str, low: str, high: str, page: int
) -> Iterator[EventPage]:
    """Yield the pages of an issue's events with `low` <= id < `high`, newest first.

    The index by_issue lags a little. Access pattern E5.
    """
    for found in query_pages(
        TableName=settings().events_table,
        IndexName="by_issue",
        KeyConditionExpression="issue = :issue AND sk BETWEEN :low AND :high",
        ExpressionAttributeValues=write_all(
            {":issue": f"{project_id}#{issue_id}", ":low": low, ":high": below(high)}
        ),
        ScanIndexForward=False,
        Limit=page,
    ):
        items = items_by_ids(project_id, [each["sk"]["S"] for each in found["Items"]])
        yield EventPage(map(stored, items), _stopped(found.get("LastEvaluatedKey")))


def _stopped(key: TypedItem | None) -> str | None:
    return key["sk"]["S"] if key else None


def below(event_id: str) -> str:
    """Return a text that sorts below an event id, and above all lower ids.

    It makes a bound of BETWEEN, which includes both bounds, exclusive. `~` sorts after every
    character of an id.
    """
    return f"{event_id[:-1]}{chr(ord(event_id[-1]) - 1)}~"


def ids_of_sdk_event(project_id: str, sdk_id: str, low: str, most: int) -> list[str]:
    """Return the newest `most` ids, from `low` on, of the events with an SDK event id.

    Newest first. The index by_release lags a little. Access pattern E6.
    """
    found = clients.dynamodb().query(
        TableName=settings().events_table,
        IndexName="by_release",
        KeyConditionExpression="#release = :partition AND sk >= :low",
        ExpressionAttributeNames={"#release": "release"},
        ExpressionAttributeValues=write_all(
            {":partition": sdk_partition(project_id, sdk_id), ":low": low}
        ),
        ScanIndexForward=False,
        Limit=most,
    )
    return [each["sk"]["S"] for each in found["Items"]]


def recent_of_sdk_event(project_id: str, sdk_id: str, low: str) -> Iterator[Stored]:
    """Yield the events with an SDK event id, newest first. Includes tallies.

    Reads only the newest 1 MB of the project's events from `low` on, consistently. Access pattern
    E27.
    """
    found = clients.dynamodb().query(
        TableName=settings().events_table,
        KeyConditionExpression="pk = :project AND sk >= :low",
        FilterExpression="#release = :partition OR sdk_id = :sdk",
        ExpressionAttributeNames={"#release": "release"},
        ExpressionAttributeValues=write_all(
            {
                ":project": project_id,
                ":low": low,
                ":partition": sdk_partition(project_id, sdk_id),
                ":sdk": bytes.fromhex(sdk_id),
            }
        ),
        ScanIndexForward=False,
        ConsistentRead=True,
    )
    return map(stored, found["Items"])


def neighbours(partition: str, low: str, high: str, most: int, *, newest: bool) -> list[str]:
    """Return the ids of up to `most` events of an issue with `low` < id < `high`.

    With `newest`, returns the newest ones, newest first. Without, the oldest ones, oldest first.
    `partition` is the key of the index by_issue, which lags a little. Access pattern E16.
    """
    if low >= high:
        return []
    found = clients.dynamodb().query(
        TableName=settings().events_table,
        IndexName="by_issue",
        KeyConditionExpression="issue = :partition AND sk BETWEEN :low AND :high",
        ExpressionAttributeValues=write_all(
            {":partition": partition, ":low": f"{low}~", ":high": below(high)}
        ),
        ProjectionExpression="sk",
        ScanIndexForward=not newest,
        Limit=most,
    )
    return [item["sk"]["S"] for item in found["Items"]]


def by_ids(project_id: str, event_ids: Iterable[str], *, tallies: bool = False) -> list[Stored]:
    """Return the events with these ids that exist, in the order of the ids."""
    return list(map(stored, items_by_ids(project_id, event_ids, tallies=tallies)))


def items_by_ids(
    project_id: str, event_ids: Iterable[str], *, consistent: bool = True, tallies: bool = False
) -> list[TypedItem]:
    """Return the items of these events, for `stored`, in the order of the ids.

    A hundred items have at most 40 MB, but a hundred events may have 2 GB. Access pattern E7.
    """
    wanted = list(event_ids)
    keys = [write_all({"pk": project_id, "sk": event_id}) for event_id in wanted]
    found = {item["sk"]["S"]: item for item in batch_get(settings().events_table, keys, consistent)}
    is_wanted = is_event if tallies else is_kept_in_full
    return [found[each] for each in wanted if is_wanted(found.get(each, {}))]


def of_projects(wanted: Iterable[tuple[str, str]]) -> list[Stored]:
    """Return the events that exist, by (project id, event id). Access pattern E35."""
    keys = [write_all({"pk": project_id, "sk": event_id}) for project_id, event_id in wanted]
    return [
        stored(each) for each in batch_get(settings().events_table, keys) if is_kept_in_full(each)
    ]


def some_of_issue(project_id: str, event_ids: Sequence[str], most_bytes: int) -> Iterator[Stored]:
    """Yield the events with these ids that exist, in the order of the ids.

    Stops when the payloads have `most_bytes`, but yields all events of the last batch. Reads
    eventually consistently, which costs half. Access pattern E34.
    """
    at, size, read = 0, _FIRST_BATCH, 0
    while at < len(event_ids) and read < most_bytes:
        some = event_ids[at : at + size]
        items = items_by_ids(project_id, some, consistent=False)
        at += len(some)
        read += sum(len(item["payload"]["B"]) for item in items)
        yield from map(stored, items)
        # The next batch has as many events as probably fit: a hundred events may have 40 MB.
        mean = max(1, read // at)
        size = max(1, min(BATCH_GET, (most_bytes - read) // mean))


def ids_between(
    project_id: str, low: str, high: str, *, tallies: bool = False
) -> list[tuple[str, int | None]]:
    """Return the ids and legacy numbers of the events from the id `low` to `high`, ascending.

    With `tallies`, includes tallies and feedback. Reads consistently. Access pattern E11.
    """
    if low > high:
        return []
    found = query(
        TableName=settings().events_table,
        KeyConditionExpression="pk = :project AND sk BETWEEN :low AND :high",
        ExpressionAttributeValues=write_all({":project": project_id, ":low": low, ":high": high}),
        FilterExpression=f"{_OR_TALLY} OR attribute_exists(feedback)" if tallies else _NO_MARK,
        ProjectionExpression="sk, legacy_id",
        ConsistentRead=True,
    )
    return [(each["sk"]["S"], legacy_number(each)) for each in found]


def stored_between(project_id: str, low: str, high: str) -> Iterator[tuple[str, str, int | None]]:
    """Yield id, issue id and legacy number of the events with `low` <= id < `high`, ascending.

    Includes tallies and erased events, because they were counted (`errata.store.erasures`). Reads
    consistently. Access pattern E14.
    """
    found = query(
        TableName=settings().events_table,
        KeyConditionExpression="pk = :project AND sk BETWEEN :low AND :high",
        ExpressionAttributeValues=write_all({":project": project_id, ":low": low, ":high": high}),
        FilterExpression=f"{_OR_TALLY} OR attribute_exists(erased)",
        ProjectionExpression="sk, issue, erased, of_issue, legacy_id",
        ConsistentRead=True,
    )
    for each in found:
        if each["sk"]["S"] != high:
            yield each["sk"]["S"], issue_of(each), legacy_number(each)
