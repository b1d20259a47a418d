"""The issues of a project, and the page of one issue."""

from typing import Any
from urllib.parse import urlencode

from errata.models.ids import DAY_MS, day_name
from errata.models.issue import Issue, trend, why_grouped
from errata.models.project import live_dsns
from errata.models.sketch import estimate
from errata.models.slug import short_id
from errata.protocol.issues import SORTS, IssueQuery
from errata.store.projects import list_keys
from errata.usecases import dashboard_views, issues, read_events, short_ids, slugs
from functions.dashboard.byte_budget import ByteBudget
from functions.dashboard.render import last_days, page
from functions.dashboard.routing import RequestContext, get, post
from functions.dashboard.set_up import NO_DSN, NO_KEY, snippets
from functions.dashboard.web import Response, redirect

SPARK_DAYS = 14
CHART_DAYS = 30
# In bytes: about two lines of text, so that fifty rows stay below 80 KB, whatever they contain.
ROW_BYTES = 420
TITLE_BYTES = 3_000
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
    found = issues.search(ctx.visible, IssueQuery(**asked, cursor=cursor))
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
        **(_set_up(ctx) if empty else {}),
    )


@get("projects/<project:project_id>/issues/<issue:issue_id>")
def show(ctx: RequestContext) -> Response:
    """Show one issue: its history, what its events have in common, and its events."""
    view = dashboard_views.issue_view(
        ctx.visible,
        ctx.request.ids["issue_id"],
        dashboard_views.Place(
            ctx.request.args.get("before", ""), ctx.request.args.get("after", "")
        ),
    )
    issue, budget = view.issue, ByteBudget(TITLE_BYTES)
    return page(
        ctx.request,
        "issue.html",
        ctx.now_ms,
        ctx=ctx,
        view=view,
        issue=issue,
        short_id=short_id(slugs.shown(ctx.project).slug, issue.number),
        title=budget.take(issue.title),
        culprit=budget.take(issue.culprit),
        users=estimate(issue.users),
        last_hour=issue.buckets.last_hour(ctx.now_ms),
        last_day=issue.buckets.last_day(ctx.now_ms),
        trend=", ".join(trend(issue, ctx.now_ms)),
        grouped_by=why_grouped(issue.grouping, issue.grouped_by),
        days=_dated(last_days(issue.buckets.days, ctx.now_ms, CHART_DAYS), ctx.now_ms),
        tags=[
            (name, _shares(counts, issue.count))
            for name, counts in (
                ("Environment", issue.environments),
                ("Release", issue.releases),
                ("Server", issue.servers),
            )
        ],
    )


@get("projects/<project:project_id>/issues/<short_id:name>")
def show_by_short_id(ctx: RequestContext) -> Response:
    """Redirect from an issue's short id or number to its page."""
    issue = short_ids.find(ctx.project, ctx.visible, ctx.request.ids["name"])
    return redirect(f"{ctx.request.root}projects/{ctx.project.id}/issues/{issue.id}")


@post("projects/<project:project_id>/issues/<issue:issue_id>")
def act(ctx: RequestContext) -> Response:
    """Resolve, ignore, reopen or delete an issue."""
    visible, issue_id = ctx.visible, ctx.request.ids["issue_id"]
    by = ctx.user.email
    below = f"{ctx.request.root}projects/{visible.project_id}/issues"
    match ctx.request.form.get("action"):
        case "resolve":
            issues.resolve(visible, issue_id, by)
        case "ignore":
            issues.ignore(visible, issue_id, by)
        case "reopen":
            issues.reopen(visible, issue_id, by)
        case "delete":
            issues.delete(visible, issue_id, by)
            return redirect(below)
    return redirect(f"{below}/{issue_id}")


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


def _dated(counts: list[int], now_ms: int) -> list[tuple[str, int]]:
    first = now_ms // DAY_MS - len(counts) + 1
    return [(day_name(first + n), count) for n, count in enumerate(counts)]


def _shares(counts: dict[str, int], total: int) -> list[tuple[str, int, int]]:
    """Return names with counts and percentages, the most frequent first."""
    ranked = sorted(counts.items(), key=lambda each: -each[1])
    return [(name, count, round(100 * count / max(1, total))) for name, count in ranked[:8]]
