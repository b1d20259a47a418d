"""Consume WebhookQueue: send its messages to webhooks."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import (
    AsyncBatchProcessor,
    EventType,
    async_process_partial_response,
)
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from errata.store import webhooks
from errata.usecases.deliver import deliver

# One thread for each message of a batch (BatchSize in template.yaml), so that a slow receiver does
# not delay the other messages.
MAX_BATCH = 10
_pool = ThreadPoolExecutor(MAX_BATCH)
# If all messages of a batch fail, the response names them all, and the invocation succeeds.
_processor = AsyncBatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)

logger = Logger(service="webhook_dispatcher")


class PostponedError(Exception):
    """The message is due for another attempt later, so it must stay in the queue."""


def handler(event: dict[str, Any], _context: Any) -> PartialItemFailureResponse:
    """Attempt each message of a batch in parallel. The response names those to keep in the queue.

    A message that fails unexpectedly does not affect the others: it becomes visible again when its
    visibility timeout ends, and goes to the dead-letter queue if that keeps happening.
    """
    return async_process_partial_response(event, _in_thread, _processor)


async def _in_thread(record: SQSRecord) -> None:
    await asyncio.get_running_loop().run_in_executor(_pool, _attempt, record)


def _attempt(record: SQSRecord) -> None:
    try:
        pause = deliver(webhooks.parse_message(record.body))
        if pause is not None:
            webhooks.postpone(record.receipt_handle, pause)
    except Exception:
        logger.exception("delivery failed", message_id=record.message_id)
        raise
    if pause is not None:
        raise PostponedError
