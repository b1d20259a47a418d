"""WebhookQueue: notices, to the endpoints that they are for."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aws_lambda_powertools import Logger

from errata.store import webhooks as store
from errata.usecases.deliver import deliver

logger = Logger(service="webhook_dispatcher")


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Attempt each notice of a batch, side by side; names those that are to come again."""
    records = event["Records"]
    # As many at once as there are: a slow endpoint holds up no other one's notices.
    with ThreadPoolExecutor(max_workers=len(records)) as pool:
        again = list(pool.map(_comes_again, records))
    return {
        "batchItemFailures": [
            {"itemIdentifier": record["messageId"]}
            for record, comes in zip(records, again, strict=True)
            if comes
        ]
    }


def _comes_again(record: dict[str, Any]) -> bool:
    try:
        pause = deliver(store.notice(record["body"]))
        if pause is not None:
            store.postpone(record["receiptHandle"], pause)
    except Exception:
        # One message must not take the others of its batch down. It comes again when its time in
        # the queue is up, and lands in the dead-letter queue if that does not help.
        logger.exception("delivery failed", message_id=record["messageId"])
        return True
    return pause is not None
