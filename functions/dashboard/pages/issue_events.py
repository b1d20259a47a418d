"""All events of an issue: the list, those with one value, and how often each value occurs."""

from dataclasses import replace
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from errata.models.event import Stored, received_ms, summary
from errata.models.ids import DAY_MS
from errata.models.slug import short_id
from errata.models.titles import title
from errata.usecases import issue_events, slugs
from errata.usecases.issue_events import EVENTS_A_PAGE, Newest
from errata.usecases.issue_values import USER, Tally, link, shares, user_name, values_of
from functions.dashboard.byte_budget import ByteBudget
from functions.dashboard.render import page
from functions.dashboard.routing import RequestContext, get
from functions.dashboard.web import Response

HOUR_MS = 3_600_000
# Bytes of the values, and of the rows of a list.
_TAG_BYTES, _LIST_BYTES = 30_000, 40_000
_MARKUP_OF_A_VALUE, _MARKUP_OF_A_TAG = 420, 260
_MOST_TAGS, _MOST_VALUES, _MOST_OF_ALL = 40, 5, 50
# Tags that start open.
_OPEN = 4


@get("projects/<project:project_id>/issues/<issue:issue_id>/events")
def list_(ctx: RequestContext) -> Response:
    """Show a page of an issue's events; with `?key` and `?value`, only those with the value."""
    args, issue_id = ctx.request.args, ctx.request.ids["issue_id"]
    before, after = args.get("before", ""), args.get("after", "")
    key, value = args.get("key", ""), args.get("value", "")
    if not key:
        found = issue_events.page(ctx.visible, issue_id, before, after)
        return _page(ctx, found.issue, found.events, newer=found.newer, older=found.older)
    issue = issue_events.find(ctx.visible, issue_id)
    newest = Newest(ctx.visible, issue_id, before)
    # As summaries: a page of whole events may take 20 times 20 MB.
    matching = (
        replace(each, fields=summary(each.fields))
        for each in newest.events
        if (key, value) in values_of(each.fields)
    )
    events = list(islice(matching, EVENTS_A_PAGE))
    return _page(
        ctx,
        issue,
        events,
        key=key,
        value=value,
        newest=newest,
        older=newest.last if newest.more else None,
        newer="first" if before else None,
    )


def _page(ctx: RequestContext, issue: Any, events: list[Stored], **values: Any) -> Response:
    budget = ByteBudget(_LIST_BYTES)
    asked = {name: values[name] for name in ("key", "value") if values.get(name)}
    name = values.get("key", "").removeprefix("tag:")
    return page(
        ctx.request,
        "issue_events.html",
        ctx.now_ms,
        ctx=ctx,
        issue=issue,
        short_id=short_id(slugs.shown(ctx.project).slug, issue.number),
        title=budget.take(issue.title, 200),
        rows=[
            {
                "id": each.id,
                "received": received_ms(each.id, each.fields),
                "title": budget.take(title(each.fields), 160),
                "user": budget.take(user_name(each.fields), 80),
                "release": budget.take(each.fields.get("release") or "", 60),
                "environment": budget.take(each.fields.get("environment") or "", 40),
            }
            for each in events
        ],
        link=f"?{urlencode(asked)}&" if asked else "?",
        asked=(budget.take(name, 80), budget.take(values.get("value", ""), 200)) if asked else None,
        newest=values.get("newest"),
        newer=values.get("newer"),
        older=values.get("older"),
    )


@get("projects/<project:project_id>/issues/<issue:issue_id>/tags")
def tags(ctx: RequestContext) -> Response:
    """Show how often each value occurs among the newest events of an issue, and its users.

    For htmx, without the layout. The browser may keep it for a minute, so that going from event to
    event does not read the events again.
    """
    issue = issue_events.find(ctx.visible, ctx.request.ids["issue_id"])
    newest, tally = Newest(ctx.visible, issue.id), Tally()
    tally.add_all(newest.events, ctx.now_ms)
    budget = ByteBudget(_TAG_BYTES)
    # This part is in the page of an issue or of an event, so its links are relative to that page.
    within = ".." if ctx.request.partial else f"{ctx.request.root}projects/{ctx.project.id}"
    response = page(
        ctx.request,
        "tags.html",
        ctx.now_ms,
        ctx=ctx,
        issue=issue,
        short_id=short_id(slugs.shown(ctx.project).slug, issue.number),
        title=budget.take(issue.title, 200),
        issue_path=f"{within}/issues/{issue.id}",
        total=tally.events,
        more=newest.more,
        users=_values(USER, tally, budget, 20),
        tags=_tags(tally, budget),
        opened=_OPEN,
        hour=_of(tally.hour, tally.covers(HOUR_MS, ctx.now_ms, more=newest.more)),
        day=_of(tally.day, tally.covers(DAY_MS, ctx.now_ms, more=newest.more)),
    )
    if ctx.request.partial:
        response.headers["Cache-Control"] = "private, max-age=60"
        response.headers["Vary"] = "Accept-Encoding, HX-Request, Cookie"
    return response


def _tags(tally: Tally, budget: ByteBudget) -> list[dict[str, Any]]:
    shown = []
    for key in tally.keys[:_MOST_TAGS]:
        if not budget.pays(_MARKUP_OF_A_TAG):
            break
        if values := _values(key, tally, budget, _MOST_VALUES):
            name = budget.take(key.removeprefix("tag:"), 60)
            more = len(tally.counts[key]) - len(values)
            shown.append({"name": name, "values": values, "more": more})
    return shown


def _values(key: str, tally: Tally, budget: ByteBudget, most: int) -> list[dict[str, Any]]:
    """Return the most frequent values of a key, each with a link to its events."""
    counts = dict(tally.counts.get(key, {}))
    shown = []
    for value, count, percent in shares(counts, tally.events, most):
        query = link(key, value)
        if not budget.pays(_MARKUP_OF_A_VALUE + 2 * len(query)):
            break
        text = budget.take(value, 100)
        shown.append({"text": text, "count": count, "percent": percent, "link": query})
    return shown


def _of(users: set[str], complete: bool) -> str:
    return f"{'' if complete else '≥ '}{len(users):,}"
