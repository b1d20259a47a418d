"""What the web API returns about organizations, projects and keys, as Sentry's API has it.

Source: Sentry's public API reference. Fields for which Errata has no values are left out, unless
clients require them.
"""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, PlainSerializer
from pydantic.alias_generators import to_camel


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def at(milliseconds: int) -> datetime:
    """Return a timestamp as the schemas have it."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


type Timestamp = Annotated[datetime, PlainSerializer(_iso, return_type=str)]


class Schema(BaseModel):
    """Base of the schemas: names in camel case, no unknown fields, no coercion."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", strict=True
    )


class Auth(Schema):
    """What the token may do, in Sentry's names."""

    scopes: list[str]


class UserSchema(Schema):
    """A member."""

    id: str
    email: str
    username: str
    name: str


class Root(Schema):
    """The version of the API, and who calls it. `user` is null for an organization's token."""

    version: Literal["0"] = "0"
    auth: Auth
    user: UserSchema | None


class Status(Schema):
    """A status, in Sentry's form."""

    id: str
    name: str


class OrganizationSchema(Schema):
    """An organization. Its slug is its id."""

    id: str
    slug: str
    name: str
    date_created: Timestamp
    status: Status = Status(id="active", name="active")
    # Clients read these, and refuse an organization without them.
    is_early_adopter: bool = False
    require2_f_a: bool = False
    require_email_verification: bool = False
    features: list[str] = []
    links: dict[str, str]


class OrganizationRef(Schema):
    """An organization, as a project names it."""

    id: str
    slug: str
    name: str


class TeamSchema(Schema):
    """A team. Its slug is its id."""

    id: str
    slug: str
    name: str
    date_created: Timestamp


class TeamRef(Schema):
    """A team, as a project names it."""

    id: str
    slug: str
    name: str


class ProjectSchema(Schema):
    """A project."""

    id: str
    slug: str
    name: str
    date_created: Timestamp
    status: Literal["active"] = "active"
    platform: str | None = None
    is_public: bool = False
    is_bookmarked: bool = False
    is_member: bool = True
    has_access: bool = True
    color: str | None = None
    first_event: Timestamp | None = None
    features: list[str] = []
    organization: OrganizationRef
    team: TeamRef | None
    teams: list[TeamRef]


class MemberSchema(Schema):
    """A member of an organization."""

    id: str
    email: str
    name: str
    org_role: str
    role: str
    pending: bool = False
    teams: list[str]
    user: UserSchema


class KeyDsn(Schema):
    """The DSN of a client key."""

    public: str


class KeySchema(Schema):
    """A DSN, which Sentry calls a client key. API keys are never returned."""

    id: str
    name: str
    label: str
    public: str
    project_id: int
    is_active: bool
    date_created: Timestamp
    dsn: KeyDsn
