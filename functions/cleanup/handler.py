"""The stream of EventsTable: boundaries that `clear` has moved; deletes what lies behind them."""

from typing import Any

from errata.usecases.cleanup import clean


def handler(event: dict[str, Any], _context: Any) -> None:
    """Delete what the project's clears left behind; fails, and is tried again, when cut off."""
    for record in event["Records"]:
        clean(record["dynamodb"]["Keys"]["pk"]["S"].removesuffix("#state"))
