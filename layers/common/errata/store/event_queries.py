"""EventsTable: read events by range, by index and by id. Dedup markers are skipped."""

from collections.abc import Iterable, Iterator

from errata.config import settings
from errata.models.event import Stored
from errata.store import clients
from errata.store.events import legacy_number, stored
from errata.store.items import TypedItem, batch_get, query, write_all

_NO_MARK = "attribute_exists(payload)"


def newest_first(project_id: str, low: str, high: str, page: int) -> Iterator[Stored]:
    """Yield a project's events with `low` <= id < `high`, newest first.

    Reads `page` events at a time, consistently.

    Access pattern E4.
    """
    for found in query(
        TableName=settings().events_table,
        KeyConditionExpression="pk = :project AND sk BETWEEN :low AND :high",
        ExpressionAttributeValues=write_all({":project": project_id, ":low": low, ":high": high}),
        FilterExpression=_NO_MARK,
        ScanIndexForward=False,
        ConsistentRead=True,
        Limit=page,
    ):
        if found["sk"]["S"] != high:
            yield stored(found)


def newest_first_in_index(
    index: str, partition: str, low: str, high: str, page: int
) -> Iterator[Stored]:
    """Yield the events of an issue or a release with `low` <= id < `high`, newest first.

    The index lags a little. Access patterns E5 and E6.

    Args:
        index: by_issue or by_release.
        partition: the partition key in the index.
        page: how many events to read at a time.
    """
    attribute = index.removeprefix("by_")
    keys = query(
        TableName=settings().events_table,
        IndexName=index,
        KeyConditionExpression="#partition = :partition AND sk BETWEEN :low AND :high",
        ExpressionAttributeNames={"#partition": attribute},
        ExpressionAttributeValues=write_all({":partition": partition, ":low": low, ":high": high}),
        ScanIndexForward=False,
        Limit=page,
    )
    pending: list[str] = []
    project_id = partition.split("#")[0]
    for found in keys:
        if found["sk"]["S"] != high:
            pending.append(found["sk"]["S"])
        if len(pending) == page:
            yield from map(stored, items_by_ids(project_id, pending))
            pending = []
    yield from map(stored, items_by_ids(project_id, pending))


def neighbours(partition: str, low: str, high: str, most: int, *, newest: bool) -> list[str]:
    """Return the ids of up to `most` events of an issue with `low` < id < `high`.

    With `newest`, returns the newest ones, newest first. Without, the oldest ones, oldest first.
    `partition` is the key of the index by_issue, which lags a little. Access pattern E16.
    """
    if low >= high:
        return []
    # BETWEEN includes both bounds, so both are moved inwards. `~` sorts after every character of an
    # id.
    below = f"{high[:-1]}{chr(ord(high[-1]) - 1)}~"
    found = clients.dynamodb().query(
        TableName=settings().events_table,
        IndexName="by_issue",
        KeyConditionExpression="issue = :partition AND sk BETWEEN :low AND :high",
        ExpressionAttributeValues=write_all(
            {":partition": partition, ":low": f"{low}~", ":high": below}
        ),
        ScanIndexForward=not newest,
        Limit=most,
    )
    return [item["sk"]["S"] for item in found["Items"]]


def by_ids(project_id: str, event_ids: Iterable[str]) -> list[Stored]:
    """Return the events with these ids that exist, in the order of the ids."""
    return list(map(stored, items_by_ids(project_id, event_ids)))


def items_by_ids(project_id: str, event_ids: Iterable[str]) -> list[TypedItem]:
    """Return the items of these events, for `stored`, in the order of the ids.

    A hundred items have at most 40 MB, but a hundred events may have 2 GB. Access pattern E7.
    """
    wanted = list(event_ids)
    keys = [write_all({"pk": project_id, "sk": event_id}) for event_id in wanted]
    found = {item["sk"]["S"]: item for item in batch_get(settings().events_table, keys)}
    return [found[event_id] for event_id in wanted if "payload" in found.get(event_id, ())]


def ids_between(project_id: str, low: str, high: str) -> list[tuple[str, int | None]]:
    """Return the ids and legacy numbers of the events from the id `low` to `high`, ascending.

    Read consistently. Access pattern E11.
    """
    if low > high:
        return []
    found = query(
        TableName=settings().events_table,
        KeyConditionExpression="pk = :project AND sk BETWEEN :low AND :high",
        ExpressionAttributeValues=write_all({":project": project_id, ":low": low, ":high": high}),
        FilterExpression=_NO_MARK,
        ProjectionExpression="sk, legacy_id",
        ConsistentRead=True,
    )
    return [(each["sk"]["S"], legacy_number(each)) for each in found]


def stored_between(project_id: str, low: str, high: str) -> list[tuple[str, str, int | None]]:
    """Return id, issue id and legacy number of the events with `low` <= id < `high`, ascending.

    Read consistently. Access pattern E14.
    """
    found = query(
        TableName=settings().events_table,
        KeyConditionExpression="pk = :project AND sk BETWEEN :low AND :high",
        ExpressionAttributeValues=write_all({":project": project_id, ":low": low, ":high": high}),
        FilterExpression=_NO_MARK,
        ProjectionExpression="sk, issue, legacy_id",
        ConsistentRead=True,
    )
    return [
        (
            each["sk"]["S"],
            each["issue"]["S"].rpartition("#")[2],
            legacy_number(each),
        )
        for each in found
        if each["sk"]["S"] != high
    ]
