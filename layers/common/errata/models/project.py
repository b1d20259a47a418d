"""Projects and their keys."""

from collections.abc import Iterable
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
    """A key of a project; `hash` is its SHA-256 in hex.

    An API key is shown once. `public` is a DSN's key in the clear, 32 hex digits; empty for an API
    key. `usage_key_id` names the gateway key that meters it; empty where the handlers do.
    """

    hash: str
    project_id: str
    label: str
    created_at: int
    revoked_at: int | None = None
    usage_key: str = ""
    usage_key_id: str = ""
    public: str = ""

    @property
    def id(self) -> str:
        """What names a key in lists and commands; tells nothing of the key."""
        return self.hash[:12]


def dsn(api_url: str, public: str, project_id: str) -> str:
    """What an SDK is told: where the API is, a DSN's key and the project, in one URL.

    Source: "Parsing the DSN" (Sentry SDK development):
    `{PROTOCOL}://{PUBLIC_KEY}:{SECRET_KEY}@{HOST}{PATH}/{PROJECT_ID}`, the secret left out.
    """
    scheme, _, place = api_url.partition("://")
    return f"{scheme}://{public}@{place.rstrip('/')}/{project_id}"


def live_dsns(api_url: str, keys: Iterable[ApiKey]) -> dict[str, str]:
    """The DSNs that work, by their key's id, the newest first."""
    live = [key for key in keys if key.public and key.revoked_at is None]
    live.sort(key=lambda key: key.created_at, reverse=True)
    return {key.id: dsn(api_url, key.public, key.project_id) for key in live}


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
