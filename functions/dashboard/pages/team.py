"""The page of one team of an organization."""

from errata.errors import NotFoundError
from errata.store.members import list_teams
from errata.usecases import members
from functions.dashboard.forms import Failed, organization_routes
from functions.dashboard.membership import to_organization
from functions.dashboard.render import page
from functions.dashboard.routing import RequestContext
from functions.dashboard.web import PageResponse


def _page(ctx: RequestContext, failed: Failed) -> PageResponse:
    """Show the forms to rename or delete a team."""
    teams = {team.id: team for team in list_teams(ctx.organization.id)}
    team = teams.get(ctx.request.ids["team_id"])
    if team is None:
        raise NotFoundError("This team has been deleted.")
    return page(ctx.request, "team.html", ctx.now_ms, failed.status, ctx, failed=failed, team=team)


def _rename(ctx: RequestContext, _: str) -> PageResponse:
    name = ctx.request.form.get("name", "").strip()
    members.rename_team(ctx.organization.id, ctx.request.ids["team_id"], name)
    return to_organization(ctx, "changed")


def _delete(ctx: RequestContext, _: str) -> PageResponse:
    members.delete_team(ctx.organization.id, ctx.request.ids["team_id"])
    return to_organization(ctx, "team-deleted")


_ACTIONS = {"rename": _rename, "delete": _delete}

organization_routes("teams/<team:team_id>", _page, _ACTIONS)
