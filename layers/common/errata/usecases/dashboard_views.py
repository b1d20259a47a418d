"""Read how many events the projects of an organization had this month, for the dashboard."""

from dataclasses import dataclass
from datetime import UTC, datetime

from errata.models.project import Project
from errata.models.visible import issues_partition
from errata.store import day_counts, projects, watermarks
from errata.store.items import BATCH_GET


@dataclass(frozen=True, slots=True)
class UsageView:
    """Projects of an organization, each with its number of events in this month so far.

    `next_after`: the id after which the next page begins, "" on the last page.
    """

    month: str
    projects: list[tuple[Project, int]]
    next_after: str


def usage_view(organization_id: str, after: str, now_ms: int) -> UsageView:
    """Return how many events the projects after the id `after` accepted this month (UTC).

    Makes four calls. Adds up the day counters. A counter per month would cost one more write for
    each event. Cleared events are not included.
    """
    today = datetime.fromtimestamp(now_ms / 1000, UTC)
    days = [f"{today:%Y-%m}-{day:02d}" for day in range(1, today.day + 1)]
    found, next_after = projects.some_projects(organization_id, after, pages=1)
    shown = found[: min(BATCH_GET, 2 * BATCH_GET // len(days))]
    if len(shown) < len(found):
        next_after = shown[-1].id
    limits = watermarks.find_watermarks(each.id for each in shown)
    pks = {
        project_id: issues_partition(project_id, watermark.generation)
        for project_id, watermark in limits.items()
    }
    counts = day_counts.count_days(pks.values(), days, now_ms // 1000)
    rows = [(each, counts.get(pks[each.id], 0)) for each in shown]
    return UsageView(f"{today:%B %Y}", rows, next_after)
