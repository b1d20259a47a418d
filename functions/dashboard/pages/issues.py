"""The list of a project's issues."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from errata.errors import InvalidQueryError, NotFoundError
from errata.models.project import Project, live_dsns
from errata.models.views import Scope
from errata.protocol.change_issues import summary
from errata.protocol.issues import SORTS, IssueQuery, read_query, translated
from errata.protocol.query import TEXT, Term, parse_terms
from errata.protocol.views import scope_of, with_scope
from errata.store.projects import list_keys
from errata.usecases import assignees, change_issues, issues, read_events, short_ids, slugs, views
from functions.dashboard.byte_budget import ByteBudget
from functions.dashboard.issue_rows import shown_rows
from functions.dashboard.pages.search import link_to_query
from functions.dashboard.queries import (
    EXAMPLES,
    LONG,
    RISING_FIRST,
    SORT_NAMES,
    built_in_views,
    environments_of,
    in_place,
)
from functions.dashboard.render import page
from functions.dashboard.routing import ISSUE_ID, RequestContext, get
from functions.dashboard.set_up import NO_DSN, NO_KEY, snippets
from functions.dashboard.text import weight
from functions.dashboard.web import PageResponse, redirect

# Seconds after which an open list refreshes: an empty one, where somebody waits for the first
# event; one without terms; and one with terms.
_REFRESH_EMPTY_S, _REFRESH_S, _REFRESH_NARROW_S = 10, 45, 180
# Bytes of the saved views, and of the markup of one.
_VIEWS_BYTES, _VIEW_MARKUP = 1_500, 60
# Filters in links from before there was a query.
_OLD_FILTERS = ("status", "environment", "release", "level", "text")
_DEFAULT = "is:open"


@get("projects/<project:project_id>")
def project(ctx: RequestContext) -> PageResponse:
    """Redirect from a project's URL to its issues."""
    return redirect(f"{ctx.request.root}projects/{ctx.project.id}/issues")


@get("projects/<project:project_id>/issues", with_views=True)
def list_(ctx: RequestContext) -> PageResponse:
    """Show the list of issues. An empty project shows how to send the first error.

    A search for an event's id leads to the event, one for a short id to the issue.
    """
    args = ctx.request.args
    if "view" in args:
        return redirect(f"issues{link_to_query(*_saved(ctx, args['view']))}")
    if not args and (opens := _opens(ctx)) != (_DEFAULT, SORTS[0]):
        return redirect(f"issues{link_to_query(*opens)}")
    text, cursor = _asked(args), args.get("cursor") or None
    sort = args.get("sort") or SORTS[0]
    project = slugs.shown(ctx.project)
    try:
        query = read_query(text, sort, cursor)
        if not ctx.request.partial and (path := _path_of(ctx, project, query.terms)):
            return redirect(f"{ctx.request.root}projects/{ctx.project.id}/{path}")
        found = issues.search(ctx.visible, query)
    except InvalidQueryError as error:
        if ctx.request.partial:
            raise
        return _list_page(ctx, text, sort, problem=in_place(error), status=422)
    terms = parse_terms(text)
    empty = text == _DEFAULT and found.none_at_all
    if not (found.issues or found.next_cursor or cursor) and scope_of(terms):
        # A scope must not hide how to send the first error.
        empty = with_scope(terms, Scope()) == _DEFAULT and not issues.any_at_all(ctx.visible)
    assigned = assignees.of_list(project.organization, found.issues, ctx.now_ms)
    return _list_page(
        ctx,
        text,
        sort,
        query=query,
        cursor=cursor,
        found=found,
        next_page=found.next_cursor and link_to_query(text, sort, found.next_cursor),
        rows=shown_rows(found.issues, assigned, project.slug, ctx.now_ms),
        built_in=built_in_views(terms, sort),
        environments=environments_of(found.issues, scope_of(terms).environment),
        scope=scope_of(terms),
        unscoped=link_to_query(with_scope(terms if len(text) <= LONG else (), Scope()), sort),
        empty=empty,
        refresh_s=_refresh_s(query, empty=empty),
        **(_set_up(ctx) if empty else {}),
    )


def _saved(ctx: RequestContext, view_id: str) -> tuple[str, str]:
    """Return query and order of a saved view."""
    found = ctx.own_views.find(view_id) or ctx.shared_views.find(view_id)
    if found is None:
        raise NotFoundError("This view does not exist any more.")
    return found.query, found.sort


def _opens(ctx: RequestContext) -> tuple[str, str]:
    """Return query and order that the list starts with.

    Those of the view that the member or the project has chosen, or else open issues in the member's
    scope.
    """
    if chosen := views.opens(ctx.own_views, ctx.shared_views):
        return chosen.query, chosen.sort
    return with_scope(parse_terms(_DEFAULT), ctx.user.scope), SORTS[0]


def _saved_views(
    ctx: RequestContext, text: str, sort: str
) -> tuple[list[tuple[str, str, bool]], int]:
    """Return name and link of each saved view, and whether it is shown. Also how many are left."""
    budget, found = ByteBudget(_VIEWS_BYTES), []
    saved = [*ctx.own_views.views, *ctx.shared_views.views]
    for each in saved:
        if not budget.pays(_VIEW_MARKUP + weight(each.name)):
            break
        shown = (each.query, each.sort) == (text, sort)
        found.append((each.name, f"?view={each.id}", shown))
    return found, len(saved) - len(found)


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
    if event := read_events.find_any(ctx.visible, name):
        return f"issues/{event.issue_id}" if event.tally else f"events/{event.id}"
    return f"issues/{name}" if short_ids.is_short_id(project, name) else ""


def _list_page(
    ctx: RequestContext, text: str, sort: str, status: int = 200, **values: Any
) -> PageResponse:
    content = {
        "problem": None,
        "query": None,
        "cursor": None,
        "next_page": None,
        "built_in": built_in_views((), sort),
        "environments": [],
        "scope": Scope(),
        **values,
    }
    saved, more_views = _saved_views(ctx, text, sort)
    return page(
        ctx.request,
        "issues.html",
        ctx.now_ms,
        status,
        ctx,
        text=text,
        sort=sort,
        examples=EXAMPLES,
        here=link_to_query(text, sort),
        here_or_not=link_to_query(text if len(text) <= LONG else "", sort),
        sorts=[(name, value, value == sort) for value, name in (*SORT_NAMES, RISING_FIRST)],
        is_default=(text, sort) == (_DEFAULT, SORTS[0]),
        nonce=secrets.token_hex(8),
        changed=_changed(ctx),
        is_first=(text, sort) == _opens(ctx),
        views=content["built_in"] + saved,
        more_views=more_views,
        **content,
    )


def _changed(ctx: RequestContext) -> dict[str, Any] | None:
    """Return the result of the bulk change that led back to the list, None if none did."""
    change_id = ctx.request.args.get("changed", "")
    if ctx.request.partial or not ISSUE_ID.fullmatch(change_id):
        return None
    try:
        bulk = change_issues.find(ctx.visible, change_id)
    except NotFoundError:
        return None
    return {"bulk": bulk, "summary": summary(bulk)}


def _refresh_s(query: IssueQuery, *, empty: bool) -> int:
    """Return after how many seconds an open list refreshes. An open list costs at most $3 a month.

    A search may read 1,000 units each time.
    """
    if empty:
        return _REFRESH_EMPTY_S
    return _REFRESH_NARROW_S if query.is_search else _REFRESH_S


def _set_up(ctx: RequestContext) -> dict[str, Any]:
    """Return what an empty project shows: how to send the first error, with its DSN."""
    url = ctx.request.api_url
    dsns = live_dsns(ctx.request.sdk_url, list_keys(ctx.project.id))
    newest = next(iter(dsns.values()), "")
    return {"dsn": newest, "snippets": snippets(url, NO_KEY, newest or NO_DSN)}
