"""ProjectsTable: projects, keys, and the counter of project ids.

| item | pk | sk | listed_under | listed_as |
|---|---|---|---|---|
| project | `project#12` | `project` | `projects` | `000000000012` |
| unclaimed project | `project#12` | `project` | `unclaimed` | see `store.unclaimed` |
| key | `key#<sha256>` | `key` | `project#12` | `key#<created_at>#<sha256>` |
| gateway key | `project#12` | `gateway#<id>` | see `store.gateway_key_rows` | |
| deleted project | `project#12` | `deleted` | `deleted` | `000000000012` |
| slug | `org#3#slugs` | `shop` | see `store.slugs` | |
| counter | `counter` | `projects` | | |

The index `listing` has the items by `listed_under`. The index `by_organization` has the projects by
the attribute `organization`; only projects have it.

A key is an API key. With the attribute `public` it is a public key, for a DSN
(docs/decisions/0018-dsn-keys.md).
"""

from collections.abc import Iterable, Sequence
from typing import Any

from errata.config import settings
from errata.errors import (
    ConditionFailedError,
    LimitReachedError,
    SlugTakenError,
    StoreError,
    UnavailableError,
)
from errata.models.organization import UNCLAIMED
from errata.models.project import ApiKey, Project
from errata.store import clients, creation_counts, slugs
from errata.store.items import (
    DynamoRequest,
    PlainItem,
    Values,
    query,
    query_some,
    read_all,
    write_all,
)
from errata.store.project_items import (
    SCRUBBING,
    alert_rules_key,
    key_item,
    project_item,
    project_key,
    rules_key,
    scrubbing_key,
    to_key,
    to_project,
)
from errata.store.retry import attempts

_TRIES = 6


def find_key(key_hash: str) -> ApiKey | None:
    """Return the key with this hash, revoked or not. Reads consistently. Access pattern P1."""
    item = _get(f"key#{key_hash}", "key")
    return to_key(item) if item else None


def find_project(project_id: str) -> Project | None:
    """Return the project with this id, read consistently. Access pattern P2."""
    item = _get(f"project#{project_id}", "project")
    return to_project(item) if item else None


def list_owned() -> list[Project]:
    """Return the projects of all organizations, oldest first. Access pattern P3."""
    return [to_project(item) for item in _listing("projects")]


def list_unclaimed() -> list[Project]:
    """Return the projects that belong to no organization, oldest first. Access pattern P40.

    Some may have expired.
    """
    found = [to_project(item) for item in _listing("unclaimed")]
    return sorted(found, key=lambda project: int(project.id))


def some_projects(organization_id: str, after: str, pages: int | None) -> tuple[list[Project], str]:
    """Return an organization's projects with ids above `after`, oldest first, and where it stopped.

    With `after` "", starts with the oldest one. Reads at most `pages` pages of 1 MB, or all if that
    is None. The second result is the id of the last project that was read, "" at the end. Access
    pattern P35.
    """
    found, stopped = query_some(
        pages,
        TableName=settings().projects_table,
        IndexName="by_organization",
        KeyConditionExpression="organization = :organization AND listed_as > :after",
        ExpressionAttributeValues=write_all(
            {":organization": organization_id, ":after": after.zfill(12)}
        ),
    )
    projects = [to_project(read_all(item)) for item in found]
    return projects, projects[-1].id if stopped else ""


def list_keys(project_id: str) -> list[ApiKey]:
    """Return a project's keys, oldest first, revoked ones included. Access pattern P4."""
    keys = [to_key(item) for item in _listing(f"project#{project_id}")]
    # A project's first two keys have the same timestamp. The API key comes before the public key.
    return sorted(keys, key=lambda key: (key.created_at, key.public != ""))


def next_project_id() -> str:
    """Return a number that no project has had. Access pattern P5."""
    response = clients.dynamodb().update_item(
        TableName=settings().projects_table,
        Key=write_all({"pk": "counter", "sk": "projects"}),
        UpdateExpression="ADD last_id :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
        ReturnValues="UPDATED_NEW",
    )
    return response["Attributes"]["last_id"]["N"]


def add_project(project: Project, keys: Iterable[ApiKey], counts: Sequence[Any] = ()) -> bool:
    """Store a new project and its first keys, all or none.

    `counts` are Updates of counters in the same transaction, for a project that counts against
    limits. Returns False if the project or one of the keys exists already. Access pattern P6.

    Raises:
        LimitReachedError: a counter has reached its limit. Nothing is stored.
        SlugTakenError: another project has or had the slug. Nothing is stored.
        UnavailableError: there was a conflict on every try. Nothing is stored.
    """
    puts = [*map(_put_key, keys), _put_new(project_item(project))]
    actions: Any = [{"Put": put} for put in puts] + [{"Update": count} for count in counts]
    if project.slug:
        actions.append(slugs.claim(project))
    for _ in attempts(_TRIES):
        try:
            clients.dynamodb().transact_write_items(TransactItems=actions)
        except StoreError as error:
            codes = error.reason_codes
            if "ConditionalCheckFailed" in codes[: len(puts)]:
                return False
            if "ConditionalCheckFailed" in codes:
                position = codes.index("ConditionalCheckFailed") - len(puts)
                if position == len(counts):
                    raise SlugTakenError from error
                raise LimitReachedError(position) from error
            # Another writer is storing the same key. The next try shows whether it succeeded.
            if "TransactionConflict" not in codes:
                raise
        else:
            return True
    raise UnavailableError


def add_key(key: ApiKey) -> bool:
    """Store another key of a project. Returns False if it exists already. Access pattern P7."""
    try:
        clients.dynamodb().put_item(**_put_key(key))
    except ConditionFailedError:
        return False
    return True


def revoke_key(key_hash: str, at_ms: int) -> None:
    """Revoke a key permanently. Its record stays, so that nobody can add the key again.

    Access pattern P8.
    """
    clients.dynamodb().update_item(
        TableName=settings().projects_table,
        Key=write_all({"pk": f"key#{key_hash}", "sk": "key"}),
        UpdateExpression=(
            "SET revoked_at = if_not_exists(revoked_at, :at)"
            " REMOVE usage_key, usage_key_id, usage_from"
        ),
        ConditionExpression="attribute_exists(pk)",
        ExpressionAttributeValues={":at": {"N": str(at_ms)}},
    )


def save_settings(before: Project, after: Project) -> None:
    """Save the settings of a project that differ, and leave the others as they are.

    So two requests can change different settings at the same time. Access pattern P9.
    """
    names = [
        name
        for name in (
            *("name", "rate_limit", "retention_days", "tracker_template", "log_errors"),
            "attachments",
            *SCRUBBING,
        )
        if getattr(after, name) != getattr(before, name)
    ]
    if not names:
        return
    stored = project_item(after)
    values: Values = {f":{name}": stored[name] for name in names}
    kept = [f"#{name} = :{name}" for name in names if values[f":{name}"] is not None]
    gone = [f"#{name}" for name in names if values[f":{name}"] is None]
    expression = f"SET {', '.join(kept)}" if kept else ""
    request: Any = {
        "UpdateExpression": f"{expression} REMOVE {', '.join(gone)}" if gone else expression,
        "ConditionExpression": "attribute_exists(pk)",
        "ExpressionAttributeNames": {f"#{name}": name for name in names},
    }
    if kept:
        request["ExpressionAttributeValues"] = write_all(values)
    clients.dynamodb().update_item(
        TableName=settings().projects_table, Key=project_key(after.id), **request
    )


def save_teams(project_id: str, teams: frozenset[str]) -> None:
    """Set the teams that see a project. Access pattern P30."""
    request: Any = {
        "TableName": settings().projects_table,
        "Key": project_key(project_id),
        "UpdateExpression": "REMOVE teams",
        "ConditionExpression": "attribute_exists(pk)",
    }
    if teams:
        request["UpdateExpression"] = "SET teams = :teams"
        request["ExpressionAttributeValues"] = write_all({":teams": ",".join(sorted(teams))})
    clients.dynamodb().update_item(**request)


def remove_project(project: Project, at_ms: int) -> bool:
    """Delete a project. Its id and the rows of its keys stay. Access pattern P31.

    Returns False if its slugs have changed since it was read, or it is deleted.

    Raises:
        ConflictError: the project was unclaimed, and somebody else has just adopted or deleted it.
        UnavailableError: there was a conflict on every try.
    """
    from errata.store import views  # the senders of events never need it

    table = settings().projects_table
    note: Values = {
        "pk": f"project#{project.id}",
        "sk": "deleted",
        "listed_under": "deleted",
        "listed_as": project.id.zfill(12),
        "deleted_at": at_ms,
    }
    delete: DynamoRequest = {"TableName": table, "Key": project_key(project.id)}
    actions: Any = [
        {"Delete": delete},
        {"Delete": {"TableName": table, "Key": rules_key(project.id)}},
        {"Delete": {"TableName": table, "Key": scrubbing_key(f"project#{project.id}")}},
        {"Delete": {"TableName": table, "Key": views.key(f"project#{project.id}")}},
        {"Delete": {"TableName": table, "Key": alert_rules_key(project.id)}},
        {"Put": {"TableName": table, "Item": write_all(note)}},
        *slugs.release(project),
    ]
    delete["ConditionExpression"], values = slugs.unchanged(project)
    if values:
        delete["ExpressionAttributeValues"] = values
    if project.unclaimed:
        # The counter must go down only once, even if two commands delete the project at once.
        delete["ConditionExpression"] = "organization = :unclaimed"
        delete["ExpressionAttributeValues"] = write_all({":unclaimed": UNCLAIMED})
        actions.append({"Update": creation_counts.one_less_unclaimed()})
    for _ in attempts(_TRIES):
        try:
            clients.dynamodb().transact_write_items(TransactItems=actions)
        except StoreError as error:
            if "ConditionalCheckFailed" in error.reason_codes and not project.unclaimed:
                return False
            if "TransactionConflict" not in error.reason_codes:
                raise
        else:
            return True
    raise UnavailableError


def list_deleted() -> list[str]:
    """Return the ids of deleted projects, oldest first. Access pattern P32."""
    return [item["pk"].removeprefix("project#") for item in _listing("deleted")]


def save_usage_key(key: ApiKey, from_ms: int = 0) -> bool:
    """Set the gateway key that counts a key's requests ("" for none). Access pattern P10.

    The gateway key is used from `from_ms` on. Until then, readers get only its id (`usage_key_id`).
    Returns False if the key is revoked or does not exist.
    """
    values: Values = {":key": key.usage_key, ":id": key.usage_key_id, ":from": from_ms}
    try:
        clients.dynamodb().update_item(
            TableName=settings().projects_table,
            Key=write_all({"pk": f"key#{key.hash}", "sk": "key"}),
            UpdateExpression="SET usage_key = :key, usage_key_id = :id, usage_from = :from",
            ConditionExpression="attribute_exists(pk) AND attribute_not_exists(revoked_at)",
            ExpressionAttributeValues=write_all(values),
        )
    except ConditionFailedError:
        return False
    return True


def _get(pk: str, sk: str) -> PlainItem | None:
    # Read consistently: the result is cached, even "not found", and a new key must work at once.
    response = clients.dynamodb().get_item(
        TableName=settings().projects_table,
        Key={"pk": {"S": pk}, "sk": {"S": sk}},
        ConsistentRead=True,
    )
    item = response.get("Item")
    return read_all(item) if item else None


def _listing(under: str) -> list[PlainItem]:
    return [
        read_all(item)
        for item in query(
            TableName=settings().projects_table,
            IndexName="listing",
            KeyConditionExpression="listed_under = :under",
            ExpressionAttributeValues={":under": {"S": under}},
        )
    ]


def _put_new(values: Values) -> Any:
    return {
        "TableName": settings().projects_table,
        "Item": write_all(values),
        "ConditionExpression": "attribute_not_exists(pk)",
    }


def _put_key(key: ApiKey) -> Any:
    return _put_new(key_item(key))
