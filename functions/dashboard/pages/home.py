"""Where the dashboard opens: the projects that are the reader's."""

from errata.usecases import organizations, projects
from functions.dashboard.render import page
from functions.dashboard.routing import Visit, get, open_get
from functions.dashboard.web import Request, Response, redirect


@open_get("")
def start(request: Request, _now_ms: int) -> Response:
    """The dashboard's own URL: on to the projects."""
    return redirect(f"{request.root}projects")


@get("projects")
def home(visit: Visit) -> Response:
    """The reader's projects by organization; the only one there is opens by itself."""
    mine = [each for each in projects.list_projects() if visit.user.sees(each)]
    if len(mine) == 1 and len(visit.user.memberships) == 1:
        return redirect(f"{visit.request.root}projects/{mine[0].id}/issues")
    return page(
        visit.request,
        "home.html",
        visit.now_ms,
        visit=visit,
        organizations=[
            (each, [project for project in mine if project.organization == each.id])
            for each in organizations.list_organizations()
            if each.id in visit.user.memberships
        ],
    )
