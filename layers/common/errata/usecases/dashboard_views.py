"""Read the data of the dashboard pages, with few calls to DynamoDB for each page."""

from dataclasses import dataclass
from datetime import UTC, datetime

from errata.models.member import User
from errata.models.organization import DEFAULT_ORGANIZATION, Organization
from errata.models.project import Project
from errata.models.visible import issues_partition
from errata.store import day_counts, projects, watermarks
from errata.store.items import BATCH_GET
from errata.store.organizations import find_organizations
from errata.usecases import organizations

PROJECTS_A_PAGE = 100
# Each organization takes a query, and a dashboard page makes at most five calls.
ORGANIZATIONS_A_PAGE = 3


@dataclass(frozen=True, slots=True)
class HomeView:
    """A page of the projects that a user may see, grouped by organization.

    `next_after`: where the next page begins, "" on the last page (see `home_view`).
    """

    organizations: list[tuple[Organization, list[Project]]]
    next_after: str


def home_view(user: User, after: str) -> HomeView:
    """Return the projects that a user may see: three organizations a page, oldest first.

    `after` says where the page begins: an organization and a project, `3.12`. The page begins after
    the project, or with the organization's first project if there is none: `3.`. "" is the first
    page. Makes one call for each organization, and another one.
    """
    first, _, after = after.partition(".")
    begin = _age(first) if first else 0
    names = [each for each in sorted(user.memberships, key=_age) if _age(each) >= begin]
    of: dict[str, list[Project]] = {}
    left, next_after = PROJECTS_A_PAGE, ""
    for name in names:
        if len(of) == ORGANIZATIONS_A_PAGE or not left:
            next_after = f"{name}."
            break
        found, stopped = projects.some_projects(name, after if name == first else "", pages=1)
        seen = [each for each in found if user.sees(each)]
        of[name] = seen[:left]
        if len(seen) > left:
            stopped = seen[left - 1].id
        if stopped:
            next_after = f"{name}.{stopped}"
            break
        left -= len(seen)
    listed = {each.id: each for each in find_organizations(of)}
    if DEFAULT_ORGANIZATION in of:
        listed.setdefault(DEFAULT_ORGANIZATION, organizations.DEFAULT)
    return HomeView([(listed[name], of[name]) for name in of if name in listed], next_after)


def _age(organization_id: str) -> int:
    """Return a sort key for organizations: the default one first, then by age, oldest first."""
    return 0 if organization_id == DEFAULT_ORGANIZATION else int(organization_id)


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
