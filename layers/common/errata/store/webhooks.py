"""Webhooks in ProjectsTable, attempts in DeliveriesTable, messages in SQS.

Their secrets are elsewhere: `errata.store.webhook_secrets`.

| item | table | pk | sk |
|---|---|---|---|
| webhook | ProjectsTable | `project#12` | `webhook#<webhook id>` |
| attempt | DeliveriesTable | `12` | attempt id (UUIDv7) |
| delivery | DeliveriesTable | `12#rounds` | `<message id>#<webhook id>#<delivery>` |

A delivery's row has the number of its attempts and when the next one is due. Rows of deliveries and
attempts expire by `ttl`. In queued and stored messages, `delivery` is named "round" and
`webhook_id` is named "endpoint_id". In the row of an attempt, the message is named "notice".
"""

import contextlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from errata.config import settings
from errata.errors import ConditionFailedError
from errata.models import alert
from errata.models.times import DELIVERY_KEPT_S
from errata.models.webhook import WEBHOOK, Attempt, Delivery, Message, Webhook
from errata.store import clients, webhook_secrets
from errata.store.items import PlainItem, TypedItem, Values, batch_get, query, read_all, write_all

# The most messages and bytes in one call. SQS itself has accepted four times as much since 2025.
_CALL_MESSAGES = 10
_CALL_BYTES = 256 * 1024
_ALERT_DELAY_S = 2
_NEW_OF_MEMBERS: Values = {"url": "", "events": "", "created_at": 0, "kind": alert.MEMBERS}
# Fields whose names differ in a stored message. Deployments have such messages.
_STORED = {"delivery": "round", "webhook_id": "endpoint_id"}
_READ = {stored: name for name, stored in _STORED.items()}


# ------------------------------------------------------------------ webhooks


def save_webhook(webhook: Webhook) -> None:
    """Store a webhook, new or changed. Access pattern P11."""
    values: Values = {
        "pk": f"project#{webhook.project_id}",
        "sk": f"webhook#{webhook.id}",
        "url": webhook.url,
        "events": ",".join(webhook.events),
        "created_at": webhook.created_at,
        "rotated_at": webhook.rotated_at,
        "failing_since": webhook.failing_since,
        "disabled_at": webhook.disabled_at,
        "disabled_reason": webhook.disabled_reason or None,
        "kind": None if webhook.kind == WEBHOOK else webhook.kind,
        "name": webhook.name or None,
        "failures": webhook.failures or None,
        "muted_until": webhook.muted_until or None,
        "subscription": webhook.subscription or None,
    }
    clients.dynamodb().put_item(TableName=settings().projects_table, Item=write_all(values))


def list_webhooks(project_id: str) -> list[Webhook]:
    """Return a project's webhooks and channels, oldest first. Reads consistently.

    Access pattern P12.
    """
    found = query(
        TableName=settings().projects_table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :webhook)",
        ExpressionAttributeValues=write_all(
            {":pk": f"project#{project_id}", ":webhook": "webhook#"}
        ),
        ConsistentRead=True,
    )
    return sorted((to_webhook(read_all(item)) for item in found), key=lambda e: e.created_at)


def find_webhook(project_id: str, webhook_id: str) -> Webhook | None:
    """Return one webhook, read consistently. Access pattern P13."""
    response = clients.dynamodb().get_item(
        TableName=settings().projects_table,
        Key=_webhook_key(project_id, webhook_id),
        ConsistentRead=True,
    )
    item = response.get("Item")
    return to_webhook(read_all(item)) if item else None


def some_exist(ids: Iterable[tuple[str, str]]) -> bool:
    """Return whether one of these webhooks exists. `ids` are (project id, webhook id).

    Access pattern P63.
    """
    return bool(batch_get(settings().projects_table, [_webhook_key(*each) for each in ids]))


def remove_webhook(project_id: str, webhook_id: str) -> None:
    """Delete a webhook and its secrets. Access pattern P14."""
    # Delete the secrets first. If this is interrupted, the webhook is still listed, so somebody can
    # remove it again.
    webhook_secrets.delete_secrets(project_id, webhook_id)
    clients.dynamodb().delete_item(
        TableName=settings().projects_table, Key=_webhook_key(project_id, webhook_id)
    )


def update_webhook(webhook: Webhook, **changes: int | str | None) -> None:
    """Set attributes of a webhook, if it still exists. The value None removes an attribute.

    The channel to the members of a project is only stored when it first fails or is muted.
    Access pattern P15.
    """
    of_members = webhook.kind == alert.MEMBERS
    first: Values = dict(_NEW_OF_MEMBERS) if of_members else {}
    sets = [f"#{name} = if_not_exists(#{name}, :{name})" for name in first]
    sets += [f"#{name} = :{name}" for name, value in changes.items() if value is not None]
    removed = [f"#{name}" for name, value in changes.items() if value is None]
    request: dict[str, Any] = {
        "TableName": settings().projects_table,
        "Key": _webhook_key(webhook.project_id, webhook.id),
        "UpdateExpression": (f"SET {', '.join(sets)} " if sets else "")
        + (f"REMOVE {', '.join(removed)}" if removed else ""),
        "ExpressionAttributeNames": {f"#{name}": name for name in first | changes},
    }
    if sets:
        values = {f":{name}": value for name, value in (first | changes).items()}
        request["ExpressionAttributeValues"] = write_all(values)
    if not of_members:
        request["ConditionExpression"] = "attribute_exists(pk)"
    with contextlib.suppress(ConditionFailedError):
        clients.dynamodb().update_item(**request)


def _webhook_key(project_id: str, webhook_id: str) -> TypedItem:
    return write_all({"pk": f"project#{project_id}", "sk": f"webhook#{webhook_id}"})


def to_webhook(item: PlainItem) -> Webhook:
    """Return the webhook or channel in an item of plain values."""
    return Webhook(
        id=item["sk"].removeprefix("webhook#"),
        project_id=item["pk"].removeprefix("project#"),
        url=item["url"],
        events=tuple(filter(None, item["events"].split(","))),
        created_at=item["created_at"],
        rotated_at=item.get("rotated_at"),
        failing_since=item.get("failing_since"),
        disabled_at=item.get("disabled_at"),
        disabled_reason=item.get("disabled_reason", ""),
        kind=item.get("kind", WEBHOOK),
        name=item.get("name", ""),
        failures=item.get("failures", 0),
        muted_until=item.get("muted_until", 0),
        subscription=item.get("subscription", ""),
    )


# ------------------------------------------------------------------ messages


def enqueue(messages: Iterable[Message]) -> None:
    """Send messages to WebhookQueue, as many per call as fit.

    Raises:
        OSError: SQS has not accepted all of them after two tries.
        StoreError: the call failed.
    """
    for batch in _batches(messages):
        for _ in range(2):
            response = clients.sqs().send_message_batch(
                QueueUrl=settings().webhook_queue_url, Entries=batch
            )
            failed = {each["Id"] for each in response.get("Failed", [])}
            batch = [entry for entry in batch if entry["Id"] in failed]
            if not batch:
                break
        else:
            raise OSError(f"SQS did not accept {len(batch)} messages")


def _batches(messages: Iterable[Message]) -> Iterator[list[Any]]:
    batch: list[Any] = []
    size = 0
    for number, each in enumerate(messages):
        body = to_text(each)  # ASCII: as many bytes as characters
        if batch and (len(batch) == _CALL_MESSAGES or size + len(body) > _CALL_BYTES):
            yield batch
            batch, size = [], 0
        # A standard queue serves its message groups fairly ("Amazon SQS fair queues"). So a webhook
        # with many waiting messages does not delay those of other webhooks.
        entry: Any = {"Id": str(number), "MessageBody": body, "MessageGroupId": each.webhook_id}
        if each.event.startswith(alert.PREFIX):
            # The dispatcher reads the issue. Until then, digest has usually stored it.
            entry["DelaySeconds"] = _ALERT_DELAY_S
        batch.append(entry)
        size += len(body)
    if batch:
        yield batch


def parse_message(text: str) -> Message:
    """Return the message in the body of a queue message.

    Raises:
        ValueError, TypeError: the text is not the body of a queue message.
    """
    values = {**json.loads(text)}
    return Message(**{_READ.get(name, name): value for name, value in values.items()})


def to_text(message: Message) -> str:
    """Return the body of a queue message with this message."""
    return json.dumps({_STORED.get(name, name): value for name, value in asdict(message).items()})


def postpone(receipt_handle: str, seconds: int) -> None:
    """Make a received queue message available again after `seconds`."""
    clients.sqs().change_message_visibility(
        QueueUrl=settings().webhook_queue_url,
        ReceiptHandle=receipt_handle,
        VisibilityTimeout=seconds,
    )


# ------------------------------------------------------------------ attempts


def find_delivery(of: Message) -> Delivery:
    """Return the state of a message's delivery. Access pattern D1."""
    response = clients.dynamodb().get_item(
        TableName=settings().deliveries_table, Key=_delivery_key(of), ConsistentRead=True
    )
    if "Item" not in response:
        return Delivery()
    item = read_all(response["Item"])
    mailed = tuple(filter(None, item.get("told", "").split(",")))
    role = item.get("role", "")
    group = item.get("group", "")
    return Delivery(item["attempts"], item.get("due_at", 0), item["over"] == 1, role, mailed, group)


def record(attempt: Attempt, delivery: Delivery, now_s: int) -> None:
    """Store an attempt and the delivery's new state, both or neither. Access pattern D2."""
    of = attempt.message
    values: Values = {
        "pk": of.project_id,
        "sk": attempt.id,
        "notice": to_text(of),
        "number": attempt.number,
        "status": attempt.status,
        "duration_ms": attempt.duration_ms,
        "error": attempt.error or None,
        "issues": attempt.issues if attempt.issues > 1 else None,
        "ttl": now_s + DELIVERY_KEPT_S,
    }
    table = settings().deliveries_table
    clients.dynamodb().transact_write_items(
        TransactItems=[
            {"Put": {"TableName": table, "Item": write_all(values)}},
            delivery_action(of, delivery, now_s),
        ]
    )


def delivery_action(of: Message, delivery: Delivery, now_s: int) -> Any:
    """Return the action of a transaction that stores the state of a message's delivery."""
    values: Values = {
        "attempts": delivery.attempts,
        "due_at": delivery.due_at,
        "over": int(delivery.over),
        "role": delivery.role or None,
        "group": delivery.group or None,
        "told": ",".join(delivery.mailed) or None,
        "ttl": now_s + DELIVERY_KEPT_S,
    }
    item = {**_delivery_key(of), **write_all(values)}
    return {"Put": {"TableName": settings().deliveries_table, "Item": item}}


def list_attempts(
    project_id: str, since: str, now_s: int, page: int = 0, through: str = ""
) -> Iterator[Attempt]:
    """Yield a project's attempts from the id `since` up to `through`, newest first.

    `through` "" means no upper limit. Reads `page` attempts at a time, with 0 as many as fit into a
    response of DynamoDB. Access pattern D3.
    """
    for item in query(
        TableName=settings().deliveries_table,
        KeyConditionExpression="pk = :pk AND sk BETWEEN :since AND :through",
        ExpressionAttributeValues=write_all(
            {":pk": project_id, ":since": since, ":through": through or "~"}
        ),
        ScanIndexForward=False,
        ConsistentRead=True,
        **({"Limit": page} if page else {}),
    ):
        if int(item["ttl"]["N"]) > now_s:
            yield _to_attempt(read_all(item))


def find_attempt(project_id: str, attempt_id: str) -> Attempt | None:
    """Return one attempt; None if it does not exist. Access pattern D4."""
    response = clients.dynamodb().get_item(
        TableName=settings().deliveries_table,
        Key=write_all({"pk": project_id, "sk": attempt_id}),
        ConsistentRead=True,
    )
    return _to_attempt(read_all(response["Item"])) if "Item" in response else None


def _delivery_key(of: Message) -> TypedItem:
    return write_all(
        {"pk": f"{of.project_id}#rounds", "sk": f"{of.id}#{of.webhook_id}#{of.delivery}"}
    )


def _to_attempt(item: PlainItem) -> Attempt:
    return Attempt(
        id=item["sk"],
        message=parse_message(item["notice"]),
        number=item["number"],
        status=item.get("status"),
        duration_ms=item["duration_ms"],
        error=item.get("error", ""),
        issues=item.get("issues", 1),
    )
