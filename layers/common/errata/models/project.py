"""Projects and their keys."""

from dataclasses import dataclass

from errata.models.organization import DEFAULT_ORGANIZATION, Network

DEFAULT_RATE_LIMIT = 60  # requests a minute, which is also how many may come at once


@dataclass(frozen=True, slots=True)
class Project:
    """What an operator has set for a project. `created_at` is in milliseconds since the epoch.

    `rate_limit` is in requests a minute for each key; `retention_days` is None where the
    deployment's default holds; `teams` are the ids of those whose members see it.
    """

    id: str
    name: str
    created_at: int
    rate_limit: int = DEFAULT_RATE_LIMIT
    retention_days: int | None = None
    organization: str = DEFAULT_ORGANIZATION
    teams: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key of a project. The key itself is shown once; `hash` is its SHA-256 in hex.

    `usage_key_id` names the gateway key that meters it; empty where the handlers do.
    """

    hash: str
    project_id: str
    label: str
    created_at: int
    revoked_at: int | None = None
    usage_key: str = ""
    usage_key_id: str = ""

    @property
    def id(self) -> str:
        """What names a key in lists and commands; tells nothing of the key."""
        return self.hash[:12]


@dataclass(frozen=True, slots=True)
class Access:
    """What a valid key opens: one project, and the rules that bind this caller.

    `unpaid_url` is where a failed invoice is paid ("" if unknown), None where none is open.
    `networks` are those of the organization's allowlist. They stay where the key was resolved: the
    meter hands its verdict to the handlers instead.
    """

    project_id: str
    key_id: str
    retention_days: int
    rate_limit: int
    organization: str = DEFAULT_ORGANIZATION
    monthly_quota: int | None = None
    unpaid_url: str | None = None
    networks: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True)
class Caller:
    """A request as the gateway saw it: what the meter said of its key, and where it came from.

    `metered` says that the gateway has counted it against the key's own plan.
    """

    meter: dict[str, str]
    address: str
    metered: bool
