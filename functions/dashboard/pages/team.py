"""The page of one team of an organization."""

from errata.errors import NotFoundError
from errata.store.members import list_teams
from errata.usecases import members
from functions.dashboard.forms import Failed, act
from functions.dashboard.membership import done
from functions.dashboard.render import page
from functions.dashboard.routing import RequestContext, get, post
from functions.dashboard.web import Response


@get("orgs/<organization:organization_id>/teams/<team:team_id>")
def show(ctx: RequestContext) -> Response:
    """Show the forms to rename or delete a team."""
    ctx.must_administer(ctx.organization.id)
    return _page(ctx, Failed())


@post("orgs/<organization:organization_id>/teams/<team:team_id>", keeps=True)
def change(ctx: RequestContext) -> Response:
    """Handle the forms of the page."""
    ctx.must_administer(ctx.organization.id)
    return act(ctx, _ACTIONS, _page)


def _page(ctx: RequestContext, failed: Failed) -> Response:
    teams = {team.id: team for team in list_teams(ctx.organization.id)}
    team = teams.get(ctx.request.ids["team_id"])
    if team is None:
        raise NotFoundError("This team has been deleted.")
    return page(ctx.request, "team.html", ctx.now_ms, failed.status, ctx, failed=failed, team=team)


def _rename(ctx: RequestContext, _: str) -> Response:
    name = ctx.request.form.get("name", "").strip()
    members.rename_team(ctx.organization.id, ctx.request.ids["team_id"], name)
    return done(ctx, "changed")


def _delete(ctx: RequestContext, _: str) -> Response:
    members.delete_team(ctx.organization.id, ctx.request.ids["team_id"])
    return done(ctx, "team-deleted")


_ACTIONS = {"rename": _rename, "delete": _delete}
