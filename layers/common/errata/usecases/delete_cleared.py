"""Delete what a clear, or the deletion of a project or an issue, has hidden."""

import time

from errata.models.ids import floor_id, minted_ms, now_ms
from errata.models.times import CLEAR_MARGIN_MS, INDEX_LAG_MS, MAX_CLEANUP_WAIT_S
from errata.store import event_queries, issue_deletions, issues, watermarks
from errata.store.issue_deletions import CleanupTask
from errata.store.watermarks import Watermark


def clean(project_id: str, closed: int = 0) -> None:
    """Delete a project's cleared events, and its issues from the generation `closed` on.

    Can be interrupted and run again. Uses the current watermark, so one run also does the work of
    later clears.
    """
    watermark = watermarks.find_watermark(project_id)
    _delete(project_id, watermark, closed)
    # The watermark of a deleted project is in the future, because its keys are cached a little
    # longer.
    ahead_ms = minted_ms(watermark.through) - now_ms()
    if ahead_ms > 0:
        time.sleep(ahead_ms / 1000)
        _delete(project_id, watermark, closed)


def _delete(project_id: str, watermark: Watermark, closed: int) -> None:
    for generation in range(closed, watermark.generation):
        issues.delete_generation(issues.partition(project_id, generation))
    watermarks.delete_cleared(project_id, watermark)


def finish_deletions(project_id: str) -> None:
    """Delete the events of a project's deleted issues.

    Can be interrupted and run again. Does all pending deletions, so one run also does the work of
    others. Reads the events of the last five minutes from the table, because an index lags. An
    event whose id was minted before the deletion may be stored shortly after it. So the last read
    waits until no such event can arrive any more.
    """
    pending = issue_deletions.list_cleanup_tasks(project_id)
    if not pending:
        return
    began_ms = now_ms()
    for each in pending:
        old = issue_deletions.ids_of_issue(project_id, each.issue_id, each.through)
        issue_deletions.delete_events(project_id, old)
    _delete_since(began_ms - INDEX_LAG_MS, pending)
    newest_ms = max(minted_ms(each.through) for each in pending)
    time.sleep(min(max(newest_ms + CLEAR_MARGIN_MS - now_ms(), 0) / 1000, MAX_CLEANUP_WAIT_S))
    _delete_since(began_ms - CLEAR_MARGIN_MS, pending)
    for each in pending:
        issue_deletions.remove_cleanup_task(each)


def _delete_since(since_ms: int, pending: list[CleanupTask]) -> None:
    through = {each.issue_id: each.through for each in pending}
    low, high = floor_id(since_ms), max(through.values())
    if low < high:
        project_id = pending[0].project_id
        stored = event_queries.stored_between(project_id, low, floor_id(minted_ms(high) + 1))
        gone = [event for event, issue, _ in stored if event <= through.get(issue, "")]
        issue_deletions.delete_events(project_id, gone)
