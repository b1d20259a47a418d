"""SQS: send messages; for operators, receive them from dead-letter queues."""

import json
from dataclasses import dataclass
from typing import Any

from errata.errors import StoreError
from errata.store import clients

# How long a message is nobody else's while a redrive is at it.
HELD_S = 600
# A wait asks all of SQS's servers, not some: an empty answer then means an empty queue.
WAIT_S = 1


@dataclass(frozen=True, slots=True)
class QueueMessage:
    """A received message that is held; `receipt` is its receipt handle."""

    id: str
    receipt: str
    body: str


def send(queue_url: str, message: dict[str, Any]) -> None:
    """Put a message, as JSON, into a queue."""
    clients.sqs().send_message(QueueUrl=queue_url, MessageBody=json.dumps(message))


def hold(queue_url: str, most: int) -> list[QueueMessage]:
    """Receive up to `most` messages of a queue; nobody else gets them for `HELD_S` seconds."""
    held: dict[str, QueueMessage] = {}
    while len(held) < most:
        response = clients.sqs().receive_message(
            QueueUrl=queue_url,
            MaxNumberOfMessages=min(10, most - len(held)),
            VisibilityTimeout=HELD_S,
            WaitTimeSeconds=WAIT_S,
        )
        found = response.get("Messages", [])
        if all(each["MessageId"] in held for each in found):
            break
        for each in found:
            held[each["MessageId"]] = QueueMessage(
                each["MessageId"], each["ReceiptHandle"], each["Body"]
            )
    return list(held.values())


def let_go(queue_url: str, message: QueueMessage) -> None:
    """Return a message to its queue. No-op if it is there again already."""
    try:
        clients.sqs().change_message_visibility(
            QueueUrl=queue_url, ReceiptHandle=message.receipt, VisibilityTimeout=0
        )
    except StoreError as error:
        if not error.code.endswith("MessageNotInflight"):
            raise


def delete(queue_url: str, message: QueueMessage) -> None:
    """Delete a message that was received."""
    clients.sqs().delete_message(QueueUrl=queue_url, ReceiptHandle=message.receipt)
