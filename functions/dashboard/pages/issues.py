"""The list of a project's issues."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from errata.errors import InvalidQueryError
from errata.models.issue import Issue
from errata.models.project import Project, live_dsns
from errata.models.sketch import estimate
from errata.models.slug import short_id
from errata.protocol.issues import SORTS, IssueQuery, read, translated
from errata.protocol.query import TEXT, Term
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
# In bytes: about two lines of text, so that fifty rows stay below 60 KB, whatever they contain.
ROW_BYTES = 400
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
    ("is:open", "resolved, regressed, ignored, new, rising, quiet"),
    ("level:error", "warning, info, debug"),
    ('release:"shop 2.*"', "environment, server, transaction, url, logger; * is any text"),
    ("user.email:ada@example.com", "user.id"),
    ("tags[browser]:Firefox", "a tag, by its name"),
    ("first-seen:-24h", "last-seen; -30m, -7d, >2026-11-01, <-2w"),
    ("!user.id:7", "not: no event has it"),
    ('"connection reset"', "in title, culprit, exceptions, functions, files"),
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
    project = slugs.shown(ctx.project)
    try:
        query = read(text, sort, cursor)
        if not ctx.request.partial and (path := _path_of(ctx, project, query.terms)):
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
        rows=[_row(issue, project.slug, ctx.now_ms) for issue in found.issues],
        statuses=[
            (name, _link(query.with_status(value), sort), value == query.status)
            for value, name in _STATUSES
        ],
        empty=empty,
        refresh_s=_refresh_s(query, empty=empty),
        **(_set_up(ctx) if empty else {}),
    )


def _asked(args: Mapping[str, str]) -> str:
    """Return the text of the query in a request. Translates the filters of old links."""
    if "query" in args:
        return args["query"].strip()
    return translated(**{name: args[name] for name in _OLD_FILTERS if args.get(name)})


def _path_of(ctx: RequestContext, project: Project, terms: Sequence[Term]) -> str:
    """Return the path of the event or issue that a query names, "" if it names none."""
    if len(terms) != 1 or terms[0].key != TEXT:
        return ""
    name = terms[0].value
    if event := read_events.find(ctx.visible, name):
        return f"events/{event.id}"
    return f"issues/{name}" if short_ids.is_short_id(project, name) else ""


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
    more = {"sort": sort if sort != SORTS[0] else "", "cursor": cursor}
    return f"?{urlencode({'query': text} | {name: each for name, each in more.items() if each})}"


def _in_place(error: InvalidQueryError) -> dict[str, str]:
    """Return what is wrong with a query, and the text around it in three pieces."""
    text, start, end = error.text, error.start, error.end
    return {
        "text": error.message,
        "before": text[max(0, start - _AROUND) : start],
        "wrong": text[start : min(end, start + _AROUND)],
        "after": text[end : end + _AROUND],
    }


def _refresh_s(query: IssueQuery, *, empty: bool) -> int:
    """Return after how many seconds an open list refreshes, which costs at most $3 a month.

    With more than a status, each time may read 1,000 units.
    """
    if empty:
        return _REFRESH_EMPTY_S
    return _REFRESH_NARROW_S if query.terms else _REFRESH_S


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
