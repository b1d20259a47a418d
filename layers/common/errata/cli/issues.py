"""`errata issues`: list, show, resolve, ignore, reopen, delete."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import date, timedelta
from itertools import islice
from typing import Annotated, Any

import typer

from errata.cli.command import ProjectId, Session, command, group
from errata.cli.output import (
    line,
    print_fields,
    print_json,
    print_line,
    print_section,
    print_table,
    printable,
    timestamp,
)
from errata.models.ids import now_ms
from errata.models.issue import Activity, Issue, trend, why_grouped
from errata.models.project import Project
from errata.models.seen_values import MAX_VALUES
from errata.models.sketch import STANDARD_ERROR, estimate
from errata.models.slug import short_id
from errata.models.verdict import verdict
from errata.models.visible import Visible
from errata.protocol.issues import read, translated
from errata.protocol.markdown import exceptions_of, trace_text
from errata.protocol.read import iso, to_event
from errata.usecases import issue_events, issues, projects, short_ids, slugs
from errata.usecases.issue_values import USER, Tally, shares

app = group("List, show and change a project's issues.", example="issues list 1")


Id = Annotated[str, typer.Argument(metavar="ISSUE", help="The issue's id, short id or number.")]
BY = "errata CLI"
# Of which `show` prints the values, as the page of an issue.
_MOST_KEYS = 40


@command(app, "list", example='issues list 1 --query "is:open user.id:7" --sort count')
def list_(
    session: Session,
    project_id: ProjectId,
    limit: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Maximum number of issues. Default: all.")
    ] = None,
    query: Annotated[
        str,
        typer.Option(
            metavar="QUERY",
            help='What to search for, such as "is:open user.email:ada@example.com timeout".'
            " See docs/search.md.",
        ),
    ] = "",
    status: Annotated[
        str,
        typer.Option(
            metavar="STATUS", help="open (includes regressed), resolved, ignored, regressed, all."
        ),
    ] = "all",
    environment: Annotated[
        str, typer.Option(metavar="TEXT", help="Only issues seen in this environment.")
    ] = "",
    release: Annotated[
        str, typer.Option(metavar="TEXT", help="Only issues seen in this release.")
    ] = "",
    level: Annotated[str, typer.Option(metavar="LEVEL", help="error, warning, info, debug")] = "",
    search: Annotated[
        str,
        typer.Option(
            metavar="TEXT", help="Text in the title, culprit, exceptions, functions or files."
        ),
    ] = "",
    sort: Annotated[
        str, typer.Option(metavar="ORDER", help="last_seen, first_seen, count, users")
    ] = "last_seen",
) -> None:
    """List a project's issues, most recently seen first.

    The other options add terms to the query. A short id, or the id of an event, finds its issue.

    With --limit, an issue may be left out for one whose number is less than 5 % lower.

    The number of users is an estimate with a standard error of 4.6 %. Small numbers are exact.
    """
    more = translated(status, environment, release, level, search)
    asked = read(" ".join(filter(None, (query, more))), sort)
    project, visible = _opened(project_id)
    named = short_ids.named(project, visible, asked.terms)
    found = [named] if named else list(islice(issues.matching(visible, asked), limit))
    if session.json:
        print_json([to_json(issue, project) for issue in found])
        return
    print_table(
        ["id", "short id", "level", "title", "events", "users", "last seen (UTC)"],
        [
            (
                each.id,
                short_id(project.slug, each.number),
                each.level,
                each.title,
                each.count,
                estimate(each.users),
                timestamp(each.last_seen),
            )
            for each in found
        ],
        empty="No issues.",
    )


@command(app, "show", example="issues show 1 SHOP-42")
def show(session: Session, project_id: ProjectId, issue_id: Id) -> None:
    """Show an issue: its error, verdict, counts, releases, newest event and activity.

    It also counts the tags, browsers, URLs and users of the newest events, as the page of the issue
    does: of at most 500 events or 4 MB, which costs about 256 read units.

    The number of users is an estimate with a standard error of 4.6 %. Small numbers are exact.
    """
    project, visible = _opened(project_id)
    issue = short_ids.find(project, visible, issue_id)
    activity = issues.list_activity(visible, issue.id)
    judged = verdict(issue, activity, visible.now_ms)
    event = issue_events.latest(visible, issue.id).event
    newest_events = issue_events.Newest(visible, issue.id)
    tally = Tally()
    tally.add_all(newest_events.events, visible.now_ms)
    if session.json:
        newest = event and to_event(
            event.project_id, event.id, event.issue_id, event.fields, event.legacy_id
        )
        print_json(
            to_json(issue, project)
            | {
                "verdict": asdict(judged),
                "activity": [_activity_to_json(each) for each in activity],
                "newest_event": newest,
                "values": _values_to_json(tally, newest_events.more),
            }
        )
        return
    print_fields(
        {
            "issue": issue.id,
            "short id": short_id(project.slug, issue.number),
            "title": issue.title,
            "culprit": issue.culprit,
            "level": issue.level,
            "class": issue.exception_class,
            "status": issue.status,
            "verdict": judged.sentence,
            "events": issue.count,
            "last hour": issue.buckets.last_hour(visible.now_ms),
            "last day": issue.buckets.last_day(visible.now_ms),
            "trend": ", ".join(trend(issue, visible.now_ms)),
            "users": _users(issue),
            "first seen": f"{timestamp(issue.first_seen)} UTC in event {issue.first_event}",
            "last seen": f"{timestamp(issue.last_seen)} UTC in event {issue.last_event}",
            "first release": issue.first_release,
            "last release": issue.last_release,
            "fingerprint": f"{issue.fingerprint} (grouping {issue.grouping})",
            "grouped by": why_grouped(issue.grouping, issue.grouped_by),
            "environments": _counts(issue.environments),
            "releases": _counts(issue.releases),
            "not all searched": ", ".join(_full(issue)),
            "servers": _counts(issue.servers),
            "days": ", ".join(f"{day}: {count}" for day, count in _days(issue).items()),
        }
    )
    if event and (traces := exceptions_of(event.fields)):
        print_section(f"newest event {event.id}", trace_text(traces).split("\n"))
    if tally.events:
        which = "newest" if newest_events.more else "all"
        those = f"{which} {tally.events} events" if tally.events > 1 else "the only event"
        title = f"values of {those} kept, with their shares"
        print_section(title, _shares(tally))
    if activity:
        print_section("activity", map(_told, activity))


@command(app, "resolve", example="issues resolve 1 SHOP-42")
def resolve(session: Session, project_id: ProjectId, issue_id: Id) -> None:
    """Mark an issue as resolved. A later event makes it regressed, which counts as open."""
    _change(session, project_id, issue_id, issues.resolve)


@command(app, "ignore", example="issues ignore 1 SHOP-42")
def ignore(session: Session, project_id: ProjectId, issue_id: Id) -> None:
    """Mark an issue as ignored. New events are counted, but the issue stays ignored."""
    _change(session, project_id, issue_id, issues.ignore)


@command(app, "reopen", example="issues reopen 1 SHOP-42")
def reopen(session: Session, project_id: ProjectId, issue_id: Id) -> None:
    """Reopen a resolved or ignored issue."""
    _change(session, project_id, issue_id, issues.reopen)


@command(app, "delete", example="issues delete 1 SHOP-42 --yes")
def delete(
    session: Session,
    project_id: ProjectId,
    issue_id: Id,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,
) -> None:
    """Permanently delete an issue and its events. A later event creates a new issue."""
    issue = short_ids.find(*_opened(project_id), issue_id)
    if not yes:
        question = (
            f"Delete issue {issue_id} ({printable(issue.title)}) and its events ({issue.count})?"
        )
        typer.confirm(question, abort=True, err=True)
    issues.delete(projects.visible_to_operator(project_id), issue.id, BY)
    if session.json:
        print_json({"id": issue.id, "deleted": True})
    else:
        print_line(f"Deleted issue {issue_id}. Its events are deleted within a minute.")


def _opened(project_id: str) -> tuple[Project, Visible]:
    """Return a project with its slug, and what an operator may see of it."""
    project = slugs.shown(projects.find(project_id))
    return project, projects.visible_of(project)


def _change(
    session: Session,
    project_id: str,
    issue_id: str,
    change: Callable[[Visible, str, str], Issue],
) -> None:
    project, visible = _opened(project_id)
    issue = change(visible, short_ids.find(project, visible, issue_id).id, BY)
    if session.json:
        print_json(to_json(issue, project))
    else:
        print_line(f"Issue {issue.id} is {issue.status}.")


def _told(each: Activity) -> str:
    return line(
        timestamp(each.at),
        each.what,
        each.by and f"by {each.by}",
        each.event and f"by event {each.event}",
        each.release and f"in release {each.release}",
    )


def _activity_to_json(each: Activity) -> dict[str, Any]:
    return {
        "at": iso(each.at),
        "what": each.what,
        "by": each.by or None,
        "event": each.event or None,
        "release": each.release or None,
    }


def to_json(issue: Issue, project: Project) -> dict[str, Any]:
    """Return an issue as `--json` prints it.

    `short_id` is null if the issue has no number yet, or the project no slug.
    """
    now = now_ms()
    return {
        "id": issue.id,
        "short_id": short_id(project.slug, issue.number),
        "fingerprint": issue.fingerprint,
        "title": issue.title,
        "level": issue.level,
        "count": issue.count,
        "first_seen": iso(issue.first_seen),
        "last_seen": iso(issue.last_seen),
        "culprit": issue.culprit,
        "exception_class": issue.exception_class,
        "status": issue.status,
        "grouping": issue.grouping,
        "grouped_by": why_grouped(issue.grouping, issue.grouped_by),
        "environments": issue.environments,
        "releases": issue.releases,
        "users": estimate(issue.users),
        "first_event": issue.first_event,
        "last_event": issue.last_event,
        "first_release": issue.first_release or None,
        "last_release": issue.last_release or None,
        "last_hour": issue.buckets.last_hour(now),
        "last_day": issue.buckets.last_day(now),
        "trend": list(trend(issue, now)),
        "days": _days(issue),
    }


def _users(issue: Issue) -> str:
    users = estimate(issue.users)
    return f"about {users} (standard error {STANDARD_ERROR:.1%})" if users else "not reported"


def _full(issue: Issue) -> list[str]:
    """Return the keys of which the issue has so many values that it is not found by others."""
    full = (key for key, count in issue.value_counts.items() if count >= MAX_VALUES)
    return ["tags" if key == "tag" else key for key in full]


def _shares(tally: Tally) -> list[str]:
    """Return a line for each key, with its most frequent values."""
    lines = []
    for key in [*tally.keys[:_MOST_KEYS], *([USER] if USER in tally.counts else [])]:
        found = shares(dict(tally.counts[key]), tally.events)
        more = len(tally.counts[key]) - len(found)
        told = ", ".join(f"{value} {percent} %" for value, _, percent in found)
        lines.append(line(f"{key}:", told, f"and {more} more" if more else ""))
    return lines


def _values_to_json(tally: Tally, more: bool) -> dict[str, Any]:
    """Return how often each value occurs. `complete`: whether all events that are kept count."""
    return {
        "events": tally.events,
        "complete": not more,
        "users_last_hour": len(tally.hour),
        "users_last_day": len(tally.day),
        "keys": {
            key: [
                {"value": value, "count": count, "percent": percent}
                for value, count, percent in shares(dict(tally.counts[key]), tally.events, 20)
            ]
            for key in [*tally.keys[:_MOST_KEYS], *([USER] if USER in tally.counts else [])]
        },
    }


def _counts(counts: dict[str, int]) -> str:
    often = sorted(counts.items(), key=lambda each: -each[1])
    return ", ".join(f"{name}: {count}" for name, count in often)


def _days(issue: Issue) -> dict[str, int]:
    """Return the number of events by date (ISO 8601), oldest first."""
    numbers = sorted(issue.buckets.days.items())
    return {str(date(1970, 1, 1) + timedelta(days=number)): count for number, count in numbers}
