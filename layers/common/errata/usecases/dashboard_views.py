"""Read the data of the dashboard pages, with few calls to DynamoDB for each page.

What a reader may see (`Visible`) comes from a page's first call
(errata.store.sessions.open_page).
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from errata.errors import NotFoundError
from errata.models.event import Stored
from errata.models.ids import UUID
from errata.models.issue import Activity, Issue
from errata.models.project import Project
from errata.models.visible import Visible, issues_partition
from errata.store import day_counts, event_queries, issue_status, issues, projects, watermarks
from errata.store.items import BATCH_GET
from errata.usecases import read_events

EVENTS_A_PAGE = 20
ACTIVITY_SHOWN = 20
# Sorts above every id.
_HIGHEST = "g"


@dataclass(frozen=True, slots=True)
class Place:
    """A page of an issue's events: below the id `before`, above `after`, or the newest."""

    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class IssueView:
    """An issue, its activity and a page of its events, both newest first.

    The events have only the fields of a summary.

    The page of newer events has ids above `newer`, the page of older events has ids below `older`.
    Each is None if there is no such page. `more_activity`: not all activity is included.
    """

    issue: Issue
    activity: list[Activity]
    more_activity: bool
    events: list[Stored]
    newer: str | None
    older: str | None


@dataclass(frozen=True, slots=True)
class EventView:
    """An event, its issue (None if deleted), and the ids of the next newer and older event."""

    event: Stored
    issue: Issue | None
    newer: str | None
    older: str | None


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


def issue_view(visible: Visible, issue_id: str, place: Place) -> IssueView:
    """Return an issue and a page of its events.

    Makes four calls. Events come from an index, which lags a little.

    Raises:
        NotFoundError: there is no such issue, or it has expired, was cleared or deleted.
    """
    issue = issues.find_issue(visible, issue_id)
    if issue is None:
        raise NotFoundError(
            "There is no such issue. It may have expired, or somebody has deleted it."
        )
    ids, newer, older = _page(f"{visible.project_id}#{issue_id}", visible.low, place)
    activity = issue_status.list_activity(visible, issue_id, ACTIVITY_SHOWN + 1)
    return IssueView(
        issue,
        activity[:ACTIVITY_SHOWN],
        len(activity) > ACTIVITY_SHOWN,
        read_events.summaries(visible, ids),
        newer,
        older,
    )


def _page(partition: str, low: str, place: Place) -> tuple[list[str], str | None, str | None]:
    """Return the event ids of a page, newest first, and its `newer` and `older` (see IssueView)."""
    one_more = EVENTS_A_PAGE + 1
    if UUID.fullmatch(place.after):
        found = event_queries.neighbours(
            partition, max(low, place.after), _HIGHEST, one_more, newest=False
        )
        ids = found[:EVENTS_A_PAGE][::-1]
        newer = ids[0] if len(found) > EVENTS_A_PAGE else None
        return ids, newer, ids[-1] if ids else None
    high = place.before if UUID.fullmatch(place.before) else _HIGHEST
    found = event_queries.neighbours(partition, low, high, one_more, newest=True)
    ids = found[:EVENTS_A_PAGE]
    newer = (ids[0] if ids else place.before) if high != _HIGHEST else None
    return ids, newer, ids[-1] if len(found) > EVENTS_A_PAGE else None


def event_view(visible: Visible, event: Stored | None) -> EventView:
    """Return an event, its issue and its neighbours in the issue. Makes three calls.

    Raises:
        NotFoundError: there is no such event, or it has expired, was cleared or deleted.
    """
    if event is None or not visible.shows(event):
        raise NotFoundError(
            "There is no such event. It may have expired, or somebody has deleted it."
        )
    partition = f"{event.project_id}#{event.issue_id}"
    return EventView(
        event,
        issues.find_issue(visible, event.issue_id),
        newer=_first(event_queries.neighbours(partition, event.id, _HIGHEST, 1, newest=False)),
        older=_first(event_queries.neighbours(partition, visible.low, event.id, 1, newest=True)),
    )


def _first(ids: list[str]) -> str | None:
    return ids[0] if ids else None
