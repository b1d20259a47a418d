"""Fetch source maps from the URLs that events name, for rows in the stream of ArtifactsTable."""

from typing import Any

from errata.models.ids import now_ms
from errata.usecases.fetch_maps import fetch_map


def handler(event: dict[str, Any], _context: Any) -> None:
    """Handle the changes of a batch. Lambda repeats a run that fails."""
    for record in event["Records"]:
        keys = record["dynamodb"]["Keys"]
        fetch_map(keys["pk"]["S"], keys["sk"]["S"], now_ms())
