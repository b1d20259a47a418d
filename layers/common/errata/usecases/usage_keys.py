"""Change projects and keys together with the gateway keys that count their requests.

A project's key always works; only the place where its requests are counted differs. Without a
gateway key the handlers count them in DynamoDB, which costs something per request. With one, API
Gateway counts them for free. Every step here leaves a key counted in one of the two places, at the
current rate limit of the project:

- A key is stored before it gets a gateway key. Its record names the gateway key last.
- When a rate limit changes, counting first moves back to the handlers. Then the settings change,
  and each key gets a new gateway key in the usage plan of the new rate. The old gateway key is not
  moved: while it is in no plan, API Gateway would respond with 403.
- A new gateway key is used after `SETTLING_MS`, because API Gateway needs time to learn it. An old
  one is kept as long, because authorizers cache it for `CACHE_TTL_MS`.
- The project's next change deletes gateway keys that this or an interrupted run left over. It finds
  them by the rows that record them. A run that is interrupted between the creation of a key and of
  its row leaves a key that only the operator's command finds, by its name. That key has no effect,
  because its value is stored nowhere.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from errata.errors import StoreError, UnavailableError
from errata.models.gateway_key import Gateway
from errata.models.ids import now_ms
from errata.models.organization import DEFAULT_ORGANIZATION
from errata.models.project import ApiKey, Project, RateLimit
from errata.models.times import SETTLING_MS
from errata.store import gateway_keys
from errata.store.gateway_key_rows import add_gateway_key, list_gateway_keys, remove_gateway_key
from errata.store.projects import list_keys, save_usage_key
from errata.usecases import audit, members, organizations, projects
from errata.usecases.projects import Created

# Why API Gateway does not count the requests of some keys, so that the handlers do. None if it
# counts those of all keys.
type Unmetered = StoreError | None


def _kind(public: bool) -> str:
    return "for a DSN" if public else "as an API key"


@audit.recorded("project created", "name", "teams")
def create_project(
    gateway: Gateway,
    name: str,
    organization: str = DEFAULT_ORGANIZATION,
    teams: frozenset[str] = frozenset(),
) -> tuple[Created, Unmetered]:
    """Create a project with its first API key and its first DSN.

    Also returns why API Gateway does not count their requests. None if it does.

    Raises:
        InvalidInputError: the name is invalid, or a team is not in the organization.
        NotFoundError: there is no such organization.
        UnavailableError: the random key exists already; try again.
    """
    organizations.find(organization)
    members.check_teams(organization, teams)
    created = projects.create(name, organization=organization, teams=teams)
    if created is None:  # the random key exists already
        raise UnavailableError
    return created, _meter(gateway, created.project, projects.first_keys(created), [])


@audit.recorded("key created", "label", public=_kind)
def create_key(
    gateway: Gateway, project_id: str, label: str, public: bool = False
) -> tuple[ApiKey, str, Unmetered]:
    """Create an API key of a project, or a DSN if `public`. Return its record and the key.

    Also returns why API Gateway does not count its requests. None if it does.

    Raises:
        InvalidInputError: the label is invalid.
        NotFoundError: there is no such project.
    """
    record, key = projects.create_key(project_id, label, public)
    known = list_keys(project_id)
    return record, key, _meter(gateway, projects.find(project_id), [record], known)


@audit.recorded("key revoked", "key_id")
def revoke_key(project_id: str, key_id: str) -> tuple[ApiKey, Unmetered]:
    """Revoke a key permanently and delete its gateway key. Takes effect within 30 seconds.

    Also returns the error if the gateway key could not be deleted. It then gives no access.

    Raises:
        NotFoundError: the project has no such key.
    """
    key = projects.revoke_key(project_id, key_id)
    try:
        if key.usage_key_id:
            add_gateway_key(project_id, key.usage_key_id, now_ms())  # for keys of old releases
            _delete(project_id, key.usage_key_id)
    except StoreError as error:
        return key, error
    return key, None


@audit.recorded("project changed", "rate_limit", "retention_days")
def change_project(
    gateway: Gateway,
    project_id: str,
    rate_limit: int | projects.Default | None,
    retention_days: int | projects.Default | None,
) -> tuple[Project, Unmetered]:
    """Change a project's settings. None keeps a setting. Takes effect within 30 seconds.

    If a rate limit is given, even the current one, each key that the handlers count gets a gateway
    key. Also returns why some did not get one. None if all did.

    Raises:
        InvalidInputError: names every setting that is out of range.
        NotFoundError: there is no such project.
    """
    projects.check(rate_limit, retention_days)
    before = projects.find(project_id)
    known = list_keys(project_id)
    keys = [key for key in known if key.revoked_at is None]
    if rate_limit is not None:
        after = projects.with_settings(before, rate_limit, None)
        keys = [
            key if after.limit_of(key) == before.limit_of(key) else _count_in_handlers(key)
            for key in keys
        ]
    project = projects.change(project_id, rate_limit, retention_days)
    if rate_limit is None:
        return project, None
    return project, _meter(gateway, project, [key for key in keys if not key.usage_key], known)


def find_lost(gateway: Gateway) -> Iterator[tuple[Project, list[ApiKey], int]]:
    """Yield each project, its keys whose gateway key is gone, and how many have a gateway key.

    Raises:
        StoreError: API Gateway could not be asked.
    """
    counting: dict[RateLimit, set[str]] = {}
    for project in projects.list_projects():
        known = list_keys(project.id)
        # A key that seems lost may be newer than what was read of its plan, so that is read again.
        lost = _lost(gateway, project, known, counting) and _lost(gateway, project, known, {})
        yield project, lost, sum(bool(key.usage_key_id) for key in known)


def _lost(
    gateway: Gateway, project: Project, keys: list[ApiKey], counting: dict[RateLimit, set[str]]
) -> list[ApiKey]:
    """Return the keys in use whose gateway key is not in the usage plan of their rate limit.

    `counting` has the gateway keys in the usage plans that were read. Others are added to it.
    """
    metered = [key for key in keys if key.revoked_at is None and key.usage_key_id]
    for limit in {project.limit_of(key) for key in metered} - counting.keys():
        plan_id = gateway_keys.find_plan(gateway, limit)
        counting[limit] = gateway_keys.in_plan(plan_id) if plan_id else set()
    return [key for key in metered if key.usage_key_id not in counting[project.limit_of(key)]]


def repair(gateway: Gateway, project_id: str) -> tuple[list[ApiKey], Unmetered]:
    """Replace a project's gateway keys that are gone, or not in the usage plan of its rate.

    API Gateway refuses all requests that such a key would count. Until a new one is in use, the
    handlers count. Returns the project keys that got, or should have got, a new gateway key, and
    the error if some did not get one.

    Raises:
        NotFoundError: there is no such project.
    """
    project, known = projects.find(project_id), list_keys(project_id)
    try:
        lost = _lost(gateway, project, known, {})
    except StoreError as error:
        return [], error
    return lost, _meter(gateway, project, [_count_in_handlers(key) for key in lost], known)


def meter(gateway: Gateway, project_id: str) -> Unmetered:
    """Give a gateway key to each key of a project that the handlers count.

    Returns the error if some did not get one.

    Raises:
        NotFoundError: there is no such project.
    """
    project, known = projects.find(project_id), list_keys(project_id)
    keys = [key for key in known if key.revoked_at is None and not key.usage_key]
    return _meter(gateway, project, keys, known)


def delete_gateway_keys(gateway: Gateway, project_id: str) -> Unmetered:
    """Delete all gateway keys of a project, even if no project key names them.

    Returns the error if some could not be deleted.
    """
    try:
        for gateway_key_id in _created(gateway, project_id):
            _delete(project_id, gateway_key_id)
    except StoreError as error:
        return error
    return None


def _count_in_handlers(key: ApiKey) -> ApiKey:
    # The record still names the gateway key, so that `_sweep` keeps it while authorizers cache it.
    counted = replace(key, usage_key="")
    if key.usage_key_id:
        save_usage_key(counted)
    return counted


def _meter(
    gateway: Gateway, project: Project, keys: list[ApiKey], known: list[ApiKey]
) -> Unmetered:
    """Give each key a gateway key. Return the error, if any. `known`: keys before the change."""
    try:
        _sweep(gateway, project.id, known)
        limits = dict.fromkeys(project.limit_of(key) for key in keys)
        plans = {limit: gateway_keys.plan_of(gateway, limit) for limit in limits}
        for key in keys:
            if key.usage_key_id:
                # Its record will no longer name it. Older releases did not store a row for it.
                add_gateway_key(project.id, key.usage_key_id, now_ms())
            usage_key, usage_key_id = gateway_keys.create(_prefix(gateway, project.id) + key.id)
            add_gateway_key(project.id, usage_key_id, now_ms())
            gateway_keys.add_to_plan(usage_key_id, plans[project.limit_of(key)])
            metered = replace(key, usage_key=usage_key, usage_key_id=usage_key_id)
            if not save_usage_key(metered, now_ms() + SETTLING_MS):  # revoked since it was read
                _delete(project.id, usage_key_id)
    except StoreError as error:
        return error
    return None


def _sweep(gateway: Gateway, project_id: str, known: list[ApiKey]) -> None:
    """Delete the project's gateway keys that no record names and no authorizer caches."""
    if any(key.usage_key_id and not key.usage_key for key in known):
        return  # another change is in progress, or has just ended
    named = {key.usage_key_id for key in known}
    for gateway_key_id, created_at in _created(gateway, project_id).items():
        if created_at < now_ms() - SETTLING_MS and gateway_key_id not in named:
            _delete(project_id, gateway_key_id)


def _created(gateway: Gateway, project_id: str) -> dict[str, int]:
    """Return the ids of a project's gateway keys, with the times of their creation."""
    found = list_gateway_keys(project_id)
    if gateway.may_list:
        prefix = _prefix(gateway, project_id)
        for each in gateway_keys.named(prefix):
            if re.fullmatch("[0-9a-f]{12}", each.name.removeprefix(prefix)):
                found[each.id] = each.created_at
    return found


def _delete(project_id: str, gateway_key_id: str) -> None:
    gateway_keys.delete(gateway_key_id)
    remove_gateway_key(project_id, gateway_key_id)


def _prefix(gateway: Gateway, project_id: str) -> str:
    return f"{gateway.stack}-project-{project_id}-"
