"""Tokens, which open the web API for one organization."""

from dataclasses import dataclass
from typing import Literal

from errata.models.member import Role, User
from errata.models.project import Project, RateLimit

# read: read everything. write: also make changes, as far as the role allows. ci: create releases
# and deploys, and upload source maps, as a build does.
type TokenScope = Literal["read", "write", "ci"]
TOKEN_SCOPES: tuple[TokenScope, ...] = ("read", "write", "ci")
# The names that Sentry's API has for what a token may do. Source: "Permissions & Scopes".
SENTRY_SCOPES: dict[TokenScope, tuple[str, ...]] = {
    "read": ("org:read", "project:read", "team:read", "member:read", "event:read"),
    "write": (
        *("org:read", "project:read", "team:read", "member:read", "event:read"),
        *("event:write", "event:admin", "project:releases", "org:ci"),
    ),
    "ci": ("org:ci", "org:read", "project:read", "project:releases"),
}
# A build uploads many chunks one after the other.
TOKEN_LIMIT = RateLimit(600, burst=300)


@dataclass(frozen=True, slots=True)
class Token:
    """A token of an organization, or of one of its members. The token's text is not stored.

    Attributes:
        hash: SHA-256 of the text, in hex.
        member: the e-mail address of the member that it stands for, "" for the organization.
        created_at, expires_at, used_at: milliseconds since the epoch. `used_at` is up to an hour
            old, 0 if it was never used. `expires_at` is None if it does not expire.
        created_by: a member, or the ARN of an operator.
        api_url: base URL of the API. The web API needs it for requests to the function's URL, which
            do not tell it.
    """

    hash: str
    organization: str
    name: str
    scope: TokenScope
    created_at: int
    created_by: str
    member: str = ""
    expires_at: int | None = None
    used_at: int = 0
    api_url: str = ""

    @property
    def id(self) -> str:
        """The id of a token in lists and commands. It does not reveal the token."""
        return self.hash[:12]

    def expired(self, now_ms: int) -> bool:
        """Return whether the token has expired."""
        return self.expires_at is not None and self.expires_at <= now_ms


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who sends a request with a token: an organization, or the member `user` of it."""

    token: Token
    user: User | None = None

    @property
    def organization(self) -> str:
        """The id of the only organization that the token opens."""
        return self.token.organization

    @property
    def name(self) -> str:
        """Who acts, as the audit log and the activity of an issue name it."""
        return self.token.member or f"token {self.token.name}"

    @property
    def own_role(self) -> Role:
        """The member's role. An organization's token may do what a member may."""
        return self.user.role_in(self.organization) if self.user else "member"

    @property
    def administers(self) -> bool:
        """Whether the token may see all members, teams and projects of the organization."""
        return self.user is None or self.user.administers(self.organization)

    @property
    def role(self) -> Role:
        """The role in which the token reads and changes issues. Without `write`, it is `viewer`."""
        return self.own_role if self.token.scope == "write" else "viewer"

    @property
    def may_release(self) -> bool:
        """Whether the token may create releases and deploys, and upload source maps."""
        return self.token.scope in ("write", "ci") and self.own_role != "viewer"

    def in_team(self, team_id: str) -> bool:
        """Return whether the token may see a team: one of its member's teams, or any team."""
        if self.user is None or self.administers:
            return True
        return team_id in self.user.memberships[self.organization].teams

    def sees(self, project: Project) -> bool:
        """Return whether the token may read a project."""
        if project.organization != self.organization:
            return False
        return self.user is None or self.user.sees(project)
