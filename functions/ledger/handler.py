"""Count log lines about lost events in the loss ledger."""

from typing import Any

from errata.usecases import loss_ledger


def handler(event: dict[str, Any], _context: Any) -> None:
    """Count a batch of log lines. Lambda delivers a failed batch again; it still counts once."""
    loss_ledger.count(event["awslogs"]["data"])
