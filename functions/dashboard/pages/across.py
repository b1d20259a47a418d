"""The issues of all projects of an organization that a member may see."""

from collections.abc import Sequence
from typing import Any

from errata.errors import InvalidQueryError
from errata.models.assignee import Assigned
from errata.models.issue import Issue
from errata.models.project import Project
from errata.models.views import Scope
from errata.protocol.issues import SORTS, read_query
from errata.protocol.query import Term, parse_terms
from errata.protocol.views import scope_of, with_scope
from errata.usecases import across, assignees, slugs
from errata.usecases.across import AcrossPage
from functions.dashboard.byte_budget import ByteBudget
from functions.dashboard.issue_rows import ROW_BYTES, shown_row
from functions.dashboard.pages.search import link_to_query, path_of_id, path_of_text
from functions.dashboard.queries import (
    EXAMPLES,
    LONG,
    SORT_NAMES,
    built_in_views,
    environments_of,
    in_place,
)
from functions.dashboard.render import page
from functions.dashboard.routing import RequestContext, get
from functions.dashboard.text import weight
from functions.dashboard.web import PageResponse, redirect

_DEFAULT = "is:open"
# Seconds after which an open list refreshes, without and with terms. With many projects, it reads
# up to 600 units, and 2,500 with terms. So an open page costs at most $2 a month.
_REFRESH_S, _REFRESH_NARROW_S = 180, 900
# Bytes of a row without the name of its project, and characters of this name.
_ROW_BYTES, _NAME = ROW_BYTES - 60, 40
# Bytes of the member's own views, and of the markup of one.
_VIEWS_BYTES, _VIEW_MARKUP = 1_700, 60
# The keys of this list. Its rows have no checkboxes, so no key selects an issue.
_KEYS = (
    ("j k", "next and previous issue"),
    ("o Enter", "open the issue"),
    ("/", "search"),
    ("?", "show this"),
)


@get("orgs/<organization:organization_id>/issues", with_views=True)
def list_(ctx: RequestContext) -> PageResponse:
    """Show the list of issues. A search for an id leads to the issue or event."""
    args = ctx.request.args
    if "text" in args:  # of the search box in the bar of a page
        return redirect(f"{ctx.request.root}{path_of_text(ctx, ctx.organization.id, args['text'])}")
    if not args and (opens := _opens(ctx)) != _DEFAULT:
        return redirect(f"issues{link_to_query(opens, SORTS[0])}")
    text = args.get("query", _DEFAULT).strip()
    sort, cursor = args.get("sort") or SORTS[0], args.get("cursor") or None
    organization_id = ctx.organization.id
    try:
        query = read_query(text, sort, cursor)
        if not ctx.request.partial and (path := path_of_id(ctx, organization_id, query.terms)):
            return redirect(f"{ctx.request.root}{path}")
        found = across.search(organization_id, ctx.user.sees, query, ctx.now_ms, ctx.user.email)
    except InvalidQueryError as error:
        if ctx.request.partial:
            raise
        return _page(ctx, text, sort, (), problem=in_place(error), status=422)
    return _page(
        ctx,
        text,
        sort,
        parse_terms(text),
        cursor=cursor,
        found=found,
        next_page=found.next_cursor and link_to_query(text, sort, found.next_cursor),
        rows=_rows(found, organization_id, ctx.now_ms),
        note=_note(found, short=len(found.found) < query.limit),
        environments=environments_of(
            (issue for _, issue in found.found), scope_of(parse_terms(text)).environment
        ),
        refresh_s=_REFRESH_NARROW_S if query.terms else _REFRESH_S,
    )


def _opens(ctx: RequestContext) -> str:
    """Return the query that the list starts with: open issues in the member's scope."""
    return with_scope(parse_terms(_DEFAULT), ctx.user.scope)


def _note(found: AcrossPage, *, short: bool) -> str:
    """Return how far a page has looked, if that is not all."""
    projects = f"{len(found.projects):,} project{'' if len(found.projects) == 1 else 's'}"
    notes = []
    if found.in_parts and found.projects:
        first, last = (each.name[:_NAME] for each in (found.projects[0], found.projects[-1]))
        notes.append(
            f"These are issues of {projects}, from {first} to {last} in the order of their age."
            " Later pages show those of the other projects, sorted on their own."
        )
    if found.next_cursor and short:
        issues = f"{found.looked_at:,} issue{'' if found.looked_at == 1 else 's'}"
        notes.append(f"Looked at {issues} of {projects} so far. Open the next page to continue.")
    return " ".join(notes)


def _rows(found: AcrossPage, organization_id: str, now_ms: int) -> list[dict[str, Any]]:
    assigned = assignees.of_list(organization_id, (issue for _, issue in found.found), now_ms)
    return [
        _row(project, issue, assigned.get(issue.assignee), now_ms) for project, issue in found.found
    ]


def _row(project: Project, issue: Issue, assigned: Assigned | None, now_ms: int) -> dict[str, Any]:
    name = ByteBudget(ROW_BYTES - _ROW_BYTES).take(project.name, _NAME)
    slug = slugs.shown(project).slug
    row = shown_row(issue, slug, now_ms, ByteBudget(_ROW_BYTES), assigned)
    return {"row": row | {"anchor": issue.id}, "project": name, "project_id": project.id}


def _own_views(ctx: RequestContext, text: str, sort: str) -> list[tuple[str, str, bool]]:
    """Return name and link of the member's own views, and whether each is shown."""
    budget, found = ByteBudget(_VIEWS_BYTES), []
    for each in ctx.own_views.views:
        to = link_to_query(each.query, each.sort)
        if each.sort in SORTS and budget.pays(_VIEW_MARKUP + len(to) + weight(each.name)):
            found.append((each.name, to, (each.query, each.sort) == (text, sort)))
    return found


def _page(
    ctx: RequestContext,
    text: str,
    sort: str,
    terms: Sequence[Term],
    status: int = 200,
    **values: Any,
) -> PageResponse:
    scope = scope_of(terms)
    content = {
        "problem": None,
        "cursor": None,
        "next_page": None,
        "note": "",
        "environments": [],
        **values,
    }
    return page(
        ctx.request,
        "across.html",
        ctx.now_ms,
        status,
        ctx,
        text=text,
        sort=sort,
        examples=EXAMPLES,
        here=link_to_query(text, sort),
        views=built_in_views(terms, sort) + _own_views(ctx, text, sort),
        scope=scope,
        unscoped=link_to_query(with_scope(terms if len(text) <= LONG else (), Scope()), sort),
        sorts=[(name, value, value == sort) for value, name in SORT_NAMES],
        is_first=(text, sort) == (_opens(ctx), SORTS[0]),
        is_default=(text, sort) == (_DEFAULT, SORTS[0]),
        keys=_KEYS,
        **content,
    )
