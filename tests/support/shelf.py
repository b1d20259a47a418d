"""Put issues directly into the table, as digest would leave them."""

import dataclasses
from collections.abc import Iterable
from typing import Any

from errata.config import settings
from errata.models.issue import Issue
from errata.store import clients
from errata.store.items import write_all

EXPIRES = 2_000_000_000

ISSUE = Issue(
    id="a" * 32,
    fingerprint="f",
    grouping="client",
    title="boom",
    culprit="app.py:1",
    level="error",
    exception_class="ValueError",
    first_seen=1,
    first_event="e1",
    last_seen=2,
    last_event="e2",
    last_sequence="0" * 39 + "5",
    count=2,
    expires_at=EXPIRES,
)


def issue(number: int, **changed: Any) -> Issue:
    """Return an issue that differs from others only in its id."""
    return dataclasses.replace(ISSUE, id=f"{number:032x}", **changed)


def put(pk: str, found: Iterable[Issue], **more: Any) -> None:
    """Store these issues under `pk`. `more` has additional attributes that nobody reads."""
    requests: Any = [{"PutRequest": {"Item": _item(pk, each) | write_all(more)}} for each in found]
    for start in range(0, len(requests), 25):
        clients.dynamodb().batch_write_item(
            RequestItems={settings().issues_table: requests[start : start + 25]}
        )


def _item(pk: str, issue: Issue) -> dict[str, Any]:
    values = dataclasses.asdict(issue)
    for name in ("id", "expires_at", "users", "status_at", "status_by", "deleted_through"):
        values.pop(name, None)
    return write_all({"pk": pk, "sk": f"issue#{issue.id}", "ttl": issue.expires_at, **values})
