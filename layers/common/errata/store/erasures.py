"""The reads and writes of an erasure. Each write also updates the receipt.

EventsTable:

| item | pk | sk | attributes |
|---|---|---|---|
| erased event | `12` | event id | erased: its issue's id; ttl |
| receipt | `12#state` | `erasure#<name>` | the numbers of a `Receipt`; newest; ttl |

An erased event leaves a row with its id, because the event was counted. So it is not counted again
if its SDK sends it again, and `redrive` does not count another one in its place. The row is in no
index.

Each change is one transaction with the receipt. So the receipt is exact even if the erasure was
interrupted. `newest` is when the newest of the changed events was received, in milliseconds.

Each change of a row adds a second to its `ttl`. Digest writes whole rows, on the condition that
attributes such as `ttl` have not changed (`errata.store.digest`). So it does not overwrite the
change.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any

from errata.config import settings
from errata.models.erasure import Erasure, Receipt
from errata.models.webhook import Attempt, Message
from errata.store import clients
from errata.store.events import issue_of
from errata.store.items import (
    PlainItem,
    TypedItem,
    Values,
    batch_get,
    query,
    query_pages,
    read_all,
    unchanged,
    write_all,
)
from errata.store.webhooks import to_text

# Events in one transaction. It takes a hundred actions, one of them for the receipt.
EVENTS_AT_ONCE = 50
# Rows in one transaction. A row that gets another key takes two actions.
ROWS_AT_ONCE = 45
# Each change of a row by digest or a person changes one of these attributes.
_MOVES = ("last_sequence", "stream", "status", "status_at", "ttl")
_IS_EVENT = "attribute_exists(payload)"
_IS_FEEDBACK = "attribute_exists(feedback)"


def event_pages(project_id: str) -> Iterator[list[TypedItem]]:
    """Yield the events, tallies and feedback of a project as pages of items, oldest first.

    Includes hidden ones. A page has at most 1 MB. Reads consistently. Access pattern E28.
    """
    for page in query_pages(
        TableName=settings().events_table,
        KeyConditionExpression="pk = :project",
        FilterExpression=f"{_IS_EVENT} OR {_IS_FEEDBACK}",
        ExpressionAttributeValues=write_all({":project": project_id}),
        ConsistentRead=True,
    ):
        yield page["Items"]


def find_receipt(of: Erasure) -> tuple[Receipt, int]:
    """Return the receipt so far, and `newest`. Reads consistently. Access pattern E29."""
    found = clients.dynamodb().get_item(
        TableName=settings().events_table, Key=_receipt_key(of), ConsistentRead=True
    )
    row = read_all(found.get("Item", {}))
    receipt = Receipt(**{each.name: row.get(each.name, 0) for each in fields(Receipt)})
    return receipt, row.get("newest", 0)


def delete_events(of: Erasure, items: Iterable[TypedItem], newest: int) -> None:
    """Replace these events and tallies, at most `EVENTS_AT_ONCE`, by erased events, all or none.

    None of them has a legacy number: an event of the legacy endpoint names no user. Access pattern
    E30.

    Raises:
        ConflictError: one of them was deleted, or is being changed.
    """
    actions: list[Any] = []
    for each in items:
        erased = {"pk": each["pk"], "sk": each["sk"], "ttl": each["ttl"]}
        erased |= write_all({"erased": issue_of(each)})
        put = {"TableName": settings().events_table, "Item": erased}
        actions.append({"Put": {**put, "ConditionExpression": _IS_EVENT}})
    _commit(of, actions, Receipt(events_deleted=len(actions)), newest)


def rewrite_event(of: Erasure, item: TypedItem, clean: bytes, newest: int) -> None:
    """Replace the packed fields of an event or a tally. Access pattern E31.

    Raises:
        ConflictError: it was deleted, or is being changed.
    """
    change = {
        "TableName": settings().events_table,
        "Key": {"pk": item["pk"], "sk": item["sk"]},
        "UpdateExpression": "SET payload = :clean",
        "ConditionExpression": "payload = :was",
        "ExpressionAttributeValues": {":clean": {"B": clean}, ":was": item["payload"]},
    }
    _commit(of, [{"Update": change}], Receipt(events_rewritten=1), newest)


def delete_feedback(of: Erasure, item: TypedItem) -> None:
    """Delete a feedback. Access pattern E39.

    Raises:
        ConflictError: it was deleted.
    """
    gone = {
        "TableName": settings().events_table,
        "Key": {"pk": item["pk"], "sk": item["sk"]},
        "ConditionExpression": _IS_FEEDBACK,
    }
    _commit(of, [{"Delete": gone}], Receipt(feedback_deleted=1), 0)


def remove_receipt(of: Erasure) -> None:
    """Delete a receipt after it was shown. Access pattern E32."""
    clients.dynamodb().delete_item(TableName=settings().events_table, Key=_receipt_key(of))


# ------------------------------------------------------------------ rows of IssuesTable


@dataclass(frozen=True, slots=True)
class RowChange:
    """A change of a row of IssuesTable.

    Attributes:
        row: the row as it was read.
        values: the new values of attributes; the value None removes an attribute. None instead of
            a dict deletes the row.
        sk: its new sort key, "" if that does not change.
    """

    row: PlainItem
    values: Values | None = None
    sk: str = ""


def issue_rows(pk: str) -> Iterator[PlainItem]:
    """Yield all rows of a generation. Reads consistently. Access pattern I23."""
    return map(
        read_all,
        query(
            TableName=settings().issues_table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=write_all({":pk": pk}),
            ConsistentRead=True,
        ),
    )


def find_rows(pk: str, sort_keys: Iterable[str]) -> list[PlainItem]:
    """Return the rows with these sort keys that exist, unordered. Access pattern I24."""
    keys = [write_all({"pk": pk, "sk": sk}) for sk in sort_keys]
    return list(map(read_all, batch_get(settings().issues_table, keys)))


def change_rows(of: Erasure, changes: Iterable[RowChange], counts: Receipt) -> None:
    """Make these changes, all or none, and add `counts` to the receipt. Access pattern I25.

    Raises:
        ConflictError: one of the rows has changed since it was read.
    """
    actions = [action for each in changes for action in _row_actions(each)]
    _commit(of, actions, counts, 0)


def _row_actions(change: RowChange) -> list[Any]:
    table, row = settings().issues_table, change.row
    key = write_all({"pk": row["pk"], "sk": row["sk"]})
    there = "attribute_exists(pk)"
    deleted = {"Delete": {"TableName": table, "Key": key, "ConditionExpression": there}}
    if change.values is None:
        return [deleted]
    if change.sk:
        item = write_all({**dict(row.items()), "sk": change.sk})
        return [{"Put": {"TableName": table, "Item": item}}, deleted]
    values: Values = {**change.values, "ttl": row["ttl"] + 1}
    texts = [name for name, value in values.items() if isinstance(value, str)]
    condition = unchanged({name: row.get(name) for name in dict.fromkeys((*_MOVES, *texts))})
    sets = [name for name, value in values.items() if value is not None]
    gone = [name for name, value in values.items() if value is None]
    expression = "SET " + ", ".join(f"#{name} = :{name}" for name in sets)
    if gone:
        expression += " REMOVE " + ", ".join(f"#{name}" for name in gone)
    condition["ExpressionAttributeNames"] |= {f"#{name}": name for name in values}
    condition["ExpressionAttributeValues"] |= write_all(
        {f":{name}": value for name, value in values.items()}
    )
    update = {"TableName": table, "Key": key, "UpdateExpression": expression, **condition}
    return [{"Update": update}]


# ------------------------------------------------------------------ webhook messages


def rewrite_attempt(of: Erasure, attempt: Attempt, message: Message) -> None:
    """Replace the message of an attempt. Access pattern D5.

    Raises:
        ConflictError: the attempt was deleted.
    """
    change = {
        "TableName": settings().deliveries_table,
        "Key": write_all({"pk": attempt.message.project_id, "sk": attempt.id}),
        "UpdateExpression": "SET notice = :notice",
        "ConditionExpression": "attribute_exists(pk)",
        "ExpressionAttributeValues": write_all({":notice": to_text(message)}),
    }
    _commit(of, [{"Update": change}], Receipt(messages_rewritten=1), 0)


def count_message(of: Erasure) -> None:
    """Record in the receipt that a queue message was rewritten. Access pattern E33."""
    clients.dynamodb().update_item(**_receipt_update(of, Receipt(messages_rewritten=1), 0))


# ------------------------------------------------------------------ the receipt


def _commit(of: Erasure, actions: list[Any], counts: Receipt, newest: int) -> None:
    clients.dynamodb().transact_write_items(
        TransactItems=[*actions, {"Update": _receipt_update(of, counts, newest)}]
    )


def _receipt_update(of: Erasure, counts: Receipt, newest: int) -> Any:
    numbers: Values = asdict(counts)
    added = {name: number for name, number in numbers.items() if number}
    sets: Values = {"ttl": of.expires_at, **({"newest": newest} if newest else {})}
    return {
        "TableName": settings().events_table,
        "Key": _receipt_key(of),
        "UpdateExpression": "SET "
        + ", ".join(f"#{name} = :{name}" for name in sets)
        + " ADD "
        + ", ".join(f"#{name} :{name}" for name in added),
        "ExpressionAttributeNames": {f"#{name}": name for name in (*sets, *added)},
        "ExpressionAttributeValues": write_all(
            {f":{name}": value for name, value in (sets | added).items()}
        ),
    }


def _receipt_key(of: Erasure) -> TypedItem:
    return write_all({"pk": f"{of.project_id}#state", "sk": f"erasure#{of.name}"})
