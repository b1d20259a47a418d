"""DeliveriesTable: the flood control of channels (`errata.models.flood`).

| item | pk | sk |
|---|---|---|
| flow of a channel | `12#channels` | channel id, `#quiet` in quiet hours, `#<hash>` of one member |
| held message | `12#held` | `<channel id>#<group>#<message id>` |

What changes together is one transaction: the flow, the delivery of the message, and the held
message. So a dispatcher that is killed between two calls loses no message and holds none twice.
"""

from collections.abc import Iterator
from typing import Any

from errata.config import settings
from errata.errors import ConditionFailedError
from errata.models.flood import Flow
from errata.models.times import DELIVERY_KEPT_S
from errata.models.webhook import Delivery, Message
from errata.store import clients
from errata.store.items import TypedItem, query, read_all, write_all
from errata.store.webhooks import delivery_action, parse_message, to_text


def find_flow(of: Message, lane: str = "") -> Flow:
    """Return the flow of the channel of a message. Reads consistently. Access pattern D6.

    `lane` follows the channel's id in the key: `#quiet` or `#<hash>` of one member.
    """
    response = clients.dynamodb().get_item(
        TableName=settings().deliveries_table, Key=_flow_key(of, lane), ConsistentRead=True
    )
    if "Item" not in response:
        return Flow()
    item = read_all(response["Item"])
    recent = tuple(int(each) for each in item.get("recent", "").split(",") if each)
    return Flow(
        recent,
        item.get("leader", ""),
        item.get("due_at", 0),
        item.get("wait_ms", 0),
        item.get("calm_at", 0),
        item["version"],
        item.get("group", item.get("leader", "")),
    )


def move(of: Message, flow: Flow, now_s: int, lane: str = "") -> bool:
    """Store the flow. Returns False if it has changed since it was read. Access pattern D7."""
    try:
        clients.dynamodb().put_item(**_put(of, flow, now_s, lane))
    except ConditionFailedError:
        return False
    return True


def move_with(of: Message, flow: Flow, delivery: Delivery, now_s: int, lane: str = "") -> None:
    """Store the flow and the state of a message's delivery, both or neither. Access pattern D8.

    Raises:
        ConflictError: the flow has changed since it was read.
    """
    clients.dynamodb().transact_write_items(
        TransactItems=[{"Put": _put(of, flow, now_s, lane)}, delivery_action(of, delivery, now_s)]
    )


def hold(of: Message, flow: Flow, now_s: int, lane: str = "") -> None:
    """Hold a message for the leader, which will send it. Ends its own delivery.

    Access pattern D9.

    Raises:
        ConflictError: the leader does not collect messages any more.
    """
    table = settings().deliveries_table
    values: Any = {
        "pk": f"{of.project_id}#held",
        "sk": f"{of.webhook_id}#{flow.group}#{of.id}",
        "notice": to_text(of),
        "ttl": now_s + DELIVERY_KEPT_S,
    }
    check: Any = {
        "TableName": table,
        "Key": _flow_key(of, lane),
        "ConditionExpression": "leader = :leader",
        "ExpressionAttributeValues": write_all({":leader": flow.leader}),
    }
    clients.dynamodb().transact_write_items(
        TransactItems=[
            {"ConditionCheck": check},
            {"Put": {"TableName": table, "Item": write_all(values)}},
            delivery_action(of, Delivery(over=True), now_s),
        ]
    )


def list_held(leader: Message, group: str) -> Iterator[Message]:
    """Yield the messages that are held for a leader of this group. Reads consistently.

    Access pattern D10.
    """
    for item in query(
        TableName=settings().deliveries_table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :leader)",
        ExpressionAttributeValues=write_all(
            {":pk": f"{leader.project_id}#held", ":leader": f"{leader.webhook_id}#{group}#"}
        ),
        ConsistentRead=True,
    ):
        yield parse_message(read_all(item)["notice"])


def _flow_key(of: Message, lane: str) -> TypedItem:
    return write_all({"pk": f"{of.project_id}#channels", "sk": f"{of.webhook_id}{lane}"})


def _put(of: Message, flow: Flow, now_s: int, lane: str) -> Any:
    values: Any = {
        "recent": ",".join(map(str, flow.recent)) or None,
        "leader": flow.leader or None,
        "group": flow.group or None,
        "due_at": flow.due_at or None,
        "wait_ms": flow.wait_ms or None,
        "calm_at": flow.calm_at or None,
        "version": flow.version,
        "ttl": now_s + DELIVERY_KEPT_S,
    }
    return {
        "TableName": settings().deliveries_table,
        "Item": _flow_key(of, lane) | write_all(values),
        "ConditionExpression": "attribute_not_exists(pk) OR version = :before",
        "ExpressionAttributeValues": write_all({":before": flow.version - 1}),
    }
