"""Organizations, their teams and members. A token opens one organization."""

from errata.models.member import Member, Team
from errata.models.organization import Organization
from errata.usecases import members
from functions.web_api import cursors
from functions.web_api.context import Context
from functions.web_api.request import ApiResponse
from functions.web_api.root import to_user_of
from functions.web_api.schemas import (
    MemberSchema,
    OrganizationRef,
    OrganizationSchema,
    TeamSchema,
    at,
)


def list_organizations(context: Context) -> ApiResponse:
    """Return the organization of the token, as a list."""
    found = context.organization(context.bearer.organization)
    return cursors.page(context, [_to_schema(context, found)], "")


def show(context: Context, organization: str) -> ApiResponse:
    """Return an organization."""
    return ApiResponse(_to_schema(context, context.organization(organization)))


def list_teams(context: Context, organization: str) -> ApiResponse:
    """Return the teams of an organization, oldest first. To a member, only their own."""
    found = members.list_teams(context.check_organization(organization))
    found = [each for each in found if context.bearer.in_team(each.id)]
    return cursors.page(context, [to_team(each) for each in found], "")


def list_members(context: Context, organization: str) -> ApiResponse:
    """Return the members of an organization."""
    context.check_organization(organization)
    context.must_administer()
    found = members.list_members(organization)
    return cursors.page(context, [_to_member(each) for each in found], "")


def to_ref(organization: Organization) -> OrganizationRef:
    """Return an organization as a project names it."""
    return OrganizationRef(id=organization.id, slug=organization.id, name=organization.name)


def to_team(team: Team) -> TeamSchema:
    """Return a team. Its slug is its id."""
    return TeamSchema(id=team.id, slug=team.id, name=team.name, date_created=at(team.created_at))


def _to_schema(context: Context, organization: Organization) -> OrganizationSchema:
    url = context.request.web_url
    return OrganizationSchema(
        id=organization.id,
        slug=organization.id,
        name=organization.name,
        date_created=at(organization.created_at),
        links={"organizationUrl": url, "regionUrl": url},
    )


def _to_member(member: Member) -> MemberSchema:
    user = to_user_of(member.email)
    return MemberSchema(
        id=user.id,
        email=member.email,
        name=member.email,
        org_role=member.role,
        role=member.role,
        teams=sorted(member.teams),
        user=user,
    )
