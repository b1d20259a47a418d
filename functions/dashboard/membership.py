"""Shared by the pages of an organization: the roles one may give, and the way back."""

from errata.models.member import ROLES, Role
from functions.dashboard.routing import Visit
from functions.dashboard.web import Response, redirect


def offered_roles(visit: Visit) -> list[Role]:
    """Return the roles that the signed-in user may give."""
    return [role for role in reversed(ROLES) if role != "owner" or own_role(visit) == "owner"]


def own_role(visit: Visit) -> Role:
    """Return the signed-in user's role in the organization."""
    return visit.user.memberships[visit.organization.id].role


def done(visit: Visit, said: str) -> Response:
    """Redirect to the organization's page, which says what was done."""
    return redirect(f"{visit.request.root}orgs/{visit.organization.id}?said={said}")
