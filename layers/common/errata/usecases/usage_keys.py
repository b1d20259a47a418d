"""What an operator does to projects and keys, and to the gateway keys that meter them.

A project's key always works; the question is who counts its requests. Without a gateway key the
handlers do, in DynamoDB, at some cost for each request; with one the gateway does, for nothing. So
every step here leaves a key counted by one of the two, by the rate that the project then has:

- a key is stored before it gets a gateway key, and its record names that key last of all;
- when a rate changes, the project's keys first go back to the handlers, then the settings change,
  then each key gets a new gateway key in the plan of the new rate. The old one does not move: for
  the moment between two plans the gateway would answer 403;
- a new gateway key is in force after `SETTLING_MS`, since the gateway learns of it only by and by;
  an old one stays as long, since meters remember it for `remembered.REMEMBERED_MS`;
- what is left over, by this or by a run that was cut off, the project's next change deletes.
"""

import re
from dataclasses import replace

from errata.errors import StoreError, UnavailableError
from errata.models.ids import now_ms
from errata.models.organization import DEFAULT_ORGANIZATION
from errata.models.project import ApiKey, Project
from errata.store import gateway_keys
from errata.store import projects as store
from errata.store.gateway_keys import Gateway, GatewayKey
from errata.usecases import members, organizations, projects
from errata.usecases.projects import Created

SETTLING_MS = 5 * 60 * 1000

# Why the gateway does not count, where it was asked to.
type Unmetered = StoreError | None


def create_project(
    gateway: Gateway,
    name: str,
    organization: str = DEFAULT_ORGANIZATION,
    teams: frozenset[str] = frozenset(),
) -> tuple[Created, Unmetered]:
    """A new project with its first API key and its first DSN.

    Raises:
        InvalidInputError: the name is not one, or a team is not one of the organization.
        NotFoundError: there is no such organization.
    """
    organizations.find(organization)
    members.check_teams(organization, teams)
    created = projects.create(name, organization=organization, teams=teams)
    if created is None:  # a random key that exists already
        raise UnavailableError
    return created, _meter(gateway, created.project, projects.first_keys(created), [])


def create_key(
    gateway: Gateway, project_id: str, label: str, public: bool = False
) -> tuple[ApiKey, str, Unmetered]:
    """Another key of a project, and the key itself: of an API key, or, if `public`, of a DSN.

    Raises:
        InvalidInputError: the label is not one.
        NotFoundError: there is no such project.
    """
    record, key = projects.create_key(project_id, label, public)
    known = store.list_keys(project_id)
    return record, key, _meter(gateway, projects.find(project_id), [record], known)


def revoke_key(project_id: str, key_id: str) -> tuple[ApiKey, Unmetered]:
    """Revoke a key for good, and delete its gateway key. Acts within 30 seconds.

    Raises:
        NotFoundError: the project has no such key.
    """
    key = projects.revoke_key(project_id, key_id)
    try:
        if key.usage_key_id:
            gateway_keys.delete(key.usage_key_id)
    except StoreError as error:
        return key, error
    return key, None


def change_project(
    gateway: Gateway,
    project_id: str,
    rate_limit: int | None,
    retention_days: int | projects.Default | None,
) -> tuple[Project, Unmetered]:
    """Change a project's settings; what is None stays. Acts within 30 seconds.

    Where a rate is given, even the one that it has, each key that the handlers count gets a gateway
    key.

    Raises:
        InvalidInputError: names every setting that is out of range.
        NotFoundError: there is no such project.
    """
    projects.check(rate_limit, retention_days)
    before = projects.find(project_id)
    known = store.list_keys(project_id)
    keys = [key for key in known if key.revoked_at is None]
    if rate_limit not in (None, before.rate_limit):
        keys = [_count_in_handlers(key) for key in keys]
    project = projects.change(project_id, rate_limit, retention_days)
    if rate_limit is None:
        return project, None
    return project, _meter(gateway, project, [key for key in keys if not key.usage_key], known)


def delete_gateway_keys(gateway: Gateway, project_id: str) -> Unmetered:
    """Delete every gateway key of a project, whether a record names it or not."""
    prefix = _prefix(gateway, project_id)
    try:
        for found in gateway_keys.named(prefix):
            if _is_ours(found, prefix):
                gateway_keys.delete(found.id)
    except StoreError as error:
        return error
    return None


def _count_in_handlers(key: ApiKey) -> ApiKey:
    # The record goes on naming the gateway key, so that no sweep takes it from under the meters.
    counted = replace(key, usage_key="")
    if key.usage_key_id:
        store.save_usage_key(counted)
    return counted


def _meter(
    gateway: Gateway, project: Project, keys: list[ApiKey], known: list[ApiKey]
) -> Unmetered:
    """Give each key a gateway key; why not, if not. `known` are the project's keys as they were."""
    prefix = _prefix(gateway, project.id)
    try:
        _sweep(known, prefix)
        plan = gateway_keys.plan_of(gateway, project.rate_limit)
        for key in keys:
            usage_key, usage_key_id = gateway_keys.create(prefix + key.id, plan)
            metered = replace(key, usage_key=usage_key, usage_key_id=usage_key_id)
            if not store.save_usage_key(metered, now_ms() + SETTLING_MS):  # revoked meanwhile
                gateway_keys.delete(usage_key_id)
    except StoreError as error:
        return error
    return None


def _sweep(known: list[ApiKey], prefix: str) -> None:
    """Delete the project's gateway keys that no record names and no meter remembers."""
    if any(key.usage_key_id and not key.usage_key for key in known):
        return  # another change is under way, or was moments ago
    named = {key.usage_key_id for key in known}
    for found in gateway_keys.named(prefix):
        old = found.created_at < now_ms() - SETTLING_MS
        if old and found.id not in named and _is_ours(found, prefix):
            gateway_keys.delete(found.id)


def _prefix(gateway: Gateway, project_id: str) -> str:
    return f"{gateway.stack}-project-{project_id}-"


def _is_ours(found: GatewayKey, prefix: str) -> bool:
    return re.fullmatch("[0-9a-f]{12}", found.name.removeprefix(prefix)) is not None
