"""Create, list and change projects and keys."""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple

from errata.config import settings
from errata.errors import (
    InvalidInputError,
    NotFoundError,
    SlugTakenError,
    UnavailableError,
)
from errata.models import project_names
from errata.models.ids import now_ms
from errata.models.organization import DEFAULT_ORGANIZATION
from errata.models.project import DEFAULT_LIMIT, Access, ApiKey, Project
from errata.models.slug import MAX_SLUG, is_slug
from errata.models.visible import Visible
from errata.store import projects as store
from errata.store import unclaimed
from errata.store.retry import attempts
from errata.store.slugs import save_slugs
from errata.usecases import audit, slugs
from errata.usecases.access import hash_key
from errata.usecases.visible import find_visible

MAX_NAME_LENGTH = 200
MAX_RATE_LIMIT = 60_000
MAX_RETENTION_DAYS = 3650
FIRST_LABEL = "first key"
FIRST_DSN_LABEL = "first DSN"
_TRIES = 6

# Value that resets a setting to the deployment's default.
type Default = Literal["default"]


class Created(NamedTuple):
    """A new project, its first API key, and the public key of its first DSN.

    The API key is returned only here, and never again.
    """

    project: Project
    key: str
    public: str


def new_key() -> str:
    """Return a key from a cryptographic source: 32 hex digits, as legacy keys and DSNs have."""
    return secrets.token_hex(16)


def create(
    name: str,
    key: str = "",
    label: str = FIRST_LABEL,
    organization: str = DEFAULT_ORGANIZATION,
    teams: frozenset[str] = frozenset(),
    counts: Sequence[Any] = (),
    expires_at: int | None = None,
    project_id: str = "",
) -> Created | None:
    """Create a project with its first API key and its first DSN.

    It gets a slug from its name, unless it is unclaimed. `key` is the API key to use, for a script
    that has chosen one. Returns None if it already exists. `counts` are as for
    `store.projects.add_project`. `project_id` is the id, if it is not the next number.

    Raises:
        LimitReachedError: one of the counters has reached its limit.
        InvalidInputError: the name or the label is invalid.
    """
    check_texts(name=name, label=label)
    project = Project(
        id=project_id or store.next_project_id(),
        name=name,
        created_at=now_ms(),
        organization=organization,
        teams=teams,
        expires_at=expires_at,
    )
    created = Created(project, key or new_key(), new_key())
    keys = first_keys(created, label)

    def save(each: Project) -> Created | None:
        return created._replace(project=each) if store.add_project(each, keys, counts) else None

    return save(project) if project.unclaimed else slugs.with_free_slug(project, save)


def first_keys(created: Created, label: str = FIRST_LABEL) -> list[ApiKey]:
    """Return the records of a new project's keys."""
    project, key, public = created
    return [
        _record(project.id, key, label, project.created_at),
        _record(project.id, public, FIRST_DSN_LABEL, project.created_at, public=True),
    ]


def list_owned() -> list[Project]:
    """Return the projects of all organizations, oldest first."""
    return store.list_owned()


def list_of(organization_id: str) -> list[Project]:
    """Return the projects of an organization, oldest first."""
    found, _ = store.some_projects(organization_id, "", pages=None)
    return found


def list_unclaimed() -> list[Project]:
    """Return the unclaimed projects, oldest first."""
    at_ms = now_ms()
    return [each for each in store.list_unclaimed() if not each.expired(at_ms)]


def list_projects() -> list[Project]:
    """Return every project: first those of organizations, then unclaimed ones."""
    return list_owned() + list_unclaimed()


def find(project_id: str) -> Project:
    """Return a project.

    Raises:
        NotFoundError: there is no such project.
    """
    project = store.find_project(project_id)
    if project is None or project.expired(now_ms()):
        raise _no_project(project_id)
    return project


def find_id(text: str) -> str:
    """Return the id of the project with this id, slug or name. An id need not exist.

    Raises:
        AmbiguousError: several projects have this slug or name.
        NotFoundError: no project has.
    """
    return text if project_names.is_id(text) else project_names.choose(text, list_owned()).id


def find_to_change(project_id: str) -> Project:
    """Return a project that an operator is about to change. It never expires from now on.

    So what the change adds, such as a webhook, has an owner until somebody deletes the project.

    Raises:
        NotFoundError: there is no such project.
    """
    project = find(project_id)
    if project.expires_at is None:
        return project
    if not unclaimed.keep(project_id, now_ms()):
        raise _no_project(project_id)
    return replace(project, expires_at=None)


def _no_project(project_id: str) -> NotFoundError:
    return NotFoundError(f"There is no project {project_id}. See `errata projects list`.")


def operator_access(project: Project) -> Access:
    """Return the access of an operator to a project. It works like the access of a key.

    It has no scrubbing settings. `errata.usecases.send` adds them.
    """
    return Access(
        project_id=project.id,
        key_id="",
        retention_days=project.retention_days or settings().retention_days,
        rate_limit=project.rate_limit or DEFAULT_LIMIT.per_minute,
        organization=project.organization,
        maps=project.maps,
    )


def visible_to_operator(project_id: str) -> Visible:
    """Return what an operator may see of a project now. Makes two calls to DynamoDB.

    Raises:
        NotFoundError: there is no such project.
    """
    return visible_of(find(project_id))


def visible_of(project: Project) -> Visible:
    """Return what an operator may see of a project now. Makes one call to DynamoDB."""
    return find_visible(operator_access(project), now_ms()).for_operator()


@audit.recorded("project changed", "rate_limit", "retention_days")
def change(
    project_id: str, rate_limit: int | Default | None, retention_days: int | Default | None
) -> Project:
    """Change a project's settings. None keeps a setting. Takes effect within 30 seconds.

    Raises:
        InvalidInputError: names every setting that is out of range.
        NotFoundError: there is no such project.
    """
    check(rate_limit, retention_days)
    given = {"rate_limit": rate_limit, "retention_days": retention_days}
    return save_changes(project_id, **_changes(given))


def with_settings(
    project: Project, rate_limit: int | Default | None, retention_days: int | Default | None
) -> Project:
    """Return a project with other settings. None keeps a setting."""
    given = {"rate_limit": rate_limit, "retention_days": retention_days}
    return replace(project, **_changes(given))


def _changes(given: dict[str, Any]) -> dict[str, Any]:
    return {
        name: None if value == "default" else value
        for name, value in given.items()
        if value is not None
    }


@audit.recorded("project renamed", "name")
def rename(project_id: str, name: str) -> Project:
    """Rename a project.

    Raises:
        InvalidInputError: the name is invalid.
        NotFoundError: there is no such project.
    """
    check_texts(name=name)
    return save_changes(project_id, name=name)


def on_off(setting: bool | Default) -> str:
    """Return `on`, `off` or `default`, for the audit log."""
    return setting if isinstance(setting, str) else "on" if setting else "off"


@audit.recorded("scrubbing changed", scrub=on_off, scrub_contract_apis=on_off)
def change_scrubbing(
    project_id: str, scrub: bool | Default | None, scrub_contract_apis: bool | Default | None
) -> Project:
    """Turn the scrubbing of secrets on or off. Takes effect within 30 seconds.

    "default" uses the organization's setting. None keeps a setting.

    Raises:
        NotFoundError: there is no such project.
    """
    given = {"scrub": scrub, "scrub_contract_apis": scrub_contract_apis}
    return save_changes(project_id, **_changes(given))


def save_changes(project_id: str, **changes: Any) -> Project:
    """Store these settings of a project, and leave the others as they are.

    Raises:
        NotFoundError: there is no such project.
    """
    before = find_to_change(project_id)
    project = replace(before, **changes)
    store.save_settings(before, project)
    return project


@audit.recorded("slug changed", "slug")
def change_slug(project_id: str, slug: str) -> Project:
    """Change the slug of a project. Short ids with its old slugs still work.

    Raises:
        InvalidInputError: the slug is invalid, belongs or belonged to another project of the
            organization, or the project is unclaimed or has had too many slugs.
        NotFoundError: there is no such project.
        UnavailableError: there was a conflict on every try.
    """
    check_slug(slug)
    before = find(project_id)
    for _ in attempts(_TRIES):
        if before.unclaimed:
            raise _bad_slug("An unclaimed project has no slug. Adopt the project first.")
        project = replace(before, slugs=(slug, *(each for each in before.slugs if each != slug)))
        if len(project.slugs) > slugs.MAX_SLUGS:
            raise _bad_slug(
                f"The project has had {slugs.MAX_SLUGS} slugs. It keeps them. Use one of these:"
                f" {', '.join(sorted(before.slugs))}."
            )
        try:
            if project == before or save_slugs(before, project):
                return project
        except SlugTakenError:
            raise _bad_slug(
                f"Another project of the organization has or had the slug {slug}."
            ) from None
        before = find(project_id)
    raise UnavailableError


def check_slug(slug: str) -> None:
    """Check that a text may be a slug.

    Raises:
        InvalidInputError: it may not.
    """
    if not is_slug(slug):
        raise _bad_slug(
            f"The slug must have 1 to {MAX_SLUG} lower-case letters (a to z), digits and dashes. It"
            " must not begin or end with a dash, and must not be a number."
        )


def _bad_slug(complaint: str) -> InvalidInputError:
    return InvalidInputError({"slug": [complaint]})


def check(rate_limit: int | Default | None, retention_days: int | Default | None) -> None:
    """Check that a project may have these settings.

    Raises:
        InvalidInputError: names every setting that is out of range.
    """
    errors: dict[str, list[str]] = {}
    if isinstance(rate_limit, int) and not 1 <= rate_limit <= MAX_RATE_LIMIT:
        errors["rate_limit"] = [
            f"The rate limit must be from 1 to {MAX_RATE_LIMIT} requests a minute."
        ]
    if isinstance(retention_days, int) and not 1 <= retention_days <= MAX_RETENTION_DAYS:
        errors["retention_days"] = [f"The retention must be from 1 to {MAX_RETENTION_DAYS} days."]
    if errors:
        raise InvalidInputError(errors)


def list_keys(project_id: str) -> list[ApiKey]:
    """Return a project's keys, oldest first, including revoked ones.

    Raises:
        NotFoundError: there is no such project.
    """
    find(project_id)
    return store.list_keys(project_id)


def create_key(project_id: str, label: str, public: bool = False) -> tuple[ApiKey, str]:
    """Create a key of a project. Return its record and the key; an API key is shown only once.

    `public`: create the public key of another DSN instead of an API key.

    Raises:
        InvalidInputError: the label is invalid.
        NotFoundError: there is no such project.
    """
    check_texts(label=label)
    find_to_change(project_id)
    key = new_key()
    record = _record(project_id, key, label, now_ms(), public)
    store.add_key(record)
    return record, key


def _record(project_id: str, key: str, label: str, created_at: int, public: bool = False) -> ApiKey:
    return ApiKey(hash_key(key), project_id, label, created_at, public=key if public else "")


def revoke_key(project_id: str, key_id: str) -> ApiKey:
    """Revoke a key permanently. Return it with its gateway key. Takes effect within 30 seconds.

    Raises:
        NotFoundError: there is no such project, or it has no such key.
    """
    for key in list_keys(project_id):
        if key.id == key_id:
            at_ms = now_ms()
            store.revoke_key(key.hash, at_ms)
            return key if key.revoked_at else replace(key, revoked_at=at_ms)
    raise NotFoundError(
        f"Project {project_id} has no key {key_id}. See `errata keys list {project_id}`."
    )


def check_texts(**texts: str) -> None:
    """Check that texts are valid names or labels. The argument names are the fields in errors.

    Raises:
        InvalidInputError: names every text that is empty or too long.
    """
    errors = {
        field: [f"The {field} must have 1 to {MAX_NAME_LENGTH} characters."]
        for field, text in texts.items()
        if not 1 <= len(text) <= MAX_NAME_LENGTH
    }
    if errors:
        raise InvalidInputError(errors)
