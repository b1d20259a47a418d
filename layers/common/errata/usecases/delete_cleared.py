"""Delete events and issues that were cleared, and those of deleted projects and issues.

One run is enough, because `digest` deletes hidden events that are stored later.
"""

from errata.models.ids import floor_id, minted_ms, now_ms
from errata.models.issue import CleanupTask
from errata.models.times import INDEX_LAG_MS
from errata.models.visible import issues_partition
from errata.store import event_queries, issue_deletions, issues, numbers, watermarks
from errata.store.legacy import LAST_LEGACY_ID


def clean(project_id: str, closed: int = 0) -> None:
    """Delete a project's cleared events and its hidden generations of issues, from `closed` on.

    Can be interrupted and run again. Uses the current watermark, so one run also does the work of
    later clears.
    """
    watermark = watermarks.find_watermark(project_id)
    for generation in range(closed, watermark.generation):
        issues.delete_generation(issues_partition(project_id, generation))
    if watermark.legacy_through == LAST_LEGACY_ID:  # the project is deleted
        numbers.remove_counter(project_id)
    watermarks.delete_cleared(project_id, watermark)


def drop_recent(project_id: str) -> None:
    """Drop the ids that the watermark lists, if they are no longer needed.

    Every batch and every dashboard page reads them with the watermark. Can be interrupted and run
    again. If another clear has listed ids since, it has its own timer.
    """
    watermark = watermarks.find_watermark(project_id)
    if not watermark.also or now_ms() <= watermark.also_until_ms:
        return
    # Without the ids, nothing hides these events. One may be left: cleanup may have failed, or
    # digest may have dead-lettered one that was stored late.
    watermarks.delete_cleared(project_id, watermark)
    watermarks.drop_recent(project_id, watermark.generation)


def finish_deletions(project_id: str) -> None:
    """Delete the events of a project's deleted issues.

    Can be interrupted and run again. Does all pending deletions, so one run also does the work of
    others. Reads the events of the last five minutes from the table, because an index lags.
    """
    pending = issue_deletions.list_cleanup_tasks(project_id)
    if not pending:
        return
    began_ms = now_ms()
    for each in pending:
        old = issue_deletions.ids_of_issue(project_id, each.issue_id, each.through)
        issue_deletions.delete_events(project_id, old)
    _delete_since(began_ms - INDEX_LAG_MS, pending)
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
