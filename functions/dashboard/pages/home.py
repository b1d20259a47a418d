"""The start page: the user's projects."""

import re

from errata.usecases import dashboard_views
from functions.dashboard.render import page
from functions.dashboard.routing import RequestContext, get, open_get
from functions.dashboard.web import Request, Response, redirect

PROJECT_ID = re.compile(r"[0-9]{1,12}")
_PLACE = re.compile(r"(default|[0-9]{1,12})\.[0-9]{0,12}")


@open_get("")
def start(request: Request, _now_ms: int) -> Response:
    """Redirect from the root of the dashboard to the projects."""
    return redirect(f"{request.root}projects")


@get("projects")
def home(ctx: RequestContext) -> Response:
    """Show the user's projects by organization. A single project opens at once."""
    asked = _PLACE.fullmatch(ctx.request.args.get("after", ""))
    after = asked[0] if asked else ""
    view = dashboard_views.home_view(ctx.user, after)
    mine = [project for _, projects in view.organizations for project in projects]
    only = len(mine) == 1 and len(ctx.user.memberships) == 1
    if only and not (after or view.next_after):
        return redirect(f"{ctx.request.root}projects/{mine[0].id}/issues")
    return page(ctx.request, "home.html", ctx.now_ms, ctx=ctx, view=view, after=after)
