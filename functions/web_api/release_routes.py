"""The routes of releases and deploys. `functions.web_api.routes` has the list of all."""

from functions.web_api import release_schemas, releases
from functions.web_api.routing import ANY, CI, Route

_ORGANIZATION = "/api/0/organizations/<organization>"
_PROJECT = "/api/0/projects/<organization>/<project>"
# A version may have slashes.
_VERSION = "/releases/<path:version>"
_PAGE = {"cursor": "Where the page starts, from `Link`.", "per_page": "Entries a page, 1 to 100."}
_LIST = {"query": "Only releases with this in their version.", **_PAGE}

ROUTES: list[Route] = [
    Route(
        "GET",
        f"{_ORGANIZATION}/releases",
        ANY,
        releases.list_of_organization,
        gives=list[release_schemas.ReleaseSchema],
        parameters={"project": "Only of this project: its id or slug. May be repeated."} | _LIST,
    ),
    Route(
        "POST",
        f"{_ORGANIZATION}/releases",
        CI,
        releases.create,
        takes=release_schemas.ReleaseForm,
        gives=release_schemas.ReleaseSchema,
        leads={"version": "/version"},
        status=201,
        also={208: release_schemas.ReleaseSchema},
    ),
    Route(
        "GET",
        f"{_ORGANIZATION}{_VERSION}",
        ANY,
        releases.show,
        gives=release_schemas.ReleaseSchema,
    ),
    Route(
        "PUT",
        f"{_ORGANIZATION}{_VERSION}",
        CI,
        releases.update,
        takes=release_schemas.ReleaseUpdate,
        gives=release_schemas.ReleaseSchema,
    ),
    Route(
        "GET",
        f"{_ORGANIZATION}{_VERSION}/deploys",
        ANY,
        releases.list_deploys,
        gives=list[release_schemas.DeploySchema],
    ),
    Route(
        "POST",
        f"{_ORGANIZATION}{_VERSION}/deploys",
        CI,
        releases.deploy,
        takes=release_schemas.DeployForm,
        gives=release_schemas.DeploySchema,
        status=201,
    ),
    Route("GET", f"{_ORGANIZATION}{_VERSION}/commits", ANY, releases.no_commits, gives=list[str]),
    Route(
        "GET",
        f"{_ORGANIZATION}{_VERSION}/previous-with-commits",
        ANY,
        releases.no_release_before,
        gives=dict[str, str],
    ),
    Route("GET", f"{_ORGANIZATION}/repos", ANY, releases.no_repositories, gives=list[str]),
    Route(
        "GET",
        f"{_PROJECT}/releases",
        ANY,
        releases.list_of_project,
        gives=list[release_schemas.ReleaseSchema],
        parameters=_LIST,
    ),
    Route(
        "POST",
        f"{_PROJECT}/releases",
        CI,
        releases.create_of_project,
        takes=release_schemas.ProjectReleaseForm,
        gives=release_schemas.ReleaseSchema,
        leads={"version": "/version"},
        status=201,
        also={208: release_schemas.ReleaseSchema},
    ),
    Route(
        "GET",
        f"{_PROJECT}{_VERSION}",
        ANY,
        releases.show_of_project,
        gives=release_schemas.ReleaseSchema,
    ),
    Route(
        "PUT",
        f"{_PROJECT}{_VERSION}",
        CI,
        releases.update_of_project,
        takes=release_schemas.ReleaseUpdate,
        gives=release_schemas.ReleaseSchema,
    ),
]
