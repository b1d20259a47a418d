"""Digest continues to count if EventsTable gets another stream: it was replaced, or recovered."""

from typing import Any

import pytest

from errata.config import settings
from errata.models.ids import now_ms
from errata.models.visible import issues_partition
from errata.store import clients
from errata.usecases import issues as usecase
from tests.support import stream, tally
from tests.support.visible import all_issues, visible_in

OLD, NEW = "2026-11-01T00:00:00.000", "2026-11-29T05:00:00.000"


def some(project_id: str, first: int, number: int) -> list[dict[str, Any]]:
    """Return events of one issue, a second apart."""
    start_ms = now_ms() - 60_000
    return [
        stream.event(project_id, start_ms + 1000 * n, fingerprint="f")
        for n in range(first, first + number)
    ]


def records(items: list[dict[str, Any]], first: int, label: str) -> list[dict[str, Any]]:
    return [stream.record(item, first + n, label) for n, item in enumerate(items)]


def test_events_of_a_new_stream_with_lower_numbers_are_counted() -> None:
    items = some("1", 0, 6)
    before, after = records(items[:3], 900, OLD), records(items[3:], 1, NEW)
    stream.pump(before)
    stream.pump(after)
    tally.assert_exact(items)


@pytest.mark.parametrize("numbers", [1, 900, 901, 5000])
def test_records_of_two_streams_that_are_delivered_again_count_once(numbers: int) -> None:
    items = some("1", 0, 6)
    before, after = records(items[:3], 900, OLD), records(items[3:], numbers, NEW)
    for batch in (before, before, after, before, after[:2], before, after):
        stream.pump(batch)
    tally.assert_exact(items)


def test_a_row_without_a_label_belongs_to_the_same_stream() -> None:
    items = some("1", 0, 6)
    batch = records(items, 900, OLD)
    stream.pump(batch[:3])
    remove_labels("1")
    stream.pump(batch[:4])
    remove_labels("1")
    stream.pump(batch)
    tally.assert_exact(items)


def remove_labels(project_id: str) -> None:
    """Remove the labels, as an earlier release would when it writes an issue."""
    for issue in all_issues(visible_in(project_id)):
        clients.dynamodb().update_item(
            TableName=settings().issues_table,
            Key={
                "pk": {"S": issues_partition(project_id, 0)},
                "sk": {"S": f"issue#{issue.id}"},
            },
            UpdateExpression="REMOVE #stream",
            ExpressionAttributeNames={"#stream": "stream"},
        )


def test_a_deleted_issue_is_opened_by_an_event_of_a_new_stream() -> None:
    items = some("1", 0, 3)
    stream.pump(records(items, 900, OLD))
    (issue,) = all_issues(visible_in("1"))
    usecase.delete(visible_in("1"), issue.id, "operator")
    later = stream.event("1", now_ms() + 1, fingerprint="f")
    stream.pump(records([later], 1, NEW))
    (found,) = all_issues(visible_in("1"))
    assert (found.count, found.first_event) == (1, later["sk"]["S"])
