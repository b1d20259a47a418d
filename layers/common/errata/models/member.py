"""People who sign in to the dashboard: their organizations, roles and teams."""

from dataclasses import dataclass, field
from typing import Literal

from errata.models.project import Project

# owner: everything, including members and deleting the organization.
# admin: the settings of the organization, and all its projects.
# member: the projects of their teams.
type Role = Literal["owner", "admin", "member"]
ROLES: tuple[Role, ...] = ("owner", "admin", "member")
THEMES = ("", "light", "dark")


@dataclass(frozen=True, slots=True)
class Membership:
    """The role and the teams (by id) of a user in one organization."""

    role: Role
    teams: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Preferences:
    """How a user wants to see the dashboard.

    Attributes:
        name: what to call the user, "" for the e-mail address.
        zone: an IANA time zone such as `Europe/Zurich`, "" for that of the browser.
        theme: `light`, `dark`, or "" for that of the system.
    """

    name: str = ""
    zone: str = ""
    theme: str = ""


@dataclass(frozen=True, slots=True)
class User:
    """A user of the dashboard. `email` is in lower case; `memberships` are by organization id.

    Sessions that began before `signed_out_at` (milliseconds since the epoch) are invalid.
    """

    email: str
    memberships: dict[str, Membership] = field(default_factory=dict)
    signed_out_at: int = 0
    preferences: Preferences = Preferences()

    def administers(self, organization_id: str) -> bool:
        """Return whether the user may change the organization's settings and see all projects."""
        membership = self.memberships.get(organization_id)
        return membership is not None and membership.role in ("owner", "admin")

    def sees(self, project: Project) -> bool:
        """Return whether the user may read a project, by role or through a team."""
        membership = self.memberships.get(project.organization)
        if membership is None:
            return False
        return self.administers(project.organization) or bool(membership.teams & project.teams)


@dataclass(frozen=True, slots=True)
class Team:
    """A team: members who share projects. `created_at` is in milliseconds since the epoch."""

    id: str
    organization: str
    name: str
    created_at: int


@dataclass(frozen=True, slots=True)
class Member:
    """An entry in an organization's list of members."""

    email: str
    role: Role
    teams: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Roster:
    """An organization's teams and a page of its members.

    `next_after` is the e-mail of the page's last member if more follow, else "".
    """

    members: list[Member]
    teams: list[Team]
    next_after: str


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in of a member.

    Attributes:
        secret: what the cookie contains.
        client: the app client of Cognito that got the refresh token.
        fresh_until: until when Cognito's last check of the account counts, in milliseconds since
            the epoch.
        expires_at: when the session ends, in milliseconds since the epoch.
    """

    secret: str
    email: str
    client: str
    refresh_token: str
    fresh_until: int
    expires_at: int
