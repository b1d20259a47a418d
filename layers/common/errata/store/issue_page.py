"""Read what the page of an issue shows beside the issue itself."""

from collections.abc import Iterable

from errata.config import settings
from errata.models.event import Stored
from errata.models.visible import Visible
from errata.store.events import is_kept_in_full, release_hash, stored
from errata.store.issue_items import to_release
from errata.store.items import batch_get_tables, read_all, write_all


def event_and_releases(
    visible: Visible, event_id: str, releases: Iterable[str]
) -> tuple[Stored | None, dict[str, int]]:
    """Return an event, and when these releases were first seen in the project, by release.

    The times are in milliseconds. Leaves out releases that do not exist. The event is None if it
    does not exist or is not kept in full, or if `event_id` is "". Access pattern I28.
    """
    events_table, issues_table = settings().events_table, settings().issues_table
    keys = [{"pk": visible.partition, "sk": f"release#{release_hash(each)}"} for each in releases]
    event_key = {"pk": visible.project_id, "sk": event_id}
    found = batch_get_tables(
        {
            events_table: [write_all(event_key)] if event_id else [],
            issues_table: [write_all(key) for key in keys],
        }
    )
    event = next((stored(each) for each in found[events_table] if is_kept_in_full(each)), None)
    seen = [to_release(read_all(each)) for each in found[issues_table]]
    return event, {each.release: each.first_seen for each in seen}
