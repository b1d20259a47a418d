"""Turn the log lines of a subscription filter into events."""

from typing import Any

from errata.models.ids import now_ms
from errata.store import clients
from errata.usecases.log_capture import capture

clients.dynamodb()  # made in Lambda's init phase, where CPU is plentiful


def handler(event: dict[str, Any], _context: Any) -> None:
    """Store the failures of a batch. Lambda delivers a batch again if this fails."""
    capture(event, now_ms())
