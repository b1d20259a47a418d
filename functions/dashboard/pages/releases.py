"""The releases of a project, and its lost events."""

from typing import Any
from urllib.parse import urlencode

from errata.models.issue import Release
from errata.models.loss import REASONS, SDK_REASONS
from errata.models.seen_values import RELEASE
from errata.protocol.query import FIRST_RELEASE, RESOLVED_AFTER
from errata.store.events import release_hash
from errata.usecases import issues, loss_ledger, slugs
from errata.usecases import releases as usecase
from errata.usecases.releases import ChangedIssues, ReleaseView, Summary, query_of
from functions.dashboard.byte_budget import ByteBudget
from functions.dashboard.issue_rows import ROW_BYTES, shown_row
from functions.dashboard.render import number, page, timestamp
from functions.dashboard.routing import RequestContext, get
from functions.dashboard.web import PageResponse

RELEASES_A_PAGE = 50
# In bytes of HTML. Keeps the page below 80 KB, however long the names of releases are.
BYTE_BUDGET = 52_000
_MARKUP_OF_A_ROW = 700
# The page of a release shows so many issues of a kind, so many other releases, and so many bytes of
# their names.
_ISSUES_SHOWN, _OTHERS_SHOWN = 10, 30
_NAMES_BYTES = 8_000
_LABELS = (
    *("New issues", "Regressed", "Users of new issues"),
    *("Events", "Events an hour", "First seen", "Last seen"),
)
STATS_DAYS = 30


@get("projects/<project:project_id>/releases")
def releases(ctx: RequestContext) -> PageResponse:
    """Show as many releases as fit the page: when each was seen, and what it brought."""
    cursor = ctx.request.args.get("cursor") or None
    found = issues.search_releases(ctx.visible, cursor)
    rows, budget = [], ByteBudget(BYTE_BUDGET)
    for release in found.releases[:RELEASES_A_PAGE]:
        new = urlencode({"query": query_of(FIRST_RELEASE, release.release)})
        still_open = urlencode({"query": f"is:open {query_of(RELEASE, release.release)}"})
        if not budget.pays(_MARKUP_OF_A_ROW + len(new) + len(still_open)):
            break
        name = budget.take(release.release, 120)
        rows.append((release, name, release_hash(release.release), new, still_open))
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


@get("projects/<project:project_id>/releases/<release:release_id>")
def show(ctx: RequestContext) -> PageResponse:
    """Show what a release has brought, compared with the one before or with `?with`."""
    asked = ctx.request.args.get("with", "")
    view = usecase.show(ctx.visible, ctx.request.ids["release_id"], asked)
    slug = slugs.shown(ctx.project).slug
    names = ByteBudget(_NAMES_BYTES)
    return page(
        ctx.request,
        "release.html",
        ctx.now_ms,
        ctx=ctx,
        view=view,
        name=names.take(view.this.release.release, 120),
        this=names.take(view.this.release.release, 60),
        before=view.before and names.take(view.before.release.release, 60),
        compared_values=_compared_values(ctx, view),
        kinds=[
            {
                "title": title,
                "link": urlencode({"query": query_of(key, view.this.release.release)}),
                "rows": [
                    shown_row(each, slug, ctx.now_ms, ByteBudget(ROW_BYTES))
                    | {"anchor": f"{key}-{each.id}"}
                    for each in changed.issues[:_ISSUES_SHOWN]
                ],
                "number": _number(changed),
            }
            for title, key, changed in usecase.kinds(view)
        ],
        older=_named(view.older, names),
        after=view.older and urlencode({"query": query_of(RESOLVED_AFTER, view.older.release)}),
        newer=_named(view.newer, names),
        others=[_named(each, names) for each in view.others[:_OTHERS_SHOWN]],
        compared=view.before and release_hash(view.before.release.release),
    )


def _named(release: Release | None, names: ByteBudget) -> tuple[str, str] | None:
    """Return the hash of a release for links, and its name."""
    return (release_hash(release.release), names.take(release.release, 60)) if release else None


def _compared_values(ctx: RequestContext, view: ReleaseView) -> list[tuple[str, Any, Any]]:
    """Return what is compared: a label, and the values of both releases."""
    zone = ctx.user.preferences.zone

    def of(summary: Summary) -> list[Any]:
        release = summary.release
        return [
            _number(summary.opened),
            _number(summary.regressed),
            number(summary.opened.users),
            number(release.events),
            f"{summary.brought.an_hour:,.1f}",
            timestamp(release.first_seen, ctx.now_ms, zone),
            timestamp(release.last_seen, ctx.now_ms, zone),
        ]

    this = of(view.this)
    before = of(view.before) if view.before else this
    return list(zip(_LABELS, this, before, strict=True))


def _number(changed: ChangedIssues) -> str:
    return f"{len(changed.issues):,}{'' if changed.complete else '+'}"


@get("projects/<project:project_id>/stats")
def stats(ctx: RequestContext) -> PageResponse:
    """Show the accepted and lost events of each of the last 30 days."""
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
