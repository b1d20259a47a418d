"""The page of one team of an organization."""

from errata.errors import NotFoundError
from errata.store import members as store
from errata.usecases import members
from functions.dashboard.forms import Failed, act
from functions.dashboard.membership import done
from functions.dashboard.render import page
from functions.dashboard.routing import Visit, get, post
from functions.dashboard.web import Response


@get("orgs/{organization_id}/teams/{team_id}")
def show(visit: Visit) -> Response:
    """Show the forms to rename or delete a team."""
    visit.must_administer(visit.organization.id)
    return _page(visit, Failed())


@post("orgs/{organization_id}/teams/{team_id}")
def change(visit: Visit) -> Response:
    """Handle the forms of the page."""
    visit.must_administer(visit.organization.id)
    return act(visit, _ACTIONS, _page)


def _page(visit: Visit, failed: Failed) -> Response:
    teams = {team.id: team for team in store.list_teams(visit.organization.id)}
    team = teams.get(visit.ids["team_id"])
    if team is None:
        raise NotFoundError("This team has been deleted.")
    return page(
        *(visit.request, "team.html", visit.now_ms, failed.status, visit), failed=failed, team=team
    )


def _rename(visit: Visit, _: str) -> Response:
    name = visit.request.form.get("name", "").strip()
    members.rename_team(visit.organization.id, visit.ids["team_id"], name)
    return done(visit, "changed")


def _delete(visit: Visit, _: str) -> Response:
    members.delete_team(visit.organization.id, visit.ids["team_id"])
    return done(visit, "team-deleted")


_ACTIONS = {"rename": _rename, "delete": _delete}
