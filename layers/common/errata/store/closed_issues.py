"""IssuesTable: what is kept of an issue that was resolved or ignored, after it has expired.

| item | sk | attributes |
|---|---|---|
| closed issue | `closed#<issue id>` | status, at, number, release; assignee; ticket; settled |

The row expires a year after `at` or after the last event, whichever is later. If the same error
occurs before that, the issue regresses, or stays ignored. An ignored issue may have events for
years, so `digest` renews its row together with its other rows.
"""

from typing import Any

from errata.config import settings
from errata.models.issue import Closed, Issue
from errata.models.settled import FIELDS, fields_of, stored_status
from errata.models.times import CLOSED_KEPT_S
from errata.store.items import PlainItem, write_all


def closed_key(issue_id: str) -> str:
    """Return the sort key of a closed issue."""
    return f"closed#{issue_id}"


def put_action(pk: str, issue: Issue) -> Any:
    """Return the transaction action that keeps how an issue was closed."""
    item = write_all(
        {
            "pk": pk,
            "sk": closed_key(issue.id),
            "status": stored_status(issue),
            "at": issue.status_at,
            "number": issue.number,
            "release": issue.last_release or None,
            "assignee": issue.assignee or None,
            "tracker_url": issue.tracker_url or None,
            **fields_of(issue),
            "ttl": max(
                issue.expires_at, max(issue.status_at, issue.last_seen) // 1000 + CLOSED_KEPT_S
            ),
        }
    )
    return {"Put": {"TableName": settings().issues_table, "Item": item}}


def delete_action(pk: str, issue_id: str) -> Any:
    """Return the transaction action that removes the row of an issue that is open again."""
    key = write_all({"pk": pk, "sk": closed_key(issue_id)})
    return {"Delete": {"TableName": settings().issues_table, "Key": key}}


def to_closed(item: PlainItem) -> Closed:
    """Return how the issue in an item of plain values was closed."""
    settled = {name: item[name] for name in FIELDS if name in item}
    return Closed(
        item["status"],
        item["at"],
        item["number"],
        item.get("release", ""),
        item.get("assignee", ""),
        item.get("tracker_url", ""),
        settled,
    )
