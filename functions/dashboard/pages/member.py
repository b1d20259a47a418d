"""The page of one member of an organization: change their role, or remove them."""

from typing import cast

from errata.errors import NotFoundError
from errata.models.member import Role
from errata.store.members import list_teams
from errata.usecases import members
from functions.dashboard.forms import Failed, chosen_teams, offered, organization_routes
from functions.dashboard.membership import offered_roles, own_role, to_organization
from functions.dashboard.render import page
from functions.dashboard.routing import RequestContext
from functions.dashboard.web import PageResponse, redirect


def _page(ctx: RequestContext, failed: Failed) -> PageResponse:
    """Show a member's role and teams; `?email=` names the member."""
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


def _change(ctx: RequestContext, _: str) -> PageResponse:
    role = cast("Role", ctx.request.form.get("role", ""))
    email, teams = ctx.request.args.get("email", ""), chosen_teams(ctx)
    members.change(ctx.organization.id, email, role, teams, by_role=own_role(ctx))
    return _done_by_member(ctx, email, "changed")


def _invite_again(ctx: RequestContext, _: str) -> PageResponse:
    email = ctx.request.args.get("email", "")
    members.invite_again(ctx.organization.id, email, by_role=own_role(ctx))
    return to_organization(ctx, "again")


def _remove(ctx: RequestContext, _: str) -> PageResponse:
    email = ctx.request.args.get("email", "")
    members.remove(ctx.organization.id, email, by_role=own_role(ctx))
    return _done_by_member(ctx, email, "left")


def _done_by_member(ctx: RequestContext, email: str, message: str) -> PageResponse:
    # Users who removed their own right to manage members can no longer see the page.
    if email.strip().lower() == ctx.user.email:
        return redirect(f"{ctx.request.root}projects")
    return to_organization(ctx, message)


_ACTIONS = {
    "save": _change,
    "invite-again": _invite_again,
    "remove": _remove,
}

organization_routes("member", _page, _ACTIONS)
