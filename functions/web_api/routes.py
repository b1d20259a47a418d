"""List all routes of the web API, for the handler, the tests and the OpenAPI document."""

from functions.web_api import (
    commands,
    issue_routes,
    markdown,
    mcp,
    monitor_routes,
    organizations,
    projects,
    release_routes,
    root,
    schemas,
    upload_routes,
)
from functions.web_api.routing import ANY, READ, Route

_ORGANIZATION = "/api/0/organizations/<organization>"
_PROJECT = "/api/0/projects/<organization>/<project>"
_LISTED = {"cursor": "Where the page starts, from `Link`.", "per_page": "Entries a page, 1 to 100."}
_PERSONAL = {"personal_data": "1: do not withhold personal data."}

ROUTES: list[Route] = [
    Route("GET", "/api/0", ANY, root.show, gives=schemas.Root),
    Route(
        "GET",
        "/api/0/organizations",
        ANY,
        organizations.list_organizations,
        gives=list[schemas.OrganizationSchema],
    ),
    Route("GET", _ORGANIZATION, ANY, organizations.show, gives=schemas.OrganizationSchema),
    Route(
        "GET",
        f"{_ORGANIZATION}/projects",
        ANY,
        projects.list_of,
        gives=list[schemas.ProjectSchema],
        parameters=_LISTED,
    ),
    Route(
        "GET",
        f"{_ORGANIZATION}/teams",
        READ,
        organizations.list_teams,
        gives=list[schemas.TeamSchema],
    ),
    Route(
        "GET",
        f"{_ORGANIZATION}/members",
        READ,
        organizations.list_members,
        gives=list[schemas.MemberSchema],
    ),
    Route(
        "GET",
        "/api/0/projects",
        ANY,
        projects.list_all,
        gives=list[schemas.ProjectSchema],
        parameters=_LISTED,
    ),
    Route(
        "GET",
        f"{_ORGANIZATION}/issues/<issue>.md",
        READ,
        markdown.show_issue,
        gives=str,
        parameters=_PERSONAL,
        media="text/markdown",
    ),
    Route(
        "GET",
        f"{_ORGANIZATION}/events/<event>.md",
        READ,
        markdown.show_event,
        gives=str,
        parameters=_PERSONAL,
        media="text/markdown",
    ),
    Route("POST", "/mcp", READ, mcp.respond),
    Route("GET", _PROJECT, ANY, projects.show, gives=schemas.ProjectSchema),
    Route("GET", f"{_PROJECT}/keys", ANY, projects.list_keys, gives=list[schemas.KeySchema]),
    *issue_routes.ROUTES,
    *release_routes.ROUTES,
    *monitor_routes.ROUTES,
    *upload_routes.ROUTES,
    *commands.ROUTES,
]
