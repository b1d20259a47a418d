"""How the command prints the activity of an issue."""

from collections.abc import Iterable, Iterator
from typing import Any

from errata.cli.output import to_line, utc


def activity_lines(activity: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield the activity of an issue: a line for each entry, then the lines of its comment."""
    for each in activity:
        comment = each.get("comment") or {}
        text, edited, deleted_by = (
            comment.get(name) for name in ("text", "edited_at", "deleted_by")
        )
        yield to_line(
            utc(each["at"]),
            each["what"],
            each["detail"],
            each["by"] and f"by {each['by']}",
            each["event"] and f"by event {each['event']}",
            each["release"] and f"in release {each['release']}",
            edited and f"edited {utc(edited)}",
            deleted_by and f"deleted by {deleted_by}",
            text and f"id {comment['id']}",
        )
        yield from (f"    {part}" for part in (text or "").splitlines())
