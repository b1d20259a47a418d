"""Results of `errata issues`: list, show, similar, activity. See `errata.usecases.results`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date, timedelta
from typing import Any

from errata.models.assignee import Assigned
from errata.models.buckets import DAY_MS, HOUR_MS
from errata.models.ids import now_ms
from errata.models.issue import COMMENTED, Activity, Issue, trend, why_all_grouped
from errata.models.project import Project
from errata.models.seen_values import SeenValues
from errata.models.settled import how
from errata.models.sketch import STANDARD_ERROR, estimate
from errata.models.slug import short_id
from errata.models.verdict import verdict
from errata.models.views import View
from errata.protocol.issues import SORTS, IssueQuery, read_query
from errata.protocol.markdown import exceptions_of, trace_text
from errata.protocol.read import iso, to_event
from errata.usecases import (
    across,
    across_ids,
    assignees,
    issue_events,
    issue_lists,
    issue_values,
    issues,
    merged,
    newest_events,
    organizations,
    original_frames,
    short_ids,
    slugs,
    views,
)
from errata.usecases.results import Result, Work
from errata.usecases.similar import similar

# The most keys whose values `show` returns, as many as the page of an issue shows.
_MOST_KEYS = 40
# Up to this many users, the estimate is almost always exact.
_EXACT_USERS = 99


def list_(
    work: Work, *, query: str = "", sort: str = "", view: str = "", cursor: str = ""
) -> Result:
    """Return a page of a project's issues. A short id, or the id of an event, finds its issue."""
    chosen = named_view(work, view)
    asked = _asked(query, sort, chosen, cursor)
    project, visible = work.project, work.visible
    if named := short_ids.named(project, visible, asked.terms):
        return _page([(project, named)], asked, None, exhaustive=True)
    page = issues.search(visible, replace(asked, limit=issue_lists.MAX_PAGE))
    found = [(project, each) for each in page.issues]
    return _page(found, asked, page.next_cursor, exhaustive=page.exhaustive)


def list_across(
    organization: str,
    sees: Callable[[Project], bool],
    member: str = "",
    *,
    query: str = "",
    sort: str = "",
    view: str = "",
    cursor: str = "",
) -> Result:
    """Return a page of the issues of the projects of an organization that somebody sees."""
    organizations.find(organization)
    asked, at_ms = _asked(query, sort, views.named(None, view) if view else None, cursor), now_ms()
    if named := across_ids.named(organization, sees, asked.terms, at_ms):
        return _page([(named.project, named.issue)], asked, None, exhaustive=True, of_project=True)
    page = across.search(organization, sees, replace(asked, limit=100), at_ms, member)
    found = [(slugs.shown(project), issue) for project, issue in page.found]
    exhaustive = not page.in_parts
    return _page(found, asked, page.next_cursor, exhaustive=exhaustive, of_project=True)


def show(work: Work, *, issue: str) -> Result:
    """Return an issue with its verdict, activity, newest event and the values of its events."""
    project, visible = work.project, work.visible
    found = short_ids.find_also_by_event(project, visible, issue)
    activity = issues.list_activity(visible, found.id)
    assigned = assignees.shown(project.organization, [found.assignee], visible.now_ms)
    event = issue_events.latest(visible, found.id).event
    event = original_frames.complete(visible, event) if event else None
    newest = newest_events.Newest(visible, found.id, members=found.members)
    counted = issue_values.ValueCounts()
    counted.add_all(newest.events, visible.now_ms)
    cut = list(SeenValues.unpack(found.values, found.value_counts).cut_keys())
    shown = event and to_event(
        event.project_id, event.id, event.issue_id, event.fields, event.legacy_id
    )
    traces = exceptions_of(event.fields) if event else []
    return Result(
        to_json(found, project, assigned)
        | {
            "verdict": asdict(verdict(found, activity, visible.now_ms)),
            "activity": [activity_to_json(each) for each in activity],
            "newest_event": shown,
            "values": _values_to_json(counted, newest.more),
            "not_all_searched": cut,
        },
        {
            "assigned_to": assignee_text(assigned.get(found.assignee)),
            "merged": [_name(project, each) for each in merged.members(visible, found)],
            "servers": found.servers,
            "users": _users(found, counted, visible.now_ms, newest.more),
            "shares": _shares(counted),
            "trace": trace_text(traces) if traces else "",
        },
    )


def similar_(work: Work, *, issue: str) -> Result:
    """Return up to five open issues that may be the same as an issue, the most alike first."""
    found = similar(work.visible, short_ids.find(work.project, work.visible, issue))
    assigned = assignees.of_list(work.project.organization, found, work.visible.now_ms)
    return Result([to_json(each, work.project, assigned) for each in found])


def activity(work: Work, *, issue: str) -> Result:
    """Return who did what with an issue, latest first."""
    found = short_ids.find(work.project, work.visible, issue)
    return Result([activity_to_json(each) for each in issues.list_activity(work.visible, found.id)])


def named_view(work: Work, name: str) -> View | None:
    """Return a view by its name, None for "": a built-in one, or one of the project.

    Raises:
        NotFoundError: there is none.
    """
    return views.named(views.of_project(work.project, work.visible), name) if name else None


def _asked(query: str, sort: str, view: View | None, cursor: str) -> IssueQuery:
    text = " ".join(filter(None, (view.query if view else "", query)))
    return read_query(text, sort or (view.sort if view else SORTS[0]), cursor or None)


def _page(
    found: Sequence[tuple[Project, Issue]],
    asked: IssueQuery,
    cursor: str | None,
    *,
    exhaustive: bool,
    of_project: bool = False,
) -> Result:
    """Return a page. If not `exhaustive`, the caller sorts the issues of all pages by `keys`."""
    at_ms = now_ms()
    organization = found[0][0].organization if found else ""
    assigned = assignees.of_list(organization, (issue for _, issue in found), at_ms)
    rows = []
    for project, issue in found:
        own = {"project_id": project.id, "project": project.name} if of_project else {}
        rows.append(to_json(issue, project, assigned) | own)
    keys = [list(issue_lists.sort_key(issue, asked.sort, at_ms)) for _, issue in found]
    return Result(rows, {"cursor": cursor, "exhaustive": exhaustive, "keys": keys})


def to_json(
    issue: Issue, project: Project, assigned: Mapping[str, Assigned] | None = None
) -> dict[str, Any]:
    """Return an issue as JSON. `assigned` says who its assignee is, if it was read.

    `short_id` is null if the issue has no number yet, or the project no slug. `assignee` is null if
    nobody is assigned.
    """
    now = now_ms()
    if assigned is None:
        assigned = assignees.shown(project.organization, [issue.assignee], now)
    assignee = assigned.get(issue.assignee)
    return {
        "id": issue.id,
        "short_id": short_id(project.slug, issue.number),
        "fingerprint": issue.fingerprint,
        "title": issue.title,
        "level": issue.level,
        "count": issue.count,
        "kept": issue.kept,
        "first_seen": iso(issue.first_seen),
        "last_seen": iso(issue.last_seen),
        "culprit": issue.culprit,
        "exception_class": issue.exception_class,
        "status": issue.status,
        "status_detail": how(issue) or None,
        "assignee": assignee and assignee.called,
        "ticket": issue.tracker_url or None,
        "merged": list(issue.members),
        "grouping": issue.grouping,
        "grouped_by": why_all_grouped(issue),
        "environments": issue.environments,
        "releases": issue.releases,
        "users": estimate(issue.users),
        "first_event": issue.first_event,
        "last_event": issue.newest_kept or issue.last_event,
        "first_release": issue.first_release or None,
        "last_release": issue.last_release or None,
        "last_hour": issue.buckets.last_hour(now),
        "last_day": issue.buckets.last_day(now),
        "trend": list(trend(issue, now)),
        "days": _days(issue),
    }


def activity_to_json(each: Activity) -> dict[str, Any]:
    """Return activity as JSON. Only comments have `comment`."""
    comment = {
        "comment": {
            "id": str(each.at),
            "text": each.text or None,
            "mentions": list(each.mentions),
            "edited_at": iso(each.edited_at) if each.edited_at else None,
            "deleted_by": each.deleted_by or None,
        }
    }
    return (comment if each.what == COMMENTED else {}) | {
        "at": iso(each.at),
        "what": each.what,
        "by": each.by or None,
        "event": each.event or None,
        "release": each.release or None,
        "detail": each.detail or None,
    }


def assignee_text(assigned: Assigned | None) -> str:
    """Return who an assignee is, in words; "" for nobody."""
    if assigned is None:
        return ""
    gone = "deleted" if assigned.is_team else "no longer a member"
    return f"{assigned.called}{f' ({gone})' if assigned.gone else ''}"


def _name(project: Project, issue: Issue) -> str:
    return short_id(project.slug, issue.number) or issue.id


def _users(issue: Issue, counted: issue_values.ValueCounts, now: int, more: bool) -> str:
    """Return in words how many users an issue has: in all, in the last hour and in 24 hours.

    `more`: the issue has older events that `counted` has not counted.
    """
    # An estimate may be below the number of users in the newest events.
    users = max(estimate(issue.users), len(counted.counts.get(issue_values.USER, ())))
    if not users:
        return "not reported"
    estimated = f"about {users} (standard error {STANDARD_ERROR:.1%})"
    parts = [estimated if users > _EXACT_USERS else str(users)]
    for recent, span_ms, name in (
        (counted.hour, HOUR_MS, "in the last hour"),
        (counted.day, DAY_MS, "in 24 hours"),
    ):
        least = "" if counted.covers(span_ms, now, more=more) else "≥ "
        parts.append(f"{least}{len(recent)} {name}")
    return ", ".join(parts)


def _keys(counted: issue_values.ValueCounts) -> list[str]:
    user = issue_values.USER
    return [*counted.keys[:_MOST_KEYS], *([user] if user in counted.counts else [])]


def _shares(counted: issue_values.ValueCounts) -> list[str]:
    """Return a line for each key, with its most frequent values."""
    lines = []
    for key in _keys(counted):
        found = issue_values.shares(dict(counted.counts[key]), counted.events)
        more = len(counted.counts[key]) - len(found)
        shown = ", ".join(f"{value} {percent} %" for value, _, percent in found)
        lines.append("  ".join(filter(None, (f"{key}:", shown, f"and {more} more" * bool(more)))))
    return lines


def _values_to_json(counted: issue_values.ValueCounts, more: bool) -> dict[str, Any]:
    """Return how often each value occurs. `complete`: whether all events that are kept count."""
    return {
        "events": counted.events,
        "complete": not more,
        "users_last_hour": len(counted.hour),
        "users_last_day": len(counted.day),
        "keys": {
            key: [
                {"value": value, "count": count, "percent": percent}
                for value, count, percent in issue_values.shares(
                    dict(counted.counts[key]), counted.events, 20
                )
            ]
            for key in _keys(counted)
        },
    }


def _days(issue: Issue) -> dict[str, int]:
    """Return the number of events by date (ISO 8601), oldest first."""
    numbers = sorted(issue.buckets.days.items())
    return {str(date(1970, 1, 1) + timedelta(days=number)): count for number, count in numbers}
