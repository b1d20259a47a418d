"""The releases of a project, and its lost events."""

from urllib.parse import urlencode

from errata.models.loss import REASONS, SDK_REASONS
from errata.protocol.query import Term, to_text
from errata.usecases import issues, loss_ledger
from functions.dashboard.byte_budget import ByteBudget
from functions.dashboard.render import page
from functions.dashboard.routing import RequestContext, get
from functions.dashboard.web import Response

RELEASES_A_PAGE = 50
# In bytes of HTML. Keeps the page below 80 KB, however long the names of releases are.
BYTE_BUDGET = 52_000
_MARKUP_OF_A_ROW = 700
# Characters of a release's name in a query.
_MOST_IN_LINK = 100
STATS_DAYS = 30


@get("projects/<project:project_id>/releases")
def releases(ctx: RequestContext) -> Response:
    """Show when each release was seen and what it brought, as many as fit the page."""
    cursor = ctx.request.args.get("cursor") or None
    found = issues.search_releases(ctx.visible, cursor)
    rows, budget = [], ByteBudget(BYTE_BUDGET)
    for release in found.releases[:RELEASES_A_PAGE]:
        link = urlencode({"query": _query(release.release)})
        if not budget.pays(_MARKUP_OF_A_ROW + len(link)):
            break
        rows.append((release, budget.take(release.release, 120), link))
    following = found.behind(len(rows))
    return page(
        ctx.request,
        "releases.html",
        ctx.now_ms,
        ctx=ctx,
        rows=rows,
        exact=found.exact,
        exhaustive=found.exhaustive,
        cursor=cursor,
        next_page=following and f"?{urlencode({'cursor': following})}",
    )


def _query(release: str) -> str:
    """Return the query for the open issues of a release. A long name is found by its beginning."""
    short = release[:_MOST_IN_LINK]
    pieces = (release,) if short == release else (short, "")
    return to_text([Term("is", ("open",)), Term("release", pieces)])


@get("projects/<project:project_id>/stats")
def stats(ctx: RequestContext) -> Response:
    """Show accepted and lost events side by side."""
    by_day = loss_ledger.by_day(ctx.visible, STATS_DAYS)
    totals = {
        reason: total
        for reason in (*REASONS, *SDK_REASONS)
        if (total := sum(lost.get(reason, 0) for _, lost in by_day.values()))
    }
    return page(
        ctx.request,
        "stats.html",
        ctx.now_ms,
        ctx=ctx,
        accepted=[(day, accepted) for day, (accepted, _) in by_day.items()],
        lost=[(day, sum(lost.values())) for day, (_, lost) in by_day.items()],
        reasons=list(totals),
        totals=totals,
        days=[(day, accepted, lost) for day, (accepted, lost) in reversed(by_day.items())],
    )
