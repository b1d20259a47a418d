"""Convert values to and from DynamoDB's typed form, and make queries and batch calls."""

from collections.abc import ItemsView, Iterable, Iterator, Mapping
from itertools import batched, islice
from typing import TYPE_CHECKING, Any

from errata.errors import UnavailableError
from errata.models.texts import cut
from errata.store import clients
from errata.store.retry import attempts

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import (
        AttributeValueTypeDef,
        QueryInputTypeDef,
        QueryOutputTypeDef,
    )

    class PlainItem:
        """An item as `read_all` returns it: a dict of plain values. Only `read_all` makes one.

        It is a type of its own, so that mypy does not take it for a `TypedItem`.
        """

        def __getitem__(self, name: str) -> Any: ...
        def __contains__(self, name: object) -> bool: ...
        def get(self, name: str, default: Any = None) -> Any:
            """Return the value of an attribute, or `default`."""

        def items(self) -> ItemsView[str, Any]:
            """Return the names and values of the attributes."""

else:
    PlainItem = dict

# An item, or a part of one, in DynamoDB's typed form: `{"sk": {"S": "clear"}}`.
type TypedItem = dict[str, AttributeValueTypeDef]
# Plain values to write: `{"sk": "clear"}`. None means no attribute.
type Value = str | bytes | int | float | Mapping[str, Value] | None
type Values = dict[str, Value]
# A request to DynamoDB, or a part of one.
type DynamoRequest = dict[str, Any]

BATCH_GET = 100
BATCH_WRITE = 25


def write_value(value: Value) -> "AttributeValueTypeDef":
    """Convert a plain value to DynamoDB's typed form, a dict to a map. Source: DynamoDB API."""
    match value:
        case str():
            return {"S": value}
        case bytes():
            return {"B": value}
        case int() | float():
            return {"N": str(value)}
        case dict():
            return {"M": {name: write_value(inner) for name, inner in value.items()}}
    raise TypeError(f"no attribute type for {type(value).__name__}")


def write_all(values: Mapping[str, Value]) -> TypedItem:
    """Convert plain values to DynamoDB's typed form. Leaves out None."""
    return {name: write_value(value) for name, value in values.items() if value is not None}


def read_value(value: "AttributeValueTypeDef") -> Any:
    """Return the plain value of an attribute: str, bytes, int, or a dict of them."""
    kind: str
    inner: Any
    ((kind, inner),) = value.items()
    match kind:
        case "N":
            return int(inner)
        case "M":
            return {name: read_value(each) for name, each in inner.items()}
    return inner


def read_all(item: TypedItem) -> PlainItem:
    """Return an item's plain values."""
    plain: Any = {name: read_value(value) for name, value in item.items()}
    found: PlainItem = plain
    return found


def query(**request: Any) -> Iterator[TypedItem]:
    """Yield every item of a query, page by page, in DynamoDB's typed form."""
    for page in query_pages(**request):
        yield from page["Items"]


def query_some(pages: int | None, **request: Any) -> tuple[list[TypedItem], TypedItem | None]:
    """Return the items of the first `pages` pages of a query, and the key where it stopped.

    A page has 1 MB. `pages` is None for all of them. The key is None at the end of the query.
    """
    found: list[TypedItem] = []
    stopped: TypedItem | None = None
    for page in islice(query_pages(**request), pages):
        found += page["Items"]
        stopped = page.get("LastEvaluatedKey")
    return found, stopped


def query_count(**request: Any) -> int:
    """Return the number of items that a query finds."""
    return sum(page["Count"] for page in query_pages(**request, Select="COUNT"))


def query_pages(**request: Any) -> "Iterator[QueryOutputTypeDef]":
    """Yield the responses of a query, one for each page."""
    typed: QueryInputTypeDef = request  # type: ignore[assignment]  # the callers are typed by use
    while True:
        page = clients.dynamodb().query(**typed)
        yield page
        if "LastEvaluatedKey" not in page:
            return
        typed["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def batch_get(table: str, keys: list[TypedItem], consistent: bool = True) -> list[TypedItem]:
    """Return the existing items with these keys, unordered. Reads consistently by default.

    Raises:
        UnavailableError: DynamoDB left keys unread after several tries.
    """
    return batch_get_tables({table: keys}, consistent)[table]


def batch_get_tables(
    keys: Mapping[str, list[TypedItem]], consistent: bool = True
) -> dict[str, list[TypedItem]]:
    """Return the existing items with these keys by table, unordered. See `batch_get`.

    Raises:
        UnavailableError: DynamoDB left keys unread after several tries.
    """
    found: dict[str, list[TypedItem]] = {table: [] for table in keys}
    every = [(table, key) for table, of_table in keys.items() for key in of_table]
    for some in batched(every, BATCH_GET, strict=False):
        pending: dict[str, Any] = {}
        for table, key in some:
            pending.setdefault(table, []).append(key)
        for _ in attempts():
            response = clients.dynamodb().batch_get_item(
                RequestItems={
                    table: {"Keys": unread, "ConsistentRead": consistent}
                    for table, unread in pending.items()
                }
            )
            for table, items in response["Responses"].items():
                found[table] += items
            left: Any = response.get("UnprocessedKeys", {})
            pending = {table: each["Keys"] for table, each in left.items()}
            if not pending:
                break
        else:
            raise UnavailableError
    return found


def batch_delete(table: str, keys: Iterable[TypedItem]) -> None:
    """Delete the items under these keys. Skips those that do not exist.

    Takes the keys from the iterable batch by batch: there may be millions.

    Raises:
        UnavailableError: DynamoDB left keys undeleted after several tries.
    """
    _batch_write(table, ({"DeleteRequest": {"Key": key}} for key in keys))


def batch_put(table: str, items: list[TypedItem]) -> None:
    """Store these items. Replaces existing ones.

    Raises:
        UnavailableError: DynamoDB left items unwritten after several tries.
    """
    _batch_write(table, ({"PutRequest": {"Item": item}} for item in items))


def _batch_write(table: str, requests: Iterable[DynamoRequest]) -> None:
    for some in batched(requests, BATCH_WRITE, strict=False):
        pending: Any = list(some)
        for _ in attempts():
            response = clients.dynamodb().batch_write_item(RequestItems={table: pending})
            pending = response.get("UnprocessedItems", {}).get(table, [])
            if not pending:
                break
        else:
            raise UnavailableError


def key_begin(text: str) -> str:
    """Return the first 1,000 bytes of a text, for a query by the beginning of a sort key.

    DynamoDB refuses a query with more than 1,024 bytes. No stored key is so long, so the query
    finds the same rows.
    """
    return cut(text, 1_000)


def unchanged(values: Mapping[str, Value]) -> DynamoRequest:
    """Return the condition that these attributes are unchanged. None means a missing attribute."""
    there = write_all(values)
    condition: DynamoRequest = {
        "ConditionExpression": " AND ".join(
            f"#{name} = :was_{name}" if name in there else f"attribute_not_exists(#{name})"
            for name in values
        ),
        "ExpressionAttributeNames": {f"#{name}": name for name in values},
    }
    typed = {f":was_{name}": value for name, value in there.items()}
    return condition | ({"ExpressionAttributeValues": typed} if typed else {})
