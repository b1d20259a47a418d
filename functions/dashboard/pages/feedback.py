"""What people have written about errors of a project, newest first."""

from errata.usecases import feedback
from functions.dashboard.feedback import OF_A_PAGE, shown_feedback
from functions.dashboard.render import page
from functions.dashboard.routing import RequestContext, get
from functions.dashboard.web import PageResponse

_A_PAGE = 50


@get("projects/<project:project_id>/feedback")
def show(ctx: RequestContext) -> PageResponse:
    """Show the feedback of a project. With `?before`, only what is older than that feedback."""
    before = ctx.request.args.get("before", "")[:40]
    found = feedback.newest(ctx.visible, _A_PAGE, before)
    rows = shown_feedback(found, OF_A_PAGE)
    more = len(found) == _A_PAGE or len(rows) < len(found)
    return page(
        ctx.request,
        "feedback.html",
        ctx.now_ms,
        ctx=ctx,
        rows=rows,
        before=before,
        older=rows[-1].id if rows and more else "",
    )
