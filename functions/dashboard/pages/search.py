"""Suggestions and the scope of a search of issues, in one project or in all."""

import json
from collections.abc import Iterable, Sequence
from urllib.parse import urlencode

from errata.errors import InvalidQueryError
from errata.models.views import Scope
from errata.protocol.issues import SORTS, translated
from errata.protocol.query import TEXT, Term, parse_terms
from errata.protocol.views import scope_of, with_scope
from errata.usecases import across_ids, preferences
from errata.usecases.suggest import Suggestion, environments, suggest, suggest_across
from functions.dashboard.render import page
from functions.dashboard.routing import RequestContext, get, post
from functions.dashboard.text import visible
from functions.dashboard.web import PageResponse, redirect

# Characters that the search box of the bar may send.
MAX_TEXT = 900


@get("projects/<project:project_id>/issues/suggest")
def suggestions(ctx: RequestContext) -> PageResponse:
    """Return completions of the term `?term`, as JSON for search.js.

    The browser may keep it for a minute.
    """
    return _as_json(suggest(ctx.visible, ctx.request.args.get("term", "")))


@get("orgs/<organization:organization_id>/issues/suggest")
def suggestions_across(ctx: RequestContext) -> PageResponse:
    """Return completions of `?term` in a search across projects, as `suggestions`."""
    return _as_json(suggest_across(ctx.organization.id, ctx.request.args.get("term", "")))


def _as_json(suggested: Iterable[Suggestion]) -> PageResponse:
    found = [
        {
            "term": each.term,
            "shown": visible(each.term),
            "hint": each.hint,
            "complete": each.complete,
        }
        for each in suggested
    ]
    response = PageResponse(json.dumps(found), content_type="application/json")
    response.headers["Cache-Control"] = "private, max-age=60"
    response.headers["Vary"] = "Accept-Encoding, HX-Request, Cookie"
    return response


@get("projects/<project:project_id>/issues/environments")
def list_environments(ctx: RequestContext) -> PageResponse:
    """Show the environments of a project, to choose one. For htmx, only their buttons."""
    text = ctx.request.args.get("query", "")
    try:
        current = scope_of(parse_terms(text)).environment
    except InvalidQueryError:
        current = ""
    found = environments(ctx.visible)
    if current and current not in found:
        found.insert(0, current)
    return page(
        ctx.request,
        "environments.html",
        ctx.now_ms,
        ctx=ctx,
        environments=found,
        current=current,
        text=text,
        sort=ctx.request.args.get("sort", ""),
    )


@post("orgs/<organization:organization_id>/issues/scope")
@post("projects/<project:project_id>/issues/scope")
def change_scope(ctx: RequestContext) -> PageResponse:
    """Save the scope that the member has chosen, and show the issues in it."""
    return redirect(f"../issues{rescoped(ctx)}")


def rescoped(ctx: RequestContext) -> str:
    """Save the scope of a form with the member. Return the link to its query in this scope."""
    form = ctx.request.form
    text, sort = form.get("query", ""), form.get("sort", "")
    try:
        terms = parse_terms(text)
    except InvalidQueryError:
        terms = ()
    shown = scope_of(terms)
    chosen = Scope(
        form.get("environment", shown.environment),
        form.get("range", shown.range),
    )
    preferences.save_scope(ctx.user.email, chosen)
    return link_to_query(with_scope(terms, chosen), sort)


def link_to_query(text: str, sort: str, cursor: str = "") -> str:
    """Return the link to a query. An order that is the default is left out."""
    more = {"sort": sort if sort != SORTS[0] else "", "cursor": cursor}
    return f"?{urlencode({'query': text} | {name: each for name, each in more.items() if each})}"


def path_of_id(ctx: RequestContext, organization_id: str, terms: Sequence[Term]) -> str:
    """Return the path of the issue or event that a query names by its id, "" if it names none."""
    found = across_ids.named(organization_id, ctx.user.sees, terms, ctx.now_ms)
    if found is None:
        return ""
    of = f"events/{found.event_id}" if found.event_id else f"issues/{found.issue.id}"
    return f"projects/{found.project.id}/{of}"


def path_of_text(ctx: RequestContext, organization_id: str, text: str) -> str:
    """Return the path of the issue or event with this id, or of the search for this text."""
    terms = (Term(TEXT, (text.strip(),)),)
    within = (
        f"orgs/{organization_id}/issues{link_to_query(translated(text=text[:MAX_TEXT]), SORTS[0])}"
    )
    return path_of_id(ctx, organization_id, terms) or within
