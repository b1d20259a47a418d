"""Read the projects that a user may see, and which of them need attention first."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from errata.models.buckets import DAY_MS, HOUR_MS, MINUTE_MS, RISING_EVENTS, RISING_FACTOR
from errata.models.ids import day_name
from errata.models.issue import Day, Issue
from errata.models.loss import HARMLESS
from errata.models.member import User
from errata.models.organization import DEFAULT_ORGANIZATION, Organization
from errata.models.project import Project
from errata.store import day_counts, issues, loss_counts, projects, watermarks
from errata.store.organizations import find_organizations
from errata.usecases import organizations
from errata.usecases.projects import operator_access
from errata.usecases.visible import make_visible

# Each project takes a query. A page stays small, even if all names are long.
PROJECTS_A_PAGE = 50
ORGANIZATIONS_A_PAGE = 3
DAYS = 14
_HOURS_OF_DAY = 24


@dataclass(frozen=True, slots=True)
class ProjectState:
    """How many events a project had, and what is wrong with it now.

    Attributes:
        days: numbers of events of the last fourteen days (UTC), today last.
        last_day: the number of events of this hour and the 23 hours before.
        recent: the number of events since the start of the hour before this one.
        recent_minutes: how many minutes that is.
        usual: how many events the 24 hours before had in the same time, on average.
        last_hour_ms: the start of the last hour with events, None if there is none in the days.
        lost: the losses of today and yesterday (UTC) by reason, the most frequent first. Leaves out
            `HARMLESS` ones.
        last_issue: the issue of the event that was counted last. None if nobody knows it, or if it
            is not visible.
    """

    project: Project
    days: list[int]
    last_day: int
    recent: int
    recent_minutes: int
    usual: float
    last_hour_ms: int | None
    lost: dict[str, int] = field(default_factory=dict)
    last_issue: Issue | None = None

    @property
    def rising(self) -> bool:
        """Return whether there are many events now, compared with the day before."""
        return self.recent >= RISING_EVENTS and self.recent >= RISING_FACTOR * self.usual

    @property
    def factor(self) -> int:
        """Return how many times the usual number `recent` is, 0 if there were no events before."""
        return round(self.recent / self.usual) if self.usual else 0

    @property
    def needs_attention(self) -> bool:
        """Return whether somebody should look at the project now."""
        return self.rising or bool(self.lost)


@dataclass(frozen=True, slots=True)
class ProjectList:
    """A page of the projects that a user may see, grouped by organization.

    `next_after`: where the next page begins, "" on the last page (see `find`).
    """

    organizations: list[tuple[Organization, list[ProjectState]]]
    next_after: str

    @property
    def states(self) -> list[ProjectState]:
        """Return all projects of the page, those that need attention first."""
        return sorted((each for _, some in self.organizations for each in some), key=_urgency)


def find(user: User, after: str, now_ms: int) -> ProjectList:
    """Return the projects that a user may see: up to 50 of three organizations.

    The pages are in the order of age. On a page, projects that need attention come first.

    `after` says where the page begins: an organization and a project, `3.12`. The page begins after
    the project, or with the organization's first project if there is none: `3.`. "" is the first
    page. Makes one call for each organization and each project, and four others.
    """
    of, next_after = _page(user, after)
    found = organizations_of(of)
    states = _states([project for some in of.values() for project in some], now_ms)
    return ProjectList(
        [
            (found[name], sorted((states[each.id] for each in of[name]), key=_urgency))
            for name in of
            if name in found
        ],
        next_after,
    )


def menu(user: User) -> list[tuple[Organization, list[Project]]]:
    """Return the first projects that a user may see, by name.

    Up to 50 of three organizations. Makes one call for each organization, and another one.
    """
    of, _ = _page(user, "")
    found = organizations_of(of)
    return [
        (found[name], sorted(some, key=lambda each: each.name.casefold()))
        for name, some in of.items()
        if name in found
    ]


def organizations_of(names: Iterable[str]) -> dict[str, Organization]:
    """Return organizations by their ids. The default one is always there."""
    names = list(names)
    found = {each.id: each for each in find_organizations(names)}
    if DEFAULT_ORGANIZATION in names:
        found.setdefault(DEFAULT_ORGANIZATION, organizations.DEFAULT)
    return found


def _page(user: User, after: str) -> tuple[dict[str, list[Project]], str]:
    first, _, after = after.partition(".")
    begin = age(first) if first else 0
    names = [each for each in sorted(user.memberships, key=age) if age(each) >= begin]
    of: dict[str, list[Project]] = {}
    left = PROJECTS_A_PAGE
    for name in names:
        if len(of) == ORGANIZATIONS_A_PAGE or not left:
            return of, f"{name}."
        found, stopped = projects.some_projects(name, after if name == first else "", pages=1)
        seen = [each for each in found if user.sees(each)]
        of[name] = seen[:left]
        if len(seen) > left:
            stopped = seen[left - 1].id
        if stopped:
            return of, f"{name}.{stopped}"
        left -= len(seen)
    return of, ""


def age(organization_id: str) -> int:
    """Return a sort key for organizations: the default one first, then by age, oldest first."""
    return 0 if organization_id == DEFAULT_ORGANIZATION else int(organization_id)


def _urgency(state: ProjectState) -> tuple[bool, bool, int, int, int]:
    return (
        not state.rising,
        not state.lost,
        -state.last_day,
        -sum(state.days),
        int(state.project.id),
    )


def _states(shown: list[Project], now_ms: int) -> dict[str, ProjectState]:
    if not shown:
        return {}
    today = now_ms // DAY_MS
    limits = watermarks.find_watermarks(each.id for each in shown)
    seen = {each.id: make_visible(operator_access(each), limits[each.id], now_ms) for each in shown}
    partitions = [each.partition for each in seen.values()]
    days = day_counts.recent_days(partitions, today - DAYS + 1, now_ms // 1000)
    found = issues.find_across(
        (visible, of_project[max(of_project)].last_issue)
        for visible in seen.values()
        if (of_project := days[visible.partition])
    )
    last = {project_id: issue for (project_id, _), issue in found.items()}
    lost = loss_counts.of_days(seen, [day_name(day) for day in (today - 1, today)])
    return {
        each.id: _state(
            each, days[seen[each.id].partition], last.get(each.id), lost[each.id].values(), now_ms
        )
        for each in shown
    }


def _state(
    project: Project,
    days: dict[int, Day],
    last_issue: Issue | None,
    lost: Iterable[dict[str, int]],
    now_ms: int,
) -> ProjectState:
    today, hour = now_ms // DAY_MS, now_ms // HOUR_MS
    hours = {
        day * _HOURS_OF_DAY + each: count
        for day, of_day in days.items()
        for each, count in of_day.hours.items()
    }

    def between(first: int, last: int) -> int:
        return sum(count for each, count in hours.items() if first <= each <= last)

    minutes = (now_ms - (hour - 1) * HOUR_MS) // MINUTE_MS
    return ProjectState(
        project,
        days=[days[day].count if day in days else 0 for day in range(today - DAYS + 1, today + 1)],
        last_day=between(hour - _HOURS_OF_DAY + 1, hour),
        recent=between(hour - 1, hour),
        recent_minutes=minutes,
        usual=between(hour - 1 - _HOURS_OF_DAY, hour - 2) / _HOURS_OF_DAY * minutes / 60,
        last_hour_ms=max(hours) * HOUR_MS if hours else None,
        lost=_harmful(lost),
        last_issue=last_issue,
    )


def _harmful(lost: Iterable[dict[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for of_day in lost:
        for reason, number in of_day.items():
            if reason not in HARMLESS:
                total[reason] = total.get(reason, 0) + number
    return dict(sorted(total.items(), key=lambda each: -each[1]))
