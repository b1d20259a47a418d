"""Create projects and keys, list them, change them."""

import secrets
from dataclasses import replace

from errata.errors import NotFound
from errata.models.ids import now_ms
from errata.models.project import ApiKey, Project
from errata.store import projects as store
from errata.usecases.access import hash_key


def new_key() -> str:
    """A key from a cryptographic source: 32 hex digits, as the legacy contract has it."""
    return secrets.token_hex(16)


def create(name: str, key: str = "", label: str = "first key") -> tuple[Project, str] | None:
    """A new project with its first key, which is returned this once.

    `key` is given where a script brings its own. None when that key exists already.
    """
    key = key or new_key()
    at_ms = now_ms()
    project = Project(id=store.next_project_id(), name=name, created_at=at_ms)
    record = ApiKey(hash=hash_key(key), project_id=project.id, label=label, created_at=at_ms)
    return (project, key) if store.add_project(project, record) else None


def find(project_id: str) -> Project:
    """A project.

    Raises:
        NotFound: there is none with this id.
    """
    project = store.find_project(project_id)
    if project is None:
        raise NotFound(f"There is no project {project_id}. See `errata projects list`.")
    return project


def change(project_id: str, rate_limit: int | None, retention_days: int | None) -> Project:
    """Change a project's settings; what is None stays. Acts within 30 seconds.

    Raises:
        NotFound: there is no such project.
    """
    project = find(project_id)
    project = replace(
        project,
        rate_limit=project.rate_limit if rate_limit is None else rate_limit,
        retention_days=project.retention_days if retention_days is None else retention_days,
    )
    store.save_settings(project)
    return project


def create_key(project_id: str, label: str) -> tuple[ApiKey, str]:
    """Another key of a project; the key itself is returned this once.

    Raises:
        NotFound: there is no such project.
    """
    find(project_id)
    key = new_key()
    record = ApiKey(hash=hash_key(key), project_id=project_id, label=label, created_at=now_ms())
    store.add_key(record)
    return record, key


def revoke_key(project_id: str, key_id: str) -> ApiKey:
    """Revoke a key for good. Acts within 30 seconds.

    Raises:
        NotFound: the project has no such key.
    """
    for key in store.list_keys(project_id):
        if key.id == key_id:
            store.revoke_key(key.hash, now_ms())
            return key
    raise NotFound(
        f"Project {project_id} has no key {key_id}. See `errata keys list {project_id}`."
    )
