"""The list of a project's issues."""

from typing import Any
from urllib.parse import urlencode

from errata.models.issue import Issue
from errata.models.project import live_dsns
from errata.models.sketch import estimate
from errata.models.slug import short_id
from errata.protocol.issues import SORTS, IssueQuery
from errata.store.projects import list_keys
from errata.usecases import issues, read_events, short_ids, slugs
from functions.dashboard.byte_budget import ByteBudget
from functions.dashboard.render import last_days, page
from functions.dashboard.routing import RequestContext, get
from functions.dashboard.set_up import NO_DSN, NO_KEY, snippets
from functions.dashboard.web import Response, redirect

SPARK_DAYS = 14
# Somebody who sets up a project waits for its first event.
_REFRESH_EMPTY_S, _REFRESH_S, _REFRESH_NARROW_S = 10, 45, 180
# In bytes: about two lines of text, so that fifty rows stay below 80 KB, whatever they contain.
ROW_BYTES = 420
_FILTERS = ("status", "environment", "release", "level", "text", "sort")
_STATUSES = (
    ("open", "Open"),
    ("regressed", "Regressed"),
    ("resolved", "Resolved"),
    ("ignored", "Ignored"),
    ("all", "All"),
)


@get("projects/<project:project_id>")
def project(ctx: RequestContext) -> Response:
    """Redirect from a project's URL to its issues."""
    return redirect(f"{ctx.request.root}projects/{ctx.project.id}/issues")


@get("projects/<project:project_id>/issues")
def list_(ctx: RequestContext) -> Response:
    """Show the list of issues. An empty project shows how to send the first error.

    A search for an event's id leads to the event, one for a short id to the issue.
    """
    query = ctx.request.args
    asked: dict[str, Any] = {name: query[name] for name in _FILTERS if query.get(name)}
    cursor = query.get("cursor") or None
    event = (
        read_events.find(ctx.visible, asked.get("text", "")) if not ctx.request.partial else None
    )
    if event:
        return redirect(f"{ctx.request.root}projects/{event.project_id}/events/{event.id}")
    project = slugs.shown(ctx.project)
    name = asked.get("text", "").strip()
    if not ctx.request.partial and short_ids.is_short_id(project, name):
        return redirect(f"{ctx.request.root}projects/{project.id}/issues/{name}")
    asked_for = IssueQuery(**asked, cursor=cursor)
    found = issues.search(ctx.visible, asked_for)
    empty = found.none_at_all and not (set(asked) - {"sort"})
    return page(
        ctx.request,
        "issues.html",
        ctx.now_ms,
        ctx=ctx,
        asked=asked,
        cursor=cursor,
        here=f"?{urlencode(asked)}",
        next_page=found.next_cursor and f"?{urlencode({**asked, 'cursor': found.next_cursor})}",
        exhaustive=found.exhaustive,
        rows=[_row(issue, project.slug, ctx.now_ms) for issue in found.issues],
        statuses=_STATUSES,
        sorts=SORTS,
        empty=empty,
        refresh_s=_refresh_s(query=asked_for, empty=empty),
        **(_set_up(ctx) if empty else {}),
    )


def _refresh_s(query: IssueQuery, *, empty: bool) -> int:
    """Return after how many seconds an open list refreshes, which costs at most $3 a month.

    With a filter, each time may read 4 MB of issues.
    """
    if empty:
        return _REFRESH_EMPTY_S
    return _REFRESH_NARROW_S if query.narrow else _REFRESH_S


def _set_up(ctx: RequestContext) -> dict[str, Any]:
    """Return what an empty project shows: how to send the first error, with its DSN."""
    url = ctx.request.api_url
    dsns = live_dsns(url, list_keys(ctx.project.id))
    newest = next(iter(dsns.values()), "")
    return {"dsn": newest, "snippets": snippets(url, NO_KEY, newest or NO_DSN)}


def _row(issue: Issue, slug: str, now_ms: int) -> dict[str, Any]:
    budget = ByteBudget(ROW_BYTES)
    return {
        "issue": issue,
        "short_id": budget.take(short_id(slug, issue.number) or ""),
        "title": budget.take(issue.title),
        "culprit": budget.take(issue.culprit),
        "users": estimate(issue.users),
        "days": last_days(issue.buckets.days, now_ms, SPARK_DAYS),
    }
