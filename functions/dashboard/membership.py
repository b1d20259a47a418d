"""What pages of an organization have in common: whom a visitor may make what, and the way back."""

from errata.models.member import ROLES, Role
from functions.dashboard.routing import Visit
from functions.dashboard.web import Response, redirect


def offered_roles(visit: Visit) -> list[Role]:
    """What this visitor may make somebody."""
    return [role for role in reversed(ROLES) if role != "owner" or own_role(visit) == "owner"]


def own_role(visit: Visit) -> Role:
    """What this visitor is in the organization."""
    return visit.user.memberships[visit.organization.id].role


def done(visit: Visit, said: str) -> Response:
    """Back to the organization's page, which says what was done."""
    return redirect(f"{visit.request.root}orgs/{visit.organization.id}?said={said}")
