"""Look up keys. A valid key gives access to a project, with the limits of the caller.

The authorizer resolves keys in headers and queries and passes the access to the handlers,
so that a key is looked up at most once per request. A handler looks up a key in the body. Results,
also of unknown keys, are cached for 30 seconds, so a change takes effect within 30 seconds.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from errata.caches import TTLCache
from errata.config import settings
from errata.errors import AddressForbiddenError, UnauthorizedError
from errata.models.organization import (
    DEFAULT_ORGANIZATION,
    UNCLAIMED,
    Organization,
    allows,
    networks,
)
from errata.models.project import DEFAULT_LIMIT, DSN_LIMIT, Access, Project, RateLimit
from errata.store import organizations, projects, unclaimed

MAX_KEY_LENGTH = 256


@dataclass(frozen=True, slots=True)
class FoundKey:
    """The result of a look-up. `access` is None for an unknown, revoked or unsuitable key.

    `usage_key` is the gateway key that counts its requests, "" if there is none. `dsn` is True for
    the public key of a DSN.
    """

    access: Access | None
    usage_key: str = ""
    revoked: bool = False
    dsn: bool = False


# Looks up a key at a timestamp.
type LookUp = Callable[[str, int], FoundKey]

# The fields of `Access` that the authorizer sends. Functions of 0.1.0 read the first seven, in this
# order.
_GRANTED = (
    "project_id",
    "key_id",
    "retention_days",
    "rate_limit",
    "organization",
    "monthly_quota",
    "unpaid_url",
    "expires_at",
    "burst",
    "rules",
    "scrub",
    "scrub_contract_apis",
    "scrub_rules",
    "maps",
    "log_errors",
    "captures",
    "feedback",
    "attachments",
)
_BY_POSITION = _GRANTED[:7]
# Increment it when a field changes its meaning. A new field with a default needs no new version.
GRANT_VERSION = 1

NOTHING = FoundKey(None)
# The key of a DSN is public. Where an API key is needed, it counts as unknown.
_OF_A_DSN = FoundKey(None, dsn=True)
_keys = TTLCache[FoundKey](max_entries=10_000)
_projects = TTLCache[Access | None](max_entries=1_000)
_anonymous = TTLCache[Access](max_entries=1)


def hash_key(key: str) -> str:
    """Return the stored form of a key: its SHA-256 hash in hex."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def find(key: str, now_ms: int) -> FoundKey:
    """Look up an API key, cached. The public key of a DSN has no access here."""
    found = _find(key, now_ms)
    return _OF_A_DSN if found.dsn else found


def find_dsn(key: str, now_ms: int) -> FoundKey:
    """Look up the public key of a DSN, cached. An API key has no access here."""
    found = _find(key, now_ms)
    return found if found.dsn else NOTHING


def find_any(key: str, now_ms: int) -> FoundKey:
    """Look up an API key or the public key of a DSN, cached."""
    return _find(key, now_ms)


def _find(key: str, now_ms: int) -> FoundKey:
    if len(key) > MAX_KEY_LENGTH:
        return NOTHING
    key_hash = hash_key(key)
    found = _keys.get(key_hash, now_ms, lambda: _look_up(key_hash, now_ms))
    if found.access and found.access.expires_at is not None and found.access.expires_at <= now_ms:
        # Another process may have kept the project, or created another one with this key.
        _keys.drop(key_hash)
        return _keys.get(key_hash, now_ms, lambda: _look_up(key_hash, now_ms))
    return found


def _look_up(key_hash: str, now_ms: int) -> FoundKey:
    key = projects.find_key(key_hash)
    if key is None:
        return NOTHING
    dsn = key.public != ""
    if key.revoked_at is not None:
        return FoundKey(None, revoked=True, dsn=dsn)
    project = projects.find_project(key.project_id)
    if project is None or project.expired(now_ms):
        return NOTHING
    access = _access(project, key.id, project.limit_of(key))
    return FoundKey(access, key.usage_key, dsn=dsn)


def of_project(project_id: str, now_ms: int) -> Access | None:
    """Return the access of Errata's own workers to a project: without a key, cached for 30 seconds.

    None if there is no such project. Log capture and cron monitors store events by it.
    """
    return _projects.get(project_id, now_ms, lambda: _look_up_project(project_id, now_ms))


def _look_up_project(project_id: str, now_ms: int) -> Access | None:
    project = projects.find_project(project_id)
    if project is None or project.expired(now_ms):
        return None
    return _access(project, "", DSN_LIMIT)


def _access(project: Project, key_id: str, limit: RateLimit) -> Access:
    return Access(
        project_id=project.id,
        key_id=key_id,
        retention_days=project.retention_days or settings().retention_days,
        rate_limit=limit.per_minute,
        burst=limit.burst,
        organization=project.organization,
        expires_at=project.expires_at,
        rules=project.rules,
        maps=project.maps,
        log_errors=project.log_errors,
        captures=project.captures,
        feedback=project.feedback,
        attachments=project.attachments,
        **_policy(project.organization, project),
    )


def _policy(organization_id: str, project: Project | None = None) -> dict[str, Any]:
    """Return the fields of an access that come from the organization, or from it and the project.

    Unclaimed projects have the policy of the default organization.
    """
    found = _find_owner(organization_id)
    if found is None:
        return scrubbing(project, None)
    return scrubbing(project, found) | {
        "monthly_quota": found.monthly_quota,
        "unpaid_url": _unpaid_url(found),
        "networks": networks(found.allowlist),
    }


def _unpaid_url(organization: Organization) -> str | None:
    if not organization.billing:
        return None
    from errata.store import billing  # few organizations have had an invoice that failed

    return billing.from_text(organization.billing).unpaid_url


def _find_owner(organization_id: str) -> Organization | None:
    owner = DEFAULT_ORGANIZATION if organization_id == UNCLAIMED else organization_id
    return organizations.find_organization(owner)


def operator_scrubbing(project: Project) -> dict[str, Any]:
    """Return how to scrub an event that an operator sends to a project. Makes one call."""
    return scrubbing(project, _find_owner(project.organization))


def scrubbing(project: Project | None, organization: Organization | None) -> dict[str, Any]:
    """Return the fields of an access that say how to scrub the events of a project.

    `project` is None if it does not exist yet, `organization` if none of its settings was changed.
    """
    found = {
        name: getattr(organization, name, True) if own is None else own
        for name, own in (
            ("scrub", project and project.scrub),
            ("scrub_contract_apis", project and project.scrub_contract_apis),
        )
    }
    versions = [each.scrub_rules if each else "" for each in (organization, project)]
    return found | {"scrub_rules": "/".join(versions) if any(versions) else ""}


def of_anonymous_caller(now_ms: int) -> Access:
    """Return the limits of an anonymous caller: those of an unclaimed project."""
    return _anonymous.get(
        UNCLAIMED,
        now_ms,
        lambda: Access(
            project_id="",
            key_id="",
            retention_days=settings().retention_days,
            rate_limit=DEFAULT_LIMIT.per_minute,
            organization=UNCLAIMED,
            **_policy(UNCLAIMED),
        ),
    )


def check_address(access: Access, address: str) -> None:
    """Check the caller's address against the organization's allowlist.

    Raises:
        AddressForbiddenError: the address is not on the allowlist.
    """
    if not allows(access.networks, address):
        raise AddressForbiddenError


def keep(access: Access, at_ms: int) -> None:
    """Make the project of an access never expire. Call it before its first event is stored.

    Raises:
        UnauthorizedError: the project was deleted, or has expired just now.
    """
    if access.expires_at is not None and not unclaimed.keep(access.project_id, at_ms):
        raise UnauthorizedError.unknown()


def clear_cache(key: str = "") -> None:
    """Drop the cached result for one key, or for all keys."""
    if key:
        _keys.drop(hash_key(key))
    else:
        _keys.clear()
        _projects.clear()
        _anonymous.clear()


def drop_unknown(key: str) -> None:
    """Drop a key from the cache if it is cached as unknown."""
    _keys.drop_if(hash_key(key), NOTHING)


# ------------------------------------------------------------------ authorizer → functions


def to_context(key: str | None, found: FoundKey, address: str) -> dict[str, str]:
    """Return what the authorizer passes to the functions; API Gateway allows only strings.

    `address` is the caller's. A deployment updates the authorizer and the functions at different
    times, so each release must understand the one before and after it. `grant` has the access as
    named fields with a version. `access` has it by position, for the functions of 0.1.0.
    """
    if key is None:
        return {"key": "absent"}
    if not key:
        return {"key": "empty"}
    if found.access is None:
        return {"key": "unknown"}
    access = found.access
    allowed = allows(access.networks, address)
    grant = {name: getattr(access, name) for name in _GRANTED}
    return {
        "key": "known",
        "address": "allowed" if allowed else "forbidden",
        "grant": json.dumps({"version": GRANT_VERSION, **grant}),
        "access": json.dumps([grant[name] for name in _BY_POSITION]),
        # A request that gets 403 must not count against the rate limit of the key.
        "metered": "gateway" if found.usage_key and allowed else "handler",
        # For the access log: the loss ledger counts the requests that a usage plan refuses.
        "project": access.project_id,
    }


def from_context(context: dict[str, str]) -> Access:
    """Return the access of a key that the authorizer has resolved.

    Ignores fields that this release does not know. Fields that an older authorizer does not send
    get their defaults.
    """
    if "grant" not in context:
        return Access(*json.loads(context["access"]))
    grant = json.loads(context["grant"])
    return Access(**{name: grant[name] for name in _GRANTED if name in grant})
