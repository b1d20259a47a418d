"""Issues as the web API returns them.

Source: Sentry's API documentation, "Retrieve an Issue" and "List a Project's Issues".
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from errata.models import settled
from errata.models.assignee import Assigned, email_of, team_of
from errata.models.buckets import DAY_MS, HOUR_MS
from errata.models.issue import IGNORED, REGRESSED, RESOLVED, Issue, trend
from errata.models.project import Project
from errata.models.sketch import estimate
from errata.models.slug import short_id
from errata.protocol import tracker
from errata.store.members import user_hash
from functions.web_api.fields import IF_ANY, Time, time
from functions.web_api.schemas import Schema

# The id of an issue is its project's id and its number, in one decimal number.
_NUMBER_BITS = 32
_HOURS, _DAYS = 24, 30

StatusName = Literal["unresolved", "resolved", "ignored"]
# A time in seconds, and the number of events in the hour or day that begins then.
Stat = tuple[int, int]


def issue_id_of(project_id: str, number: int) -> str:
    """Return the id of an issue in the API: its project's id times 2³² + its number."""
    return str((int(project_id) << _NUMBER_BITS) + number)


def is_issue_id(text: str) -> bool:
    """Return whether a text may be an issue's id in the API: a number with more than 32 bits."""
    return text.isascii() and text.isdecimal() and len(text) <= 28 and int(text) >> _NUMBER_BITS > 0


def split_issue_id(text: str) -> tuple[str, int]:
    """Return the project's id and the issue's number in an id of the API."""
    number = int(text)
    return str(number >> _NUMBER_BITS), number & ((1 << _NUMBER_BITS) - 1)


class ProjectOfIssue(Schema):
    """The project of an issue or event."""

    id: str
    name: str
    slug: str
    platform: str | None = None


class AssignedTo(Schema):
    """Who works on an issue: a member or a team."""

    type: Literal["user", "team"]
    id: str
    name: str
    email: Annotated[str | None, IF_ANY] = None


class StatusDetails(Schema):
    """How an issue is settled: in which release it is resolved, or until what it is ignored."""

    in_release: Annotated[str | None, IF_ANY] = None
    in_next_release: Annotated[bool | None, IF_ANY] = None
    after_release: Annotated[str | None, IF_ANY] = None
    ignore_until: Annotated[Time | None, IF_ANY] = None
    ignore_count: Annotated[int | None, IF_ANY] = None
    ignore_user_count: Annotated[int | None, IF_ANY] = None
    ignore_until_escalating: Annotated[bool | None, IF_ANY] = None


class IssueMetadata(Schema):
    """What the error is, in parts."""

    title: str
    type: Annotated[str | None, IF_ANY] = None
    value: Annotated[str | None, IF_ANY] = None


class ReleaseName(Schema):
    """A release of which only the name is shown."""

    version: str


class Annotation(Schema):
    """The ticket of an issue in an issue tracker."""

    display_name: str
    url: str


class IssueSchema(Schema):
    """An issue in a list."""

    id: str
    share_id: None = None
    short_id: str
    title: str
    culprit: str
    permalink: str
    logger: str | None
    level: str
    status: StatusName
    status_details: StatusDetails
    substatus: str | None
    is_public: Literal[False] = False
    platform: str | None = None
    project: ProjectOfIssue
    type: Literal["error"] = "error"
    metadata: IssueMetadata
    num_comments: int
    assigned_to: AssignedTo | None
    is_bookmarked: Literal[False] = False
    is_subscribed: Literal[False] = False
    subscription_details: None = None
    has_seen: Literal[True] = True
    annotations: list[Annotation]
    issue_type: Literal["error"] = "error"
    issue_category: Literal["error"] = "error"
    count: str
    user_count: int
    first_seen: Time
    last_seen: Time
    stats: dict[str, list[Stat]]


class Grouping(Schema):
    """Why the events of an issue are one issue. Errata's own."""

    fingerprint: str
    reason: str


class IssueDetails(IssueSchema):
    """An issue by itself. `merged` has the ids of the issues that are merged into it."""

    first_release: ReleaseName | None
    last_release: ReleaseName | None
    environments: dict[str, int]
    releases: dict[str, int]
    grouping: Grouping
    merged: list[str]
    user_report_count: Literal[0] = 0
    plugin_actions: list[str] = []
    plugin_issues: list[str] = []
    participants: list[AssignedTo] = []
    seen_by: list[AssignedTo] = []


class ShortId(Schema):
    """The issue that a short id stands for."""

    organization_slug: str
    project_slug: str
    group_id: str
    group: IssueDetails
    short_id: str


def project_of(project: Project) -> ProjectOfIssue:
    """Return the project of an issue or event."""
    return ProjectOfIssue(id=project.id, name=project.name, slug=project.slug or project.id)


@dataclass(frozen=True, slots=True)
class IssueContext:
    """What a schema needs besides an issue: project, dashboard's URL, and the time of the read."""

    project: Project
    dashboard_url: str
    now_ms: int


def issue_schema(
    about: IssueContext, issue: Issue, assigned: Assigned | None, period: str = "24h"
) -> IssueSchema:
    """Return an issue as lists have it.

    `period` is the time for which events are counted: `24h`, `14d`, or "" for none.
    """
    return IssueSchema(**_parts(about, issue, assigned), stats=_stats(issue, about.now_ms, period))


def issue_details(
    about: IssueContext,
    issue: Issue,
    assigned: Assigned | None,
    merged: Iterable[Issue],
    reason: str,
) -> IssueDetails:
    """Return an issue by itself. `reason` says why its events are one issue."""
    stats = _stats(issue, about.now_ms, "24h") | _stats(issue, about.now_ms, "30d")
    return IssueDetails(
        **_parts(about, issue, assigned),
        stats=stats,
        first_release=_release(issue.first_release),
        last_release=_release(issue.last_release),
        environments=issue.environments,
        releases=issue.releases,
        grouping=Grouping(fingerprint=issue.fingerprint, reason=reason),
        merged=[api_id(about.project, each) for each in merged],
    )


def api_id(project: Project, issue: Issue) -> str:
    """Return the id of an issue in the API. For an issue without a number, this is its own id."""
    return issue_id_of(project.id, issue.number) if issue.number else issue.id


def assigned_to(assigned: Assigned | None) -> AssignedTo | None:
    """Return who works on an issue."""
    if assigned is None:
        return None
    if email := email_of(assigned.assignee):
        return AssignedTo(type="user", id=user_hash(email), name=assigned.name, email=email)
    return AssignedTo(type="team", id=team_of(assigned.assignee), name=assigned.name)


def status_of(issue: Issue) -> StatusName:
    """Return the status of an issue in Sentry's words."""
    if issue.status in (RESOLVED, IGNORED):
        return "resolved" if issue.status == RESOLVED else "ignored"
    return "unresolved"


def _parts(about: IssueContext, issue: Issue, assigned: Assigned | None) -> dict[str, Any]:
    project = about.project
    below = f"{about.dashboard_url}/projects/{project.id}/issues"
    return {
        "id": api_id(project, issue),
        "short_id": short_id(project.slug, issue.number) or api_id(project, issue),
        "title": issue.title,
        "culprit": issue.culprit,
        "permalink": f"{below}/{issue.id}",
        "logger": issue.logger or None,
        "level": issue.level,
        "status": status_of(issue),
        "status_details": _details(issue),
        "substatus": _substatus(issue, about.now_ms),
        "project": project_of(project),
        "metadata": _metadata(issue),
        "num_comments": issue.notes,
        "assigned_to": assigned_to(assigned),
        "annotations": _annotations(issue),
        "count": str(issue.count),
        "user_count": estimate(issue.users),
        "first_seen": time(issue.first_seen),
        "last_seen": time(issue.last_seen),
    }


def _details(issue: Issue) -> StatusDetails:
    number = issue.ignored_number
    match issue.ignored_until if issue.status == IGNORED else "":
        case settled.TIME:
            return StatusDetails(ignore_until=time(number))
        case settled.EVENTS:
            left = issue.ignored_base + number - issue.count
            return StatusDetails(ignore_count=max(0, left))
        case settled.USERS:
            left = issue.ignored_base + number - estimate(issue.users)
            return StatusDetails(ignore_user_count=max(0, left))
        case settled.RISING:
            return StatusDetails(ignore_until_escalating=True)
    if issue.status != RESOLVED or not issue.resolved_in:
        return StatusDetails()
    if issue.resolved_after:
        return StatusDetails(in_next_release=True, after_release=issue.resolved_in)
    return StatusDetails(in_release=issue.resolved_in)


def _substatus(issue: Issue, now_ms: int) -> str | None:
    if issue.status == RESOLVED:
        return None
    if issue.status == IGNORED:
        kinds = {"": "archived_forever", settled.RISING: "archived_until_escalating"}
        return kinds.get(issue.ignored_until, "archived_until_condition_met")
    if issue.status == REGRESSED:
        return "regressed"
    found = trend(issue, now_ms)
    return "escalating" if "rising" in found else "new" if "new" in found else "ongoing"


def _metadata(issue: Issue) -> IssueMetadata:
    kind = issue.exception_class
    rest = issue.title.removeprefix(f"{kind}: ") if kind else ""
    value = rest if rest != issue.title else ""
    return IssueMetadata(title=issue.title, type=kind or None, value=value or None)


def _annotations(issue: Issue) -> list[Annotation]:
    url = issue.tracker_url
    return [Annotation(display_name=tracker.shown(url), url=url)] if tracker.is_url(url) else []


def _release(name: str) -> ReleaseName | None:
    return ReleaseName(version=name) if name else None


def _stats(issue: Issue, now_ms: int, period: str) -> dict[str, list[Stat]]:
    """Return numbers of events: of the last 24 hours, or of some days, oldest first."""
    if period == "24h":
        return {period: _series(issue.buckets.hours, now_ms // HOUR_MS, _HOURS, HOUR_MS)}
    if period.endswith("d"):
        days = int(period[:-1])
        return {period: _series(issue.buckets.days, now_ms // DAY_MS, days, DAY_MS)}
    return {}


def _series(counts: dict[int, int], newest: int, length: int, unit_ms: int) -> list[Stat]:
    begin = newest - length + 1
    return [(at * unit_ms // 1000, counts.get(at, 0)) for at in range(begin, newest + 1)]
