"""What the dashboard's pages show, each in as few calls as it takes.

They are given what the page's first call has found (errata.store.sessions.open_page): the project's
watermark, and with it `pk`, where its issues lie.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from errata.errors import NotFoundError
from errata.models.ids import DAY_MS, UUID, floor_id
from errata.models.issue import Activity, Issue
from errata.models.member import User
from errata.models.organization import DEFAULT_ORGANIZATION, Organization
from errata.models.project import Project
from errata.store import day_counts, event_queries, issue_status, issues, watermarks
from errata.store import organizations as organizations_store
from errata.store import projects as projects_store
from errata.store.events import Stored
from errata.store.items import BATCH_GET
from errata.store.watermarks import Watermark
from errata.usecases import organizations

PROJECTS_A_PAGE = 100
ORGANIZATIONS_A_PAGE = 50
PAGES_OF_PROJECTS = 2
EVENTS_A_PAGE = 20
ACTIVITY_SHOWN = 20
# Above every id that is ever minted.
_HIGHEST = "g"


@dataclass(frozen=True, slots=True)
class Place:
    """Which page of an issue's events: below the id `before`, above `after`, or the newest."""

    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class IssueView:
    """An issue with its latest activity first, and a page of its events, newest first.

    `newer` and `older` are the ids above and below which the neighbouring pages lie, None where
    there is none. `more_activity`: there was more than is shown.
    """

    issue: Issue
    activity: list[Activity]
    more_activity: bool
    events: list[Stored]
    newer: str | None
    older: str | None


@dataclass(frozen=True, slots=True)
class EventView:
    """An event with its issue, None where that is gone, and its neighbours in it, by id."""

    event: Stored
    issue: Issue | None
    newer: str | None
    older: str | None


@dataclass(frozen=True, slots=True)
class HomeView:
    """Somebody's organizations, each with the projects of a page that are theirs to see.

    `next_after`: where the next page begins, "" on the last one.
    """

    organizations: list[tuple[Organization, list[Project]]]
    next_after: str


def home_view(user: User, after: str) -> HomeView:
    """The projects behind the id `after` that somebody sees, oldest first.

    Three calls. On the first page are organizations without a project on it, too.
    """
    found, next_after = projects_store.some_projects(after, PAGES_OF_PROJECTS)
    of: dict[str, list[Project]] = {}
    shown, last = 0, after
    for project in filter(user.sees, found):
        new = project.organization not in of
        if shown == PROJECTS_A_PAGE or (new and len(of) == ORGANIZATIONS_A_PAGE):
            next_after = last
            break
        of.setdefault(project.organization, []).append(project)
        shown, last = shown + 1, project.id
    if not after:
        others = [name for name in user.memberships if name not in of]
        of |= {name: [] for name in others[: ORGANIZATIONS_A_PAGE - len(of)]}
    listed = {each.id: each for each in organizations_store.find_organizations(of)}
    if DEFAULT_ORGANIZATION in of:
        listed.setdefault(DEFAULT_ORGANIZATION, organizations.DEFAULT)
    return HomeView(
        [(listed[name], of[name]) for name in sorted(of, key=_age) if name in listed], next_after
    )


def _age(organization_id: str) -> int:
    """The default organization first, then the oldest."""
    return 0 if organization_id == DEFAULT_ORGANIZATION else int(organization_id)


@dataclass(frozen=True, slots=True)
class UsageView:
    """Projects of an organization, each with its events of the month until now.

    `next_after`: where the next page begins, "" on the last one.
    """

    month: str
    projects: list[tuple[Project, int]]
    next_after: str


def usage_view(organization_id: str, after: str, now_ms: int) -> UsageView:
    """What the projects behind the id `after` have had accepted this month, UTC.

    Four calls. Days are counted for every project, so that no event pays for a counter more; what
    was cleared is counted no more.
    """
    today = datetime.fromtimestamp(now_ms / 1000, UTC)
    days = [f"{today:%Y-%m}-{day:02d}" for day in range(1, today.day + 1)]
    found, next_after = projects_store.some_projects(after, pages=1)
    mine = [each for each in found if each.organization == organization_id]
    shown = mine[: min(BATCH_GET, 2 * BATCH_GET // len(days))]
    if len(shown) < len(mine):
        next_after = shown[-1].id
    limits = watermarks.find_watermarks(each.id for each in shown)
    pks = {
        project_id: issues.partition(project_id, watermark.generation)
        for project_id, watermark in limits.items()
    }
    counts = day_counts.count_days(pks.values(), days, now_ms // 1000)
    rows = [(each, counts.get(pks[each.id], 0)) for each in shown]
    return UsageView(f"{today:%B %Y}", rows, next_after)


def issue_view(
    project_id: str,
    watermark: Watermark,
    issue_id: str,
    place: Place,
    retention_days: int,
    now_ms: int,
) -> IssueView:
    """An issue and a page of its events.

    Four calls. Events come from an index, which lags by moments.

    Raises:
        NotFoundError: there is no such issue, or it has expired, was cleared or deleted.
    """
    pk, now_s = issues.partition(project_id, watermark.generation), now_ms // 1000
    oldest_ms = now_ms - retention_days * DAY_MS
    issue = issues.find_issue(pk, issue_id, now_s, oldest_ms)
    if issue is None:
        raise NotFoundError(
            "There is no such issue. It may have expired, or somebody has deleted it."
        )
    low = floor_id(oldest_ms)
    ids, newer, older = _page(f"{project_id}#{issue_id}", low, place)
    activity = issue_status.list_activity(pk, issue_id, now_s, ACTIVITY_SHOWN + 1)
    return IssueView(
        issue,
        activity[:ACTIVITY_SHOWN],
        len(activity) > ACTIVITY_SHOWN,
        [each for each in event_queries.by_ids(project_id, ids) if watermark.shows(each, now_s)],
        newer,
        older,
    )


def _page(partition: str, low: str, place: Place) -> tuple[list[str], str | None, str | None]:
    """The ids of a page, newest first, and those beyond which its neighbours lie."""
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


def event_view(
    watermark: Watermark, event: Stored | None, retention_days: int, now_ms: int
) -> EventView:
    """An event among the others of its issue. Three calls.

    Raises:
        NotFoundError: there is no such event, or it has expired, was cleared or deleted.
    """
    oldest = floor_id(now_ms - retention_days * DAY_MS)
    if event is None or event.id < oldest or not watermark.shows(event, now_ms // 1000):
        raise NotFoundError(
            "There is no such event. It may have expired, or somebody has deleted it."
        )
    pk = issues.partition(event.project_id, watermark.generation)
    partition = f"{event.project_id}#{event.issue_id}"
    oldest = max(oldest, watermark.through)
    return EventView(
        event,
        issues.find_issue(pk, event.issue_id, now_ms // 1000),
        newer=_first(event_queries.neighbours(partition, event.id, _HIGHEST, 1, newest=False)),
        older=_first(event_queries.neighbours(partition, oldest, event.id, 1, newest=True)),
    )


def _first(ids: list[str]) -> str | None:
    return ids[0] if ids else None
