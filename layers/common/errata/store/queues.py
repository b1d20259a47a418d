"""Messages to SQS queues."""

import json
from typing import Any

from errata.store import clients


def send(queue_url: str, message: dict[str, Any]) -> None:
    """Put a message, as JSON, into a queue."""
    clients.sqs().send_message(QueueUrl=queue_url, MessageBody=json.dumps(message))
