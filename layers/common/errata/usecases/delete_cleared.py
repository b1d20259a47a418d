"""Delete events and issues that were cleared, and those of deleted projects and issues.

One run is enough, because `digest` deletes hidden events that are stored later. Cleared events that
expire within `LEFT_TO_EXPIRE_S` are left to DynamoDB (docs/decisions/0005-clear.md).
"""

from errata.models.ids import floor_id, minted_ms, now_ms
from errata.models.issue import CleanupTask
from errata.models.times import INDEX_LAG_MS, LEFT_TO_EXPIRE_S
from errata.models.visible import Watermark, issues_partition
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
    _delete_hidden(project_id, watermark)


def _delete_hidden(project_id: str, watermark: Watermark) -> None:
    deleted = watermark.legacy_through == LAST_LEGACY_ID  # leave nothing of a deleted project
    left_until_s = 0 if deleted else now_ms() // 1000 + LEFT_TO_EXPIRE_S
    watermarks.delete_cleared(project_id, watermark, left_until_s)


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
    _delete_hidden(project_id, watermark)
    watermarks.drop_recent(project_id, watermark.generation)


def finish_deletions(project_id: str) -> None:
    """Delete the events of a project's deleted issues.

    Can be interrupted and run again. Does all pending deletions, so one run also does the work of
    others. Reads the events of the last five minutes from the table, because an index lags; for a
    deleted issue with tallies, all since its first event, because no index has tallies.
    """
    pending = issue_deletions.list_cleanup_tasks(project_id)
    if not pending:
        return
    began_ms = now_ms()
    for each in pending:
        old = issue_deletions.ids_of_issue(project_id, each.issue_id, each.through)
        issue_deletions.delete_events(project_id, old)
    recent = floor_id(began_ms - INDEX_LAG_MS)
    tallied = [each.tallied_since for each in pending if each.tallied_since]
    _delete_since(min([recent, *tallied]), pending)
    for each in pending:
        issue_deletions.remove_cleanup_task(each)


def _delete_since(low: str, pending: list[CleanupTask]) -> None:
    through = {each.issue_id: each.through for each in pending}
    high = max(through.values())
    if low < high:
        project_id = pending[0].project_id
        stored = event_queries.stored_between(project_id, low, floor_id(minted_ms(high) + 1))
        # There may be a million, so no list of them.
        gone = (event for event, issue, _ in stored if event <= through.get(issue, ""))
        issue_deletions.delete_events(project_id, gone)
