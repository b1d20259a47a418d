"""The page of one member of an organization: change their role, or remove them."""

from typing import cast

from errata.errors import NotFoundError
from errata.models.member import Role
from errata.store.members import list_teams
from errata.usecases import members
from functions.dashboard.forms import Failed, act, chosen_teams, offered
from functions.dashboard.membership import done, offered_roles, own_role
from functions.dashboard.render import page
from functions.dashboard.routing import RequestContext, get, post
from functions.dashboard.web import Response, redirect


@get("orgs/<organization:organization_id>/member")
def show(ctx: RequestContext) -> Response:
    """Show a member's role and teams; `?email=` names the member."""
    ctx.must_administer(ctx.organization.id)
    return _page(ctx, Failed())


@post("orgs/<organization:organization_id>/member", keeps=True)
def change(ctx: RequestContext) -> Response:
    """Handle the forms of the page."""
    ctx.must_administer(ctx.organization.id)
    return act(ctx, _ACTIONS, _page)


def _page(ctx: RequestContext, failed: Failed) -> Response:
    organization_id = ctx.organization.id
    user = members.find_user(ctx.request.args.get("email", ""))
    membership = user.memberships.get(organization_id)
    if membership is None:
        raise NotFoundError("This member has been removed.")
    teams = list_teams(organization_id)
    typed = failed.action == "save"
    shown = offered(teams, membership.teams)
    return page(
        ctx.request,
        "member.html",
        ctx.now_ms,
        failed.status,
        ctx=ctx,
        failed=failed,
        email=user.email,
        role=failed.typed.get("role", "") if typed else membership.role,
        may_change=membership.role in offered_roles(ctx),
        roles=offered_roles(ctx),
        teams=shown,
        more_teams=len(teams) - len(shown),
        chosen=failed.teams if typed else membership.teams,
    )


def _change(ctx: RequestContext, _: str) -> Response:
    role = cast("Role", ctx.request.form.get("role", ""))
    email, teams = ctx.request.args.get("email", ""), chosen_teams(ctx)
    members.change(ctx.organization.id, email, role, teams, by_role=own_role(ctx))
    return _done_by_member(ctx, email, "changed")


def _invite_again(ctx: RequestContext, _: str) -> Response:
    email = ctx.request.args.get("email", "")
    members.invite_again(ctx.organization.id, email, by_role=own_role(ctx))
    return done(ctx, "again")


def _remove(ctx: RequestContext, _: str) -> Response:
    email = ctx.request.args.get("email", "")
    members.remove(ctx.organization.id, email, by_role=own_role(ctx))
    return _done_by_member(ctx, email, "left")


def _done_by_member(ctx: RequestContext, email: str, said: str) -> Response:
    # Users who removed their own right to manage members can no longer see the page.
    if email.strip().lower() == ctx.user.email:
        return redirect(f"{ctx.request.root}projects")
    return done(ctx, said)


_ACTIONS = {
    "save": _change,
    "invite-again": _invite_again,
    "remove": _remove,
}
