"""Releases of a project, and what of its events was lost."""

from errata.models.loss import REASONS, SDK_REASONS
from errata.store import issues as store
from errata.usecases import ledger
from functions.dashboard.render import page
from functions.dashboard.routing import Visit, get
from functions.dashboard.web import Response

STATS_DAYS = 30


@get("projects/{project_id}/releases")
def releases(visit: Visit) -> Response:
    """When each release was seen, and what it brought."""
    pk = store.partition(visit.project.id, visit.boundary.generation)
    found = store.list_releases(pk, visit.now_ms // 1000)
    newest_first = sorted(found, key=lambda release: release.last_seen, reverse=True)
    return page(visit.request, "releases.html", visit.now_ms, visit=visit, releases=newest_first)


@get("projects/{project_id}/stats")
def stats(visit: Visit) -> Response:
    """Accepted and lost, side by side."""
    visit.project  # noqa: B018 - theirs to see, or NotFound
    by_day = ledger.by_day(visit.project.id, STATS_DAYS)
    totals = {
        reason: total
        for reason in (*REASONS, *SDK_REASONS)
        if (total := sum(lost.get(reason, 0) for _, lost in by_day.values()))
    }
    return page(
        visit.request,
        "stats.html",
        visit.now_ms,
        visit=visit,
        accepted=[(day, accepted) for day, (accepted, _) in by_day.items()],
        lost=[(day, sum(lost.values())) for day, (_, lost) in by_day.items()],
        reasons=list(totals),
        totals=totals,
        days=[(day, accepted, lost) for day, (accepted, lost) in reversed(by_day.items())],
    )
