"""EventsTable: the legacy numbers. Each error gets the next number.

| item | pk | sk | attributes |
|---|---|---|---|
| legacy number | `12#legacy` | `000000000001` | event, ttl |
| legacy counter | `12#state` | `counter` | last_id, retentions |
| gap | `12#gaps` | `000000000001` | ttl |

`retentions`: the retentions in days with which the errors since the last clear were stored.
"""

from collections.abc import Iterable, Iterator
from itertools import batched

from errata.config import settings
from errata.errors import CounterMovedError, StoreError, UnavailableError
from errata.models.ids import minted_ms
from errata.models.project import LegacyCounter
from errata.models.times import CLEAR_MARGIN_MS
from errata.models.visible import Visible
from errata.store import clients
from errata.store.items import (
    DynamoRequest,
    TypedItem,
    query,
    query_count,
    read_all,
    read_value,
    write_all,
)
from errata.store.retry import attempts

# The largest number of twelve digits. A sort key has twelve.
LAST_LEGACY_ID = 10**12 - 1
# How many numbers that a query did not find are read again in one call. A number is taken only
# after the one before it, so only a few can be in the middle of a write. Ten events of 400 KB fit
# into the 4 MB that a transaction can read.
_UNSETTLED = 10
_TRIES = 6


def put_legacy(event: TypedItem, legacy_id: int, retention_days: int) -> None:
    """Store an event with the number `legacy_id` and set the counter to it, both or neither.

    `retention_days` is the retention from which the event's `ttl` was computed. Access pattern E3.

    Raises:
        CounterMovedError: the counter is not `legacy_id - 1`, or another writer is changing it.
    """
    table = settings().events_table
    project_id = event["pk"]["S"]
    number = {
        "pk": {"S": f"{project_id}#legacy"},
        "sk": {"S": sort_key(legacy_id)},
        "event": event["sk"],
        "ttl": event["ttl"],
    }
    counter = {
        "TableName": table,
        "Key": counter_key(project_id),
        "UpdateExpression": "SET last_id = :new ADD retentions :retention",
        "ConditionExpression": (
            "last_id = :old" if legacy_id > 1 else "attribute_not_exists(last_id)"
        ),
        "ExpressionAttributeValues": write_all(
            {":new": legacy_id} | ({":old": legacy_id - 1} if legacy_id > 1 else {})
        )
        | {":retention": {"NS": [str(retention_days)]}},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    typed = {**event, "legacy_id": {"N": str(legacy_id)}}
    try:
        clients.dynamodb().transact_write_items(
            TransactItems=[
                {"Update": counter},  # type: ignore[typeddict-item]
                {"Put": {"TableName": table, "Item": typed}},
                {"Put": {"TableName": table, "Item": number}},
            ]
        )
    except StoreError as error:
        reasons = error.reasons
        if not reasons:
            raise
        if reasons[0]["Code"] == "ConditionalCheckFailed":
            raise CounterMovedError(
                read_value(reasons[0].get("Item", {}).get("last_id", {"N": "0"}))
            ) from error
        if any(reason["Code"] == "TransactionConflict" for reason in reasons):
            raise CounterMovedError(None) from error
        raise


def legacy_counter(project_id: str) -> LegacyCounter:
    """Return the legacy counter, read consistently. Access pattern E10."""
    response = clients.dynamodb().get_item(
        TableName=settings().events_table,
        Key=counter_key(project_id),
        ConsistentRead=True,
    )
    if "Item" not in response:
        return LegacyCounter()
    found = read_all(response["Item"])
    return LegacyCounter(found["last_id"], frozenset(map(int, found.get("retentions", []))))


def legacy_after(visible: Visible, since: int = 0) -> Iterator[tuple[int, str]]:
    """Yield the visible legacy numbers above `since` with their event ids, ascending.

    Reads consistently: no number is left out. Access pattern E8.

    Raises:
        UnavailableError: a number is still being written. Later numbers must not be returned before
            it.
    """
    last = since = max(since, visible.watermark.legacy_through)
    numbers, now_s = f"{visible.project_id}#legacy", visible.now_s
    for found in query(**_legacy_after(visible, since)):
        number, event_id = int(found["sk"]["S"]), found["event"]["S"]
        if last + 1 < number and minted_ms(event_id) > now_s * 1000 - CLEAR_MARGIN_MS:
            # A new gap. The number may exist: a query can see the later of two transactions and
            # miss the earlier one.
            missing = range(max(last + 1, number - _UNSETTLED), number)
            for each in settled(numbers, map(sort_key, missing)):
                if int(each["ttl"]["N"]) > now_s and each["event"]["S"] >= visible.oldest:
                    yield int(each["sk"]["S"]), each["event"]["S"]
        yield number, event_id
        last = number


def settled(pk: str, sort_keys: Iterable[str]) -> list[TypedItem]:
    """Return the items with these keys, in order, at a time when no transaction changes them.

    A query or a batch may see a part of a transaction ("Isolation levels for transactions" in the
    DynamoDB developer guide: read-committed). This function sees all of a transaction, or nothing.
    Use it for few items, of at most 400 KB each. Access pattern E22.

    Raises:
        UnavailableError: transactions changed the items during every try.
    """
    found: list[TypedItem] = []
    for some in batched(sort_keys, _UNSETTLED, strict=False):
        gets = [
            {"Get": {"TableName": settings().events_table, "Key": write_all({"pk": pk, "sk": sk})}}
            for sk in some
        ]
        for _ in attempts(_TRIES):
            try:
                response = clients.dynamodb().transact_get_items(TransactItems=gets)  # type: ignore[arg-type]
            except StoreError as error:
                if all(reason["Code"] != "TransactionConflict" for reason in error.reasons):
                    raise
            else:
                found += [each["Item"] for each in response["Responses"] if "Item" in each]
                break
        else:
            raise UnavailableError
    return found


def count_legacy_after(visible: Visible) -> int:
    """Return how many numbers `legacy_after` yields. Reads each one. Access pattern E15."""
    return query_count(**_legacy_after(visible, visible.watermark.legacy_through))


def _legacy_after(visible: Visible, since: int) -> DynamoRequest:
    return {
        "TableName": settings().events_table,
        "KeyConditionExpression": "pk = :legacy AND sk > :since",
        "ExpressionAttributeValues": write_all(
            {
                ":legacy": f"{visible.project_id}#legacy",
                ":since": sort_key(since),
                ":now": visible.now_s,
                ":oldest": visible.oldest,
            }
        ),
        "FilterExpression": "#ttl > :now AND #event >= :oldest",
        "ExpressionAttributeNames": {"#ttl": "ttl", "#event": "event"},
        "ConsistentRead": True,
    }


def gaps(project_id: str, first: int, last: int) -> int:
    """Return how many numbers from `first` to `last` are gaps: deleted with their issues.

    Access pattern E21.
    """
    return query_count(
        TableName=settings().events_table,
        KeyConditionExpression="pk = :gaps AND sk BETWEEN :first AND :last",
        ExpressionAttributeValues=write_all(
            {":gaps": f"{project_id}#gaps", ":first": sort_key(first), ":last": sort_key(last)}
        ),
        ConsistentRead=True,
    )


def counter_key(project_id: str) -> TypedItem:
    """Return the key of a project's legacy counter."""
    return write_all({"pk": f"{project_id}#state", "sk": "counter"})


def sort_key(legacy_id: int) -> str:
    """Return the sort key of a legacy number, or of its gap."""
    return f"{legacy_id:012d}"
