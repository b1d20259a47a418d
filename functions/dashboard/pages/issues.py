"""The issues of a project, and the page of one issue."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from errata.errors import InvalidQueryError
from errata.models.ids import DAY_MS, day_name
from errata.models.issue import Issue, trend, why_grouped
from errata.models.project import live_dsns
from errata.models.sketch import estimate
from errata.models.slug import short_id
from errata.protocol.issues import SORTS, read, translated
from errata.protocol.query import TEXT, Term
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
# Filters in links from before there was a query.
_OLD_FILTERS = ("status", "environment", "release", "level", "text")
_DEFAULT = "is:open"
_STATUSES = (
    ("open", "Open"),
    ("regressed", "Regressed"),
    ("resolved", "Resolved"),
    ("ignored", "Ignored"),
    ("all", "All"),
)
_EXAMPLES = (
    ("is:open", "also resolved, regressed, ignored, new, rising, quiet"),
    ("level:error", "also warning, info, debug"),
    ('release:"shop 2.*"', "* stands for any text"),
    ("environment:production", ""),
    ("user.email:ada@example.com", ""),
    ("user.id:7", ""),
    ("server:web-1", ""),
    ("transaction:/cart", ""),
    ("url:https://example.com/*", ""),
    ("logger:shop.mail", ""),
    ("tags[browser]:Firefox", "a tag, by its name"),
    ("first-seen:-24h", "within 24 hours; also -30m, -7d, -2w"),
    ("last-seen:<2026-11-01", "before that day; > means since"),
    ("!user.id:7", "no event has it"),
    ('"connection reset"', "in the title, culprit, exceptions, functions or files"),
)
# How many characters of a refused query are shown before and after the problem.
_AROUND = 60


@get("projects/<project:project_id>")
def project(ctx: RequestContext) -> Response:
    """Redirect from a project's URL to its issues."""
    return redirect(f"{ctx.request.root}projects/{ctx.project.id}/issues")


@get("projects/<project:project_id>/issues")
def list_(ctx: RequestContext) -> Response:
    """Show the list of issues. An empty project shows how to send the first error.

    A search for an event's id leads to the event, one for a short id to the issue.
    """
    args = ctx.request.args
    text, cursor = _asked(args), args.get("cursor") or None
    sort = args.get("sort") or SORTS[0]
    try:
        query = read(text, sort, cursor)
        if not ctx.request.partial and (path := _path_of(ctx, query.terms)):
            return redirect(f"{ctx.request.root}projects/{ctx.project.id}/{path}")
        found = issues.search(ctx.visible, query)
    except InvalidQueryError as error:
        if ctx.request.partial:
            raise
        return _list_page(ctx, text, sort, problem=_in_place(error), status=422)
    empty = found.none_at_all and text == _DEFAULT
    return _list_page(
        ctx,
        text,
        sort,
        query=query,
        cursor=cursor,
        found=found,
        next_page=found.next_cursor and _link(text, sort, found.next_cursor),
        rows=[_row(issue, slugs.shown(ctx.project).slug, ctx.now_ms) for issue in found.issues],
        statuses=[
            (name, _link(query.with_status(value), sort), value == query.status)
            for value, name in _STATUSES
        ],
        empty=empty,
        **(_set_up(ctx) if empty else {}),
    )


def _asked(args: Mapping[str, str]) -> str:
    """Return the text of the query in a request. Translates the filters of old links."""
    if "query" in args:
        return args["query"].strip()
    return translated(**{name: args[name] for name in _OLD_FILTERS if args.get(name)})


def _path_of(ctx: RequestContext, terms: Sequence[Term]) -> str:
    """Return the path of the event or issue that a query names, "" if it names none."""
    if len(terms) != 1 or terms[0].key != TEXT:
        return ""
    name = terms[0].value
    if event := read_events.find(ctx.visible, name):
        return f"events/{event.id}"
    return f"issues/{name}" if short_ids.is_short_id(slugs.shown(ctx.project), name) else ""


def _list_page(
    ctx: RequestContext, text: str, sort: str, status: int = 200, **values: Any
) -> Response:
    content = {"problem": None, "query": None, "cursor": None, "next_page": None, **values}
    return page(
        ctx.request,
        "issues.html",
        ctx.now_ms,
        status,
        ctx,
        text=text,
        sort=sort,
        examples=_EXAMPLES,
        here=_link(text, sort),
        is_default=(text, sort) == (_DEFAULT, SORTS[0]),
        **content,
    )


def _link(text: str, sort: str, cursor: str = "") -> str:
    asked = {"query": text, "sort": sort, "cursor": cursor}
    return (
        f"?{urlencode({name: value for name, value in asked.items() if value or name == 'query'})}"
    )


def _in_place(error: InvalidQueryError) -> dict[str, str]:
    """Return what is wrong with a query, and the text around it in three pieces."""
    text, start, end = error.text, error.start, error.end
    return {
        "text": error.message,
        "before": text[max(0, start - _AROUND) : start],
        "wrong": text[start : min(end, start + _AROUND)],
        "after": text[end : end + _AROUND],
    }


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
