"""The log groups that a project captures. Members see them, the command changes them."""

from errata.usecases import captured_groups
from functions.dashboard.byte_budget import ByteBudget
from functions.dashboard.render import page
from functions.dashboard.routing import RequestContext, get
from functions.dashboard.web import PageResponse

_BYTES = 40_000
_MARKUP_OF_A_ROW = 220


@get("projects/<project:project_id>/capture")
def show(ctx: RequestContext) -> PageResponse:
    """Show the captured log groups of a project."""
    found = captured_groups.of_project(ctx.project.id)
    budget = ByteBudget(_BYTES)
    rows = []
    for each in found:
        if not budget.pays(_MARKUP_OF_A_ROW):
            break
        rows.append((each, budget.take(each.name, 512), budget.take(each.added_by, 100)))
    return page(
        ctx.request,
        "capture.html",
        ctx.now_ms,
        ctx=ctx,
        rows=rows,
        total=len(found),
    )
