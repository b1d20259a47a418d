"""Projects that a token sees, and their DSNs."""

from errata.models.organization import Organization
from errata.models.project import ApiKey, Project, dsn
from errata.store.projects import some_projects
from errata.usecases import members, projects
from functions.web_api import cursors
from functions.web_api.context import Context
from functions.web_api.organizations import to_ref
from functions.web_api.request import ApiResponse
from functions.web_api.schemas import KeyDsn, KeySchema, ProjectSchema, TeamRef, at

# Names of teams by their ids.
type TeamNames = dict[str, str]


def list_all(context: Context) -> ApiResponse:
    """Return the projects that the token sees."""
    return list_of(context, context.bearer.organization)


def list_of(context: Context, organization: str) -> ApiResponse:
    """Return the projects of an organization that the token sees, oldest first."""
    owner = context.organization(organization)
    size, after = cursors.per_page(context), cursors.start(context)
    found, stopped = some_projects(owner.id, after if after.isdecimal() else "", pages=1)
    seen = [each for each in found if context.bearer.sees(each)]
    names = _team_names(context, seen[:size])
    if len(seen) > size:
        stopped = seen[size - 1].id
    return cursors.page(context, [_to_schema(each, owner, names) for each in seen[:size]], stopped)


def show(context: Context, organization: str, project: str) -> ApiResponse:
    """Return a project."""
    found = context.project(organization, project)
    owner = context.organization(organization)
    return ApiResponse(_to_schema(found, owner, _team_names(context, [found])))


def list_keys(context: Context, organization: str, project: str) -> ApiResponse:
    """Return the DSNs of a project, oldest first. Those that were revoked are not active."""
    found = projects.list_keys(context.project(organization, project).id)
    keys = [_to_key(each, context.sdk_url) for each in found if each.public]
    return cursors.page(context, keys, "")


def slug(project: Project) -> str:
    """Return what to call a project in a path: its slug, or its id if it has none yet."""
    return project.slug or project.id


def _team_names(context: Context, some: list[Project]) -> TeamNames:
    """Return the names of the teams that the token sees, if one of these projects has any."""
    if not any(each.teams for each in some):
        return {}
    found = members.list_teams(context.bearer.organization)
    return {each.id: each.name for each in found if context.bearer.in_team(each.id)}


def _to_schema(project: Project, owner: Organization, names: TeamNames) -> ProjectSchema:
    teams = [
        TeamRef(id=each, slug=each, name=names[each])
        for each in sorted(project.teams)
        if each in names
    ]
    return ProjectSchema(
        id=project.id,
        slug=slug(project),
        name=project.name,
        date_created=at(project.created_at),
        organization=to_ref(owner),
        team=teams[0] if teams else None,
        teams=teams,
    )


def _to_key(key: ApiKey, sdk_url: str) -> KeySchema:
    return KeySchema(
        id=key.public,
        name=key.label,
        label=key.label,
        public=key.public,
        project_id=int(key.project_id),
        is_active=key.revoked_at is None,
        date_created=at(key.created_at),
        dsn=KeyDsn(public=dsn(sdk_url, key.public, key.project_id)),
    )
