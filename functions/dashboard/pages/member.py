"""The page of one member of an organization: change their role, or remove them."""

from typing import cast

from errata.errors import NotFoundError
from errata.models.member import Role
from errata.store import members as store
from errata.usecases import members
from functions.dashboard.forms import Failed, act, chosen_teams, offered
from functions.dashboard.membership import done, offered_roles, own_role
from functions.dashboard.render import page
from functions.dashboard.routing import Visit, get, post
from functions.dashboard.web import Response, redirect


@get("orgs/{organization_id}/member")
def show(visit: Visit) -> Response:
    """Show a member's role and teams; `?email=` names the member."""
    visit.must_administer(visit.organization.id)
    return _page(visit, Failed())


@post("orgs/{organization_id}/member")
def change(visit: Visit) -> Response:
    """Handle the forms of the page."""
    visit.must_administer(visit.organization.id)
    return act(visit, _ACTIONS, _page)


def _page(visit: Visit, failed: Failed) -> Response:
    organization_id = visit.organization.id
    user = members.find_user(visit.request.query.get("email", ""))
    membership = user.memberships.get(organization_id)
    if membership is None:
        raise NotFoundError("This member has been removed.")
    teams = store.list_teams(organization_id)
    typed = failed.action == "save"
    shown = offered(teams, membership.teams)
    return page(
        visit.request,
        "member.html",
        visit.now_ms,
        failed.status,
        visit=visit,
        failed=failed,
        email=user.email,
        role=failed.typed.get("role", "") if typed else membership.role,
        may_change=membership.role in offered_roles(visit),
        roles=offered_roles(visit),
        teams=shown,
        more_teams=len(teams) - len(shown),
        chosen=failed.teams if typed else membership.teams,
    )


def _change(visit: Visit, _: str) -> Response:
    role = cast("Role", visit.request.form.get("role", ""))
    email, teams = visit.request.query.get("email", ""), chosen_teams(visit)
    members.change(visit.organization.id, email, role, teams, by_role=own_role(visit))
    return _done_by_member(visit, email, "changed")


def _invite_again(visit: Visit, _: str) -> Response:
    email = visit.request.query.get("email", "")
    members.invite_again(visit.organization.id, email, by_role=own_role(visit))
    return done(visit, "again")


def _remove(visit: Visit, _: str) -> Response:
    email = visit.request.query.get("email", "")
    members.remove(visit.organization.id, email, by_role=own_role(visit))
    return _done_by_member(visit, email, "left")


def _done_by_member(visit: Visit, email: str, said: str) -> Response:
    # Users who removed their own right to manage members can no longer see the page.
    if email.strip().lower() == visit.user.email:
        return redirect(f"{visit.request.root}projects")
    return done(visit, said)


_ACTIONS = {
    "save": _change,
    "invite-again": _invite_again,
    "remove": _remove,
}
