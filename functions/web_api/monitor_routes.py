"""The routes of cron monitors. `functions.web_api.routes` has the list of all."""

from functions.web_api import monitor_schemas, monitors
from functions.web_api.routing import READ, WRITE, Route

_ORGANIZATION = "/api/0/organizations/<organization>"
_MONITORS = "/api/0/projects/<organization>/<project>/monitors"
_PAGE = {"cursor": "Where the page starts, from `Link`.", "per_page": "Entries a page, 1 to 100."}

ROUTES: list[Route] = [
    Route(
        "GET",
        f"{_ORGANIZATION}/monitors",
        READ,
        monitors.list_of_organization,
        gives=list[monitor_schemas.MonitorSchema],
        parameters={
            "project": "Only of this project: its id or slug. May be repeated.",
            **_PAGE,
        },
    ),
    Route(
        "GET",
        _MONITORS,
        READ,
        monitors.list_of_project,
        gives=list[monitor_schemas.MonitorSchema],
        leads={"monitor": "/0/slug"},
    ),
    Route(
        "GET", f"{_MONITORS}/<monitor>", READ, monitors.show, gives=monitor_schemas.MonitorSchema
    ),
    Route(
        "DELETE",
        f"{_MONITORS}/<monitor>",
        WRITE,
        monitors.delete,
        parameters={"environment": "Only in this environment. May be repeated."},
        status=202,
    ),
    Route(
        "GET",
        f"{_MONITORS}/<monitor>/checkins",
        READ,
        monitors.list_check_ins,
        gives=list[monitor_schemas.CheckInSchema],
        parameters={
            "environment": "Only in this environment.",
            "per_page": "How many, 1 to 100.",
        },
    ),
]
