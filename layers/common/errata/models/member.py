"""People who sign in to the dashboard: their organizations, roles and teams."""

from dataclasses import dataclass, field
from typing import Literal

from errata.models.project import Project
from errata.models.views import Scope

# owner: everything, including members and deleting the organization.
# admin: the settings of the organization, and all its projects.
# member: the projects of their teams. Settles issues; only owners and admins delete them.
# viewer: reads the projects of their teams.
type Role = Literal["owner", "admin", "member", "viewer"]
ROLES: tuple[Role, ...] = ("owner", "admin", "member", "viewer")
# Which roles may do what with an issue. Settle: everything that can be undone, except merging.
type IssueRight = Literal["settle", "delete", "merge"]
_RIGHTS: dict[IssueRight, tuple[Role, ...]] = {
    "settle": ("owner", "admin", "member"),
    "delete": ("owner", "admin"),
    "merge": ("owner", "admin"),
}
THEMES = ("", "light", "dark")


def has_right(role: Role | None, right: IssueRight) -> bool:
    """Return whether a role has a right. None is an operator, who has all of them."""
    return role is None or role in _RIGHTS[right]


def sees(role: Role, teams: frozenset[str], project: Project) -> bool:
    """Return whether a role or a team allows reading a project of the same organization."""
    return role in ("owner", "admin") or bool(teams & project.teams)


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
class Reach:
    """How a member wants to be told of alerts. By default at once, by mail.

    Attributes:
        quiet: the quiet hours, such as `22:00-07:00`. Messages about it are sent later.
        kind: the kind of their own channel (`errata.protocol.channels`). "" for mail.
        hint: the part of its address that is shown.
        since: when this was set, in milliseconds since the epoch.
    """

    quiet: str = ""
    kind: str = ""
    hint: str = ""
    since: int = 0

    @property
    def is_own(self) -> bool:
        """Whether the member has quiet hours or a channel, and so gets messages of their own."""
        return bool(self.quiet or self.kind)


@dataclass(frozen=True, slots=True)
class User:
    """A user of the dashboard. `email` is in lower case; `memberships` are by organization id.

    Sessions that began before `signed_out_at` (milliseconds since the epoch) are invalid. `muted`
    are the kinds of alerts of which they want no mail. `reach` says how to tell them of others.
    """

    email: str
    memberships: dict[str, Membership] = field(default_factory=dict)
    signed_out_at: int = 0
    preferences: Preferences = Preferences()
    scope: Scope = field(default_factory=Scope)
    muted: frozenset[str] = frozenset()
    reach: Reach = Reach()

    def administers(self, organization_id: str) -> bool:
        """Return whether the user may change the organization's settings and see all projects."""
        membership = self.memberships.get(organization_id)
        return membership is not None and membership.role in ("owner", "admin")

    def role_in(self, organization_id: str) -> Role:
        """Return the user's role in an organization, `viewer` for somebody without a role."""
        membership = self.memberships.get(organization_id)
        return membership.role if membership else "viewer"

    def sees(self, project: Project) -> bool:
        """Return whether the user may read a project, by role or through a team."""
        membership = self.memberships.get(project.organization)
        return membership is not None and sees(membership.role, membership.teams, project)


@dataclass(frozen=True, slots=True)
class Team:
    """A team: members who share projects. `created_at` is in milliseconds since the epoch."""

    id: str
    organization: str
    name: str
    created_at: int


@dataclass(frozen=True, slots=True)
class Member:
    """An entry in an organization's list of members.

    `muted` are the kinds of alerts of which they want no mail (`errata.models.alert.MAILED`). The
    quiet hours of `reach` name the time zone.
    """

    email: str
    role: Role
    teams: frozenset[str] = frozenset()
    muted: frozenset[str] = frozenset()
    reach: Reach = Reach()

    def sees(self, project: Project) -> bool:
        """Return whether the member may read a project of the organization."""
        return sees(self.role, self.teams, project)


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
        fresh_until: when Cognito must check the account again, in milliseconds since the epoch.
        expires_at: when the session ends, in milliseconds since the epoch.
    """

    secret: str
    email: str
    client: str
    refresh_token: str
    fresh_until: int
    expires_at: int
