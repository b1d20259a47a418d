"""Log lines that tell of lost events, into the loss ledger."""

from typing import Any

from errata.usecases import loss_ledger


def handler(event: dict[str, Any], _context: Any) -> None:
    """Count a batch; one that fails comes again, and is counted once."""
    loss_ledger.count(event["awslogs"]["data"])
