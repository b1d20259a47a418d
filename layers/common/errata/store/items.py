"""Convert values to and from DynamoDB's typed form; loops for queries and batch calls."""

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from errata.errors import UnavailableError
from errata.store import clients
from errata.store.retry import attempts

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef, QueryOutputTypeDef

type Item = dict[str, Any]

BATCH_GET = 100
BATCH_WRITE = 25


def write(value: Any) -> dict[str, Any]:
    """One attribute value; a mapping becomes a map of its values. Source: DynamoDB API."""
    match value:
        case str():
            return {"S": value}
        case bytes():
            return {"B": value}
        case int() | float():
            return {"N": str(value)}
        case dict():
            return {"M": {name: write(inner) for name, inner in value.items()}}
    raise TypeError(f"no attribute type for {type(value).__name__}")


def write_all(values: Item) -> Item:
    """An item of plain values, typed; None is left out."""
    return {name: write(value) for name, value in values.items() if value is not None}


def read(value: dict[str, Any]) -> Any:
    """The plain value of an attribute: str, bytes, int, or a dict of them."""
    ((kind, inner),) = value.items()
    match kind:
        case "N":
            return int(inner)
        case "M":
            return {name: read(each) for name, each in inner.items()}
    return inner


def read_all(item: Item) -> Item:
    """An item's plain values."""
    return {name: read(value) for name, value in item.items()}


def query(**request: Any) -> Iterator[Item]:
    """Every item of a query, page after page, typed as DynamoDB answers."""
    for page in _pages(**request):
        yield from page["Items"]


def query_some(pages: int | None, **request: Any) -> tuple[list[Item], Item | None]:
    """Return up to `pages` pages of 1 MB of a query, and the key where it stopped, if it did."""
    found: list[Item] = []
    stopped: Item | None = None
    for page in islice(_pages(**request), pages):
        found += page["Items"]
        stopped = page.get("LastEvaluatedKey")
    return found, stopped


def query_count(**request: Any) -> int:
    """How many items a query finds."""
    return sum(page["Count"] for page in _pages(**request, Select="COUNT"))


def _pages(**request: Any) -> "Iterator[QueryOutputTypeDef]":
    typed: QueryInputTypeDef = request  # type: ignore[assignment]  # the callers are typed by use
    while True:
        page = clients.dynamodb().query(**typed)
        yield page
        if "LastEvaluatedKey" not in page:
            return
        typed["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def batch_get(table: str, keys: list[Item]) -> list[Item]:
    """The items that exist under these keys, read consistently, in no order.

    Raises:
        UnavailableError: DynamoDB left keys unread after several tries.
    """
    found: list[Item] = []
    for start in range(0, len(keys), BATCH_GET):
        pending = keys[start : start + BATCH_GET]
        for _ in attempts():
            response = clients.dynamodb().batch_get_item(
                RequestItems={table: {"Keys": pending, "ConsistentRead": True}}
            )
            found += response["Responses"].get(table, [])
            unread: Item = response.get("UnprocessedKeys", {})
            if table not in unread:
                break
            pending = unread[table]["Keys"]
        else:
            raise UnavailableError
    return found


def batch_delete(table: str, keys: list[Item]) -> None:
    """Delete these keys, existing or not.

    Raises:
        UnavailableError: DynamoDB left keys undeleted after several tries.
    """
    _batch_write(table, [{"DeleteRequest": {"Key": key}} for key in keys])


def batch_put(table: str, items: list[Item]) -> None:
    """Put these items, in place of what is there.

    Raises:
        UnavailableError: DynamoDB left items unwritten after several tries.
    """
    _batch_write(table, [{"PutRequest": {"Item": item}} for item in items])


def _batch_write(table: str, requests: list[Item]) -> None:
    for start in range(0, len(requests), BATCH_WRITE):
        pending: Any = requests[start : start + BATCH_WRITE]
        for _ in attempts():
            response = clients.dynamodb().batch_write_item(RequestItems={table: pending})
            pending = response.get("UnprocessedItems", {}).get(table, [])
            if not pending:
                break
        else:
            raise UnavailableError


def unchanged(values: Item) -> Item:
    """Return the condition that attributes are unchanged; None stands for a missing one."""
    there = write_all(values)
    condition = {
        "ConditionExpression": " AND ".join(
            f"#{name} = :was_{name}" if name in there else f"attribute_not_exists(#{name})"
            for name in values
        ),
        "ExpressionAttributeNames": {f"#{name}": name for name in values},
    }
    typed = {f":was_{name}": value for name, value in there.items()}
    return condition | ({"ExpressionAttributeValues": typed} if typed else {})
