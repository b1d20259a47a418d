"""People who sign in to the dashboard: their organizations, roles and teams."""

from dataclasses import dataclass, field
from typing import Literal

from errata.models.project import Project

# owner: everything, members and the organization's deletion among it; admin: settings of the
# organization and all of its projects; member: the projects of their teams.
type Role = Literal["owner", "admin", "member"]
ROLES: tuple[Role, ...] = ("owner", "admin", "member")


@dataclass(frozen=True, slots=True)
class Membership:
    """What a user is in one organization; `teams` holds ids."""

    role: Role
    teams: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who signs in, by e-mail in lower case. `memberships` are by organization id.

    Sessions that began before `signed_out_at`, in milliseconds since the epoch, have ended.
    """

    email: str
    memberships: dict[str, Membership] = field(default_factory=dict)
    signed_out_at: int = 0

    def administers(self, organization_id: str) -> bool:
        """Whether they may change an organization's settings, and see all of its projects."""
        membership = self.memberships.get(organization_id)
        return membership is not None and membership.role in ("owner", "admin")

    def sees(self, project: Project) -> bool:
        """Whether a project is theirs to read: by their role, or through one of their teams."""
        membership = self.memberships.get(project.organization)
        if membership is None:
            return False
        return self.administers(project.organization) or bool(membership.teams & project.teams)


@dataclass(frozen=True, slots=True)
class Team:
    """Members of an organization who share projects. `created_at` is in milliseconds."""

    id: str
    organization: str
    name: str
    created_at: int


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody of an organization, as its list of members has them."""

    email: str
    role: Role
    teams: frozenset[str] = frozenset()
