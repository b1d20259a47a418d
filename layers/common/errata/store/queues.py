"""Send messages to SQS queues. For operators: receive messages from dead-letter queues."""

import json
from dataclasses import dataclass
from typing import Any

from errata.errors import StoreError
from errata.store import clients

# Visibility timeout in seconds: nobody else receives a message while a redrive processes it.
HELD_S = 600
# Seconds to wait for messages. With a wait (long polling), SQS asks all of its servers, not only
# some, so an empty response means an empty queue.
WAIT_S = 1


@dataclass(frozen=True, slots=True)
class QueueMessage:
    """A received message, hidden from others for HELD_S. `receipt` is its receipt handle."""

    id: str
    receipt: str
    body: str


def send(queue_url: str, message: dict[str, Any]) -> None:
    """Send a message to a queue, as JSON."""
    clients.sqs().send_message(QueueUrl=queue_url, MessageBody=json.dumps(message))


def hold(queue_url: str, most: int) -> list[QueueMessage]:
    """Receive up to `most` messages of a queue. Nobody else gets them for `HELD_S` seconds."""
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
    """Make a received message available in its queue again. No-op if it already is."""
    try:
        clients.sqs().change_message_visibility(
            QueueUrl=queue_url, ReceiptHandle=message.receipt, VisibilityTimeout=0
        )
    except StoreError as error:
        if not error.code.endswith("MessageNotInflight"):
            raise


def delete(queue_url: str, message: QueueMessage) -> None:
    """Delete a received message from its queue."""
    clients.sqs().delete_message(QueueUrl=queue_url, ReceiptHandle=message.receipt)
