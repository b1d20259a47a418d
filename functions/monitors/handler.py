"""Consume MonitorQueue: watch cron monitors."""

from typing import Any

from errata.models.ids import now_ms
from errata.store import clients
from errata.usecases.watch_monitors import work_off

clients.dynamodb()  # made in Lambda's init phase, where CPU is plentiful


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Process the messages of a batch. The response names those to keep in the queue."""
    again = work_off(event["Records"], now_ms())
    return {"batchItemFailures": [{"itemIdentifier": each} for each in again]}
