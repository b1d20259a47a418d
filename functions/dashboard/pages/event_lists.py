"""Lists of events: those of an issue, and those of a project, each with a search."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from errata.errors import InvalidQueryError
from errata.models.event import Stored, received_ms, summary
from errata.models.issue import Issue
from errata.models.slug import short_id
from errata.models.titles import title
from errata.protocol.query import EVENT_KEYS, parse_terms, query_text
from errata.usecases import issue_events, slugs
from errata.usecases.event_search import MatchingEvents
from errata.usecases.issue_events import EVENTS_A_PAGE
from errata.usecases.issue_values import TAG, term_of, user_name
from errata.usecases.newest_events import Newest
from functions.dashboard.byte_budget import ByteBudget
from functions.dashboard.event.metadata import request_line
from functions.dashboard.queries import in_place
from functions.dashboard.render import page
from functions.dashboard.routing import RequestContext, get
from functions.dashboard.web import PageResponse

# Bytes of the rows of a list.
_LIST_BYTES = 40_000
_EXAMPLES = (
    ("user.email:ada@example.com", "user.id; user is the address, name or id, as tags show it"),
    ("level:error", "warning, info, debug"),
    ('release:"shop 2.*"', "environment, server, transaction, url, logger; * is any text"),
    ("browser:Firefox*", "system, device"),
    ("tags[browser]:Firefox", "a tag, by its name"),
    ("!user.id:7", "not this value"),
    ('"connection reset"', "in title, culprit, exceptions, functions, files"),
)


@get("projects/<project:project_id>/events")
def of_project(ctx: RequestContext) -> PageResponse:
    """Show the newest events of a project; with `?query`, those that match."""
    return _searched(ctx, None)


@get("projects/<project:project_id>/issues/<issue:issue_id>/events")
def of_issue(ctx: RequestContext) -> PageResponse:
    """Show a page of an issue's events; with `?query`, those of the newest that match."""
    args, issue_id = ctx.request.args, ctx.request.ids["issue_id"]
    if _asked(args):
        return _searched(ctx, issue_events.find(ctx.visible, issue_id))
    before, after = args.get("before", ""), args.get("after", "")
    found = issue_events.page(ctx.visible, issue_id, before, after)
    return _page(ctx, found.issue, "", found.events, newer=found.newer, older=found.older)


def _asked(args: Mapping[str, str]) -> str:
    """Return the text of the query in a request. Translates the filter of old links."""
    key, value = args.get("key", ""), args.get("value", "")
    if value and (key in EVENT_KEYS or key.startswith(TAG)):
        return query_text([term_of(key, value)])
    return args.get("query", "").strip()


def _searched(ctx: RequestContext, issue: Issue | None) -> PageResponse:
    text, before = _asked(ctx.request.args), ctx.request.args.get("before", "")
    try:
        terms = parse_terms(text, EVENT_KEYS)
    except InvalidQueryError as error:
        return _page(ctx, issue, text, [], problem=in_place(error), status=422)
    members = issue.members if issue else ()
    newest = Newest(ctx.visible, issue.id if issue else "", before, members)
    found = MatchingEvents(newest, terms)
    # Keep only summaries: a page of whole events may take 20 times 20 MB.
    matching = (replace(each, fields=summary(each.fields)) for each in found.events)
    events = list(islice(matching, EVENTS_A_PAGE))
    return _page(
        ctx,
        issue,
        text,
        events,
        found=found,
        older=newest.last if newest.more else None,
        newer="first" if before else None,
    )


def _page(
    ctx: RequestContext,
    issue: Issue | None,
    text: str,
    events: Sequence[Stored],
    status: int = 200,
    **values: Any,
) -> PageResponse:
    budget = ByteBudget(_LIST_BYTES)
    content = {"problem": None, "found": None, "newer": None, "older": None, **values}
    return page(
        ctx.request,
        "events.html",
        ctx.now_ms,
        status,
        ctx=ctx,
        issue=issue,
        short_id=issue and short_id(slugs.shown(ctx.project).slug, issue.number),
        title=budget.take(issue.title, 200) if issue else "",
        text=text,
        examples=_EXAMPLES,
        rows=[
            {
                "id": each.id,
                "received": received_ms(each.id, each.fields),
                "title": budget.take(title(each.fields), 160),
                "url": budget.take(request_line(each.fields), 120),
                "user": budget.take(user_name(each.fields), 80),
                "release": budget.take(each.fields.get("release") or "", 60),
                "environment": budget.take(each.fields.get("environment") or "", 40),
            }
            for each in events
        ],
        link=f"?{urlencode({'query': text})}&" if text else "?",
        **content,
    )
