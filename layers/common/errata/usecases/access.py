"""Who is calling: from a key to the project it opens, and the limits that bind the caller.

The authorizer (`meter`) resolves keys in headers and queries and hands what it found to the
handlers, so that a key is looked up once a request at most; a key in a body is looked up by the
handler. What was found, or not found, is remembered for 30 seconds, so a change acts within that.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from errata.config import settings
from errata.errors import AddressForbiddenError
from errata.models.organization import DEFAULT_ORGANIZATION, allows, networks
from errata.models.project import DEFAULT_RATE_LIMIT, Access
from errata.store import billing, organizations, projects
from errata.usecases.ttl_cache import TTLCache

MAX_KEY_LENGTH = 256


@dataclass(frozen=True, slots=True)
class Found:
    """What a key leads to: an access, or none; and the gateway key that meters it.

    `dsn`: it is the key of a DSN.
    """

    access: Access | None
    usage_key: str = ""
    revoked: bool = False
    dsn: bool = False


# From a key and the time to what it opens.
type LookUp = Callable[[str, int], Found]

# What the authorizer sends of an `Access`, in the order in which the functions of 0.1.0 read it.
_GRANTED = (
    *("project_id", "key_id", "retention_days", "rate_limit"),
    *("organization", "monthly_quota", "unpaid_url"),
)
# Raise it when a field changes its meaning; a new field with a default needs no new version.
GRANT_VERSION = 1

NOTHING = Found(None)
# Whoever reads a page's source knows a DSN's key: at an API key's doors it is as good as none.
_OF_A_DSN = Found(None, dsn=True)
_keys = TTLCache[Found](max_entries=10_000)
_anonymous = TTLCache[Access](max_entries=1)


def hash_key(key: str) -> str:
    """The form in which a key is stored: SHA-256, in hex."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def find(key: str, now_ms: int) -> Found:
    """What an API key opens, from memory or from the store. A DSN's key opens nothing."""
    found = _find(key, now_ms)
    return _OF_A_DSN if found.dsn else found


def find_dsn(key: str, now_ms: int) -> Found:
    """What a DSN's key opens, from memory or from the store. An API key opens nothing."""
    found = _find(key, now_ms)
    return found if found.dsn else NOTHING


def _find(key: str, now_ms: int) -> Found:
    if len(key) > MAX_KEY_LENGTH:
        return NOTHING
    key_hash = hash_key(key)
    return _keys.get(key_hash, now_ms, lambda: _look_up(key_hash))


def _look_up(key_hash: str) -> Found:
    key = projects.find_key(key_hash)
    if key is None:
        return NOTHING
    dsn = key.public != ""
    if key.revoked_at is not None:
        return Found(None, revoked=True, dsn=dsn)
    project = projects.find_project(key.project_id)
    if project is None:
        return NOTHING
    access = Access(
        project_id=project.id,
        key_id=key.id,
        retention_days=project.retention_days or settings().retention_days,
        rate_limit=project.rate_limit,
        organization=project.organization,
        **_policy(project.organization),
    )
    return Found(access, key.usage_key, dsn=dsn)


def _policy(organization_id: str) -> dict[str, Any]:
    """What an organization adds to an access."""
    found = organizations.find_organization(organization_id)
    if found is None:
        return {}
    return {
        "monthly_quota": found.monthly_quota,
        "unpaid_url": billing.from_text(found.billing).unpaid_url,
        "networks": networks(found.allowlist),
    }


def of_anonymous_caller(now_ms: int) -> Access:
    """What binds whoever creates a project unasked: the policy of the default organization."""
    return _anonymous.get(
        DEFAULT_ORGANIZATION,
        now_ms,
        lambda: Access(
            project_id="",
            key_id="",
            retention_days=settings().retention_days,
            rate_limit=DEFAULT_RATE_LIMIT,
            **_policy(DEFAULT_ORGANIZATION),
        ),
    )


def check_address(access: Access, address: str) -> None:
    """Let pass whom the organization's allowlist lets in.

    Raises:
        AddressForbiddenError: it does not.
    """
    if not allows(access.networks, address):
        raise AddressForbiddenError


def clear_cache(key: str = "") -> None:
    """Drop what is remembered of one key, or of all."""
    if key:
        _keys.drop(hash_key(key))
    else:
        _keys.clear()
        _anonymous.clear()


def drop_unknown(key: str) -> None:
    """Drop what is remembered of a key if that is that no project has it."""
    _keys.drop_if(hash_key(key), NOTHING)


# ------------------------------------------------------------------ authorizer → functions


def to_context(key: str | None, found: Found, address: str) -> dict[str, str]:
    """Return what the authorizer tells the functions of a key: strings, as the gateway wants.

    `address` is the caller's. A deployment updates the authorizer and the functions at different
    moments, so two neighbouring releases must understand each other: `grant` holds the access by
    named fields, under a version; `access` holds it by position, for the functions of 0.1.0.
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
        "access": json.dumps(list(grant.values())),
        # 403 comes before the rate limit of the key, and takes nothing of it.
        "metered": "gateway" if found.usage_key and allowed else "handler",
        # For the access log: the loss ledger counts there what a usage plan refuses.
        "project": access.project_id,
    }


def of_context(context: dict[str, str]) -> Access:
    """Return the access of a key that the authorizer has resolved.

    Fields that this release does not know are ignored; those that an older authorizer does not
    send have their defaults.
    """
    if "grant" not in context:
        return Access(*json.loads(context["access"]))
    grant = json.loads(context["grant"])
    return Access(**{name: grant[name] for name in _GRANTED if name in grant})
