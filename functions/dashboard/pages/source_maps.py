"""The source maps of a project. Members see them, admins delete them."""

from errata.models.artifact import UNUSED_KEPT_MS, Artifact, Bundle
from errata.models.ids import DAY_MS
from errata.usecases import sourcemaps
from functions.dashboard.byte_budget import ByteBudget
from functions.dashboard.forms import Failed, done, settings_page, settings_routes
from functions.dashboard.pages.tokens import web_url
from functions.dashboard.routing import RequestContext
from functions.dashboard.web import PageResponse

_MESSAGES = {"deleted": "Deleted. Events that it was used for keep their original frames."}
_BYTES = 40_000
_MARKUP_OF_A_ROW = 330
_MOST_UPLOADS = 5


def _page(ctx: RequestContext, failed: Failed) -> PageResponse:
    found = sourcemaps.of_project(ctx.project.id)
    budget = ByteBudget(_BYTES)
    rows = []
    for each in found:
        if not budget.pays(_MARKUP_OF_A_ROW):
            break
        rows.append(
            (each, budget.take(each.name, 200), _where(each, budget), _size(each.stored_bytes))
        )
    open_uploads = sourcemaps.open_uploads(ctx.project.id)
    return settings_page(
        ctx,
        "source_maps.html",
        failed,
        _MESSAGES,
        rows=rows,
        total=len(found),
        size=_size(sum(each.stored_bytes for each in found)),
        kept_days=UNUSED_KEPT_MS // DAY_MS,
        uploads=[(each, _problem(each, budget)) for each in open_uploads[:_MOST_UPLOADS]],
        more_uploads=len(open_uploads[_MOST_UPLOADS:]),
        web_url=web_url(ctx),
    )


def _where(each: Artifact, budget: ByteBudget) -> str:
    """Return the keys of a source map in words: its debug id, and its release."""
    release = f"release {each.release}" + (f", dist {each.dist}" if each.dist else "")
    named = (f"debug id {each.debug_id}" if each.debug_id else "", release if each.release else "")
    return budget.take("; ".join(filter(None, named)), 200)


def _problem(upload: Bundle, budget: ByteBudget) -> str:
    """Return what is wrong with an upload, or that it is not compiled yet, in words."""
    release = f"Release {budget.take(upload.release, 100)}: " if upload.release else ""
    return release + (budget.take(upload.detail, 1_000) or "It is being compiled.")


def _size(stored: int) -> str:
    """Return a size as text, `5.6 MB`: phones have no room for more digits."""
    return f"{stored / 1_000_000:.1f} MB" if stored >= 100_000 else f"{stored / 1_000:.1f} kB"


def _delete(ctx: RequestContext, map_id: str) -> PageResponse:
    sourcemaps.delete(ctx.project.id, map_id)
    return done(ctx, "deleted")


settings_routes("sourcemaps", _page, {"delete": _delete})
