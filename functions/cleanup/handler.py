"""Stream of EventsTable: handle moved watermarks, their expired timers, and deleted issues."""

from typing import Any

from errata.usecases.delete_cleared import clean, drop_recent, finish_deletions


def handler(event: dict[str, Any], _context: Any) -> None:
    """Delete cleared events and those of deleted issues. Lambda repeats an unfinished run."""
    for record in event["Records"]:
        keys = record["dynamodb"]["Keys"]
        project_id = keys["pk"]["S"].removesuffix("#state")
        match keys["sk"]["S"]:
            case "clear":
                generation = int(record["dynamodb"]["NewImage"]["generation"]["N"])
                # Each clear has its own record. This one ended the previous generation. Generation
                # 0 was not cleared: its row has only the thresholds of alert rules.
                if generation:
                    clean(project_id, generation - 1)
            case "recent":
                drop_recent(project_id)
            case _:
                finish_deletions(project_id)
