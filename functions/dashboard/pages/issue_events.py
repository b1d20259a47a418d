"""How often each value occurs among the newest events of an issue."""

from typing import Any
from urllib.parse import urlencode

from errata.models.ids import DAY_MS
from errata.models.issue import Issue
from errata.models.seen_values import SeenValues
from errata.models.sketch import estimate
from errata.models.slug import short_id
from errata.usecases import issue_events, issue_refresh, slugs
from errata.usecases.issue_values import USER, ValueCounts, events_query, shares
from errata.usecases.newest_events import Newest
from functions.dashboard.byte_budget import ByteBudget
from functions.dashboard.pages.issue import not_modified
from functions.dashboard.render import page
from functions.dashboard.routing import RequestContext, get
from functions.dashboard.web import PageResponse

HOUR_MS = 3_600_000
# Bytes of the values.
_TAG_BYTES = 30_000
_MARKUP_OF_A_VALUE, _MARKUP_OF_A_TAG = 420, 260
_MOST_TAGS, _MOST_VALUES, _MOST_OF_ALL = 40, 5, 50
# Users in the part of a page, and on the page of all tags.
_USERS_OF_THE_PAGE, _USERS = 5, 20
# Tags that start open.
_OPEN = 4
# After how many seconds an open page asks whether the values have changed. To count them again
# reads about 256 units.
_REFRESH_S = 180


@get("projects/<project:project_id>/issues/<issue:issue_id>/tags", unless=not_modified)
def tags(ctx: RequestContext) -> PageResponse:
    """Show how often each value occurs among the newest events of an issue, and its users.

    With `?key`, only the values of that key, and more of them.

    For htmx, without the layout. The browser may keep the response for a minute, so that going from
    event to event does not read the events again. An open page asks again with `?version`, and gets
    204 if nothing has changed.
    """
    partial, key = ctx.request.partial, ctx.request.args.get("key", "")
    issue = issue_events.find(ctx.visible, ctx.request.ids["issue_id"])
    newest, counted = Newest(ctx.visible, issue.id, members=issue.members), ValueCounts()
    counted.add_all(newest.events, ctx.now_ms)
    budget = ByteBudget(_TAG_BYTES)
    most = _MOST_OF_ALL if key == USER else _USERS_OF_THE_PAGE if partial else _USERS
    users = _values(USER, counted, budget, most) if key in ("", USER) else []
    # This part is in the page of an issue or of an event, so its links are relative to that page.
    within = ".." if partial else f"{ctx.request.root}projects/{ctx.project.id}"
    response = page(
        ctx.request,
        "tags.html",
        ctx.now_ms,
        ctx=ctx,
        issue=issue,
        short_id=short_id(slugs.shown(ctx.project).slug, issue.number),
        title=budget.take(issue.title, 200),
        issue_path=f"{within}/issues/{issue.id}",
        total=counted.events,
        more=newest.more,
        key=key.removeprefix("tag:") and budget.take(key.removeprefix("tag:"), 60),
        users=users,
        more_users=len(counted.counts.get(USER, ())) - len(users),
        tags=_tags(counted, budget, key) if key != USER else [],
        version=issue_refresh.version(ctx.session, ctx.visible, issue),
        refresh_s=_REFRESH_S,
        opened=_OPEN,
        cut=SeenValues.unpack(issue.values, issue.value_counts).cut_keys(),
        hour=_of(counted.hour, counted.covers(HOUR_MS, ctx.now_ms, more=newest.more)),
        known_users=_known_users(issue, counted),
        day=_of(counted.day, counted.covers(DAY_MS, ctx.now_ms, more=newest.more)),
    )
    if partial:
        response.headers["Cache-Control"] = "private, max-age=60"
        response.headers["Vary"] = "Accept-Encoding, HX-Request, Cookie"
    return response


def _tags(counted: ValueCounts, budget: ByteBudget, only: str) -> list[dict[str, Any]]:
    """Return the keys with their most frequent values; with `only`, that key with more of them."""
    shown = []
    keys = [key for key in counted.keys if key == only] if only else counted.keys[:_MOST_TAGS]
    for key in keys:
        query = urlencode({"key": key})
        if not budget.pays(_MARKUP_OF_A_TAG + len(query)):
            break
        if values := _values(key, counted, budget, _MOST_OF_ALL if only else _MOST_VALUES):
            name = budget.take(key.removeprefix("tag:"), 60)
            more = len(counted.counts[key]) - len(values)
            shown.append({"name": name, "values": values, "more": more, "query": query})
    return shown


def _values(key: str, counted: ValueCounts, budget: ByteBudget, most: int) -> list[dict[str, Any]]:
    """Return the most frequent values of a key, each with a link to its events."""
    counts = dict(counted.counts.get(key, {}))
    shown = []
    for value, count, percent in shares(counts, counted.events, most):
        query = events_query(key, value)
        if not budget.pays(_MARKUP_OF_A_VALUE + 2 * len(query)):
            break
        text = budget.take(value, 100)
        shown.append({"text": text, "count": count, "percent": percent, "link": query})
    return shown


def _known_users(issue: Issue, counted: ValueCounts) -> int:
    """Return the number of users of the newest events. 0 if the issue's estimate is not lower."""
    known = len(counted.counts.get(USER, ()))
    return 0 if issue.members or known <= estimate(issue.users) else known


def _of(users: set[str], complete: bool) -> str:
    return f"{'' if complete else '≥ '}{len(users):,}"
