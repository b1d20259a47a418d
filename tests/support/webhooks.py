"""Messages to webhooks: those that wait, and the attempts to deliver them."""

from typing import Any

from errata.config import settings
from errata.models.webhook import Attempt, Message
from errata.outbound import signing
from errata.store import clients
from errata.store import webhooks as store
from errata.usecases import webhooks
from tests.support.account import Project
from tests.support.receiver import Received


def queued() -> list[dict[str, Any]]:
    """The messages that wait in WebhookQueue, as Lambda hands them over."""
    url = settings().webhook_queue_url
    records = []
    while (
        received := clients.sqs()
        .receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=1)
        .get("Messages")
    ):
        for message in received:
            records.append(
                {
                    "messageId": message["MessageId"],
                    "receiptHandle": message["ReceiptHandle"],
                    "body": message["Body"],
                }
            )
            clients.sqs().delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return records


def messages() -> list[Message]:
    return [store.parse_message(record["body"]) for record in queued()]


def attempts(project: Project) -> list[Attempt]:
    """Oldest first."""
    return list(webhooks.list_attempts(project.id))[::-1]


def one_message(project: Project, url: str) -> tuple[Message, str, str]:
    """A test message for a new webhook: the message, the webhook's id and its secret."""
    webhook, secret = webhooks.add(project.id, url)
    webhooks.test(project.id, webhook.id)
    (message,) = messages()
    return message, webhook.id, secret


def verifies(secret: str, request: Received) -> bool:
    sent = request.headers
    at_s = int(sent["webhook-timestamp"])
    ours = signing.headers(sent["webhook-id"], at_s, request.body, [secret])["webhook-signature"]
    return ours in sent["webhook-signature"].split(" ")
