"""Projects and their keys."""

from collections.abc import Iterable
from dataclasses import dataclass

from errata.models.organization import DEFAULT_ORGANIZATION, UNCLAIMED, Network


@dataclass(frozen=True, slots=True)
class RateLimit:
    """Requests that a key or an address may send: `per_minute` on average, `burst` at once."""

    per_minute: int
    burst: int


DEFAULT_LIMIT = RateLimit(60, burst=60)  # as the ingest contract says
# An SDK sends each exception by itself, and a loop has hundreds of them within seconds.
DSN_LIMIT = RateLimit(600, burst=300)


@dataclass(frozen=True, slots=True)
class Project:
    """A project and its settings.

    Attributes:
        created_at: milliseconds since the epoch.
        rate_limit: requests per minute, and at once, for each key. None means `DEFAULT_LIMIT` for
            API keys and `DSN_LIMIT` for DSNs.
        retention_days: days to keep events. None means the deployment's default.
        teams: ids of the teams with access.
        expires_at: when a project that was only generated expires, in milliseconds since the epoch.
            None means never: it has got an event, or was not created by `action=generate`.
        rules: the version of its fingerprint rules, "" if it has none.
        slugs: the slugs that it has and had, the current one first. () if it is unclaimed, or if
            release 0.1.0 created it and nobody has looked at it since.
        scrub: whether secrets in its events are replaced before they are stored. None: as the
            organization says.
        scrub_contract_apis: whether this also applies to the ingest and the legacy API. None: as
            the organization says.
        scrub_rules: the version of its own scrubbing rules, "" if it has none.
        tracker_template: the template of the URL that opens a new ticket
            (`errata.protocol.tracker`), "" if it has none.
        maps: whether it has ever had source maps. If not, its events are not symbolicated.
        log_errors: whether log records of level error become events.
        attachments: whether it keeps the attachments of events.
        captures: whether it has ever had log capture. If not, no log line can report the same
            failure as an event, so events need no failure markers.
        feedback: whether it has ever had user feedback. If not, no page looks for it.
        monitors: how many cron monitors it has.
    """

    id: str
    name: str
    created_at: int
    rate_limit: int | None = None
    retention_days: int | None = None
    organization: str = DEFAULT_ORGANIZATION
    teams: frozenset[str] = frozenset()
    expires_at: int | None = None
    rules: str = ""
    slugs: tuple[str, ...] = ()
    scrub: bool | None = None
    scrub_contract_apis: bool | None = None
    scrub_rules: str = ""
    tracker_template: str = ""
    maps: bool = False
    log_errors: bool = False
    captures: bool = False
    feedback: bool = False
    attachments: bool = False
    monitors: int = 0

    @property
    def slug(self) -> str:
        """The slug that is shown, "" if the project has none."""
        return self.slugs[0] if self.slugs else ""

    @property
    def unclaimed(self) -> bool:
        """Whether the project belongs to no organization."""
        return self.organization == UNCLAIMED

    def limit_of(self, key: "ApiKey") -> RateLimit:
        """Return the rate limit of one of the project's keys."""
        if self.rate_limit is not None:
            return RateLimit(self.rate_limit, self.rate_limit)
        return DSN_LIMIT if key.public else DEFAULT_LIMIT

    def expired(self, now_ms: int) -> bool:
        """Return whether the project has expired. It may still be stored."""
        return self.expires_at is not None and self.expires_at <= now_ms


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key or a public key of a project. An API key itself is not stored.

    Attributes:
        hash: SHA-256 of the key, in hex.
        public: the key in a DSN in plain text, 32 hex digits. "" for an API key.
        usage_key, usage_key_id: value and id of the gateway key that enforces the rate limit. "" if
            the Lambda functions enforce it.
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
        """The id of a key in lists and commands. It does not reveal the key."""
        return self.hash[:12]


def dsn(sdk_url: str, public: str, project_id: str) -> str:
    """Return a DSN: one URL with the SDK endpoint's address, the public key and the project id.

    Source: "Parsing the DSN" (Sentry SDK development):
    `{PROTOCOL}://{PUBLIC_KEY}:{SECRET_KEY}@{HOST}{PATH}/{PROJECT_ID}`, here without a secret key.
    """
    scheme, _, address = sdk_url.partition("://")
    return f"{scheme}://{public}@{address.rstrip('/')}/{project_id}"


def live_dsns(sdk_url: str, keys: Iterable[ApiKey]) -> dict[str, str]:
    """Return the DSNs that are not revoked, by key id, newest first."""
    live = [key for key in keys if key.public and key.revoked_at is None]
    live.sort(key=lambda key: key.created_at, reverse=True)
    return {key.id: dsn(sdk_url, key.public, key.project_id) for key in live}


@dataclass(frozen=True, slots=True)
class LegacyCounter:
    """The state of a project's legacy numbers.

    Attributes:
        last_id: the last number; 0 if there is none.
        retentions: the retentions, in days, with which errors were stored since the last clear.
    """

    last_id: int = 0
    retentions: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Access:
    """What a valid key opens: a project, and the limits of the caller.

    Attributes:
        burst: requests at once. None means as many as per minute, which is `rate_limit`.
        unpaid_url: the payment page of a failed invoice, "" if its address is unknown. None if no
            invoice has failed.
        networks: the organization's allowlist. The authorizer does not pass it to the other
            functions. It only passes the result of the check.
        expires_at, rules, maps, log_errors, captures, feedback, attachments: as in `Project`. A
            project that expires must be kept before it gets an event (`store.unclaimed.keep`).
        scrub, scrub_contract_apis: as in `Project`, or else as in its `Organization`.
        scrub_rules: the versions of the organization's and of the project's scrubbing rules, with a
            slash between them. "" if both have none.
    """

    project_id: str
    key_id: str
    retention_days: int
    rate_limit: int
    organization: str = DEFAULT_ORGANIZATION
    monthly_quota: int | None = None
    unpaid_url: str | None = None
    networks: tuple[Network, ...] = ()
    expires_at: int | None = None
    burst: int | None = None
    rules: str = ""
    scrub: bool = True
    scrub_contract_apis: bool = True
    scrub_rules: str = ""
    maps: bool = False
    log_errors: bool = False
    captures: bool = False
    feedback: bool = False
    attachments: bool = False


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller of a request, as API Gateway describes it.

    Attributes:
        authorizer_context: the authorizer's result for the key.
        address: the IP address of the client.
        metered: whether API Gateway counts the request against the key's usage plan.
    """

    authorizer_context: dict[str, str]
    address: str
    metered: bool
