"""Functions that the pages of an organization share: roles to offer, and the redirect back."""

from errata.models.member import ROLES, Role
from functions.dashboard.routing import RequestContext
from functions.dashboard.web import PageResponse, redirect


def offered_roles(ctx: RequestContext) -> list[Role]:
    """Return the roles that the signed-in user may give."""
    return [role for role in reversed(ROLES) if role != "owner" or own_role(ctx) == "owner"]


def own_role(ctx: RequestContext) -> Role:
    """Return the signed-in user's role in the organization."""
    return ctx.user.memberships[ctx.organization.id].role


def to_organization(ctx: RequestContext, name: str) -> PageResponse:
    """Redirect to the organization's page, which shows the message `name`."""
    return redirect(f"{ctx.request.root}orgs/{ctx.organization.id}?said={name}")
