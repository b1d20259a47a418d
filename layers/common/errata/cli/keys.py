"""`errata keys`: list, create, revoke and repair API keys and DSNs."""

from typing import Annotated, Any

import typer

from errata.cli import failures
from errata.cli.command import CommandContext, ProjectId, command, group
from errata.cli.output import (
    print_error,
    print_fields,
    print_json,
    print_line,
    print_table,
    timestamp,
)
from errata.cli.projects import warn
from errata.models.project import ApiKey, dsn
from errata.protocol.read import iso
from errata.usecases import projects, usage_keys

app = group("List, create, revoke and repair API keys and DSNs.", example="keys list 1")


@command(app, "list", example="keys list 1")
def list_(ctx: CommandContext, project_id: ProjectId) -> None:
    """List a project's API keys and DSNs, including revoked ones.

    An API key itself is only shown when you create it.
    """
    found = projects.list_keys(project_id)
    url = ctx.stack.sdk_url
    if ctx.json:
        print_json([_to_json(key, url) for key in found])
        return
    print_table(
        ["id", "kind", "label", "created (UTC)", "revoked (UTC)", "DSN"],
        [
            (
                key.id,
                "DSN" if key.public else "API key",
                key.label,
                timestamp(key.created_at),
                timestamp(key.revoked_at),
                _dsn(key, url),
            )
            for key in found
        ],
        empty="This project has no keys.",
    )


@command(app, "create", example="keys create 1 --label web")
def create(
    ctx: CommandContext,
    project_id: ProjectId,
    label: Annotated[
        str, typer.Option(metavar="TEXT", help="A name for the key, 1 to 200 characters.")
    ] = "no label",
    public: Annotated[
        bool,
        typer.Option("--dsn", help="Create a DSN for Sentry SDKs: not secret, can only send."),
    ] = False,
) -> None:
    """Create an API key, which is shown only once. With --dsn, create a DSN."""
    record, key, unmetered = usage_keys.create_key(
        ctx.stack.gateway, project_id, label.strip(), public
    )
    url = ctx.stack.sdk_url
    if ctx.json:
        print_json(_to_json(record, url) | ({} if public else {"api_key": key}))
    elif public:
        print_fields({"id": record.id, "label": record.label, "DSN": _dsn(record, url)})
    else:
        print_fields({"id": record.id, "label": record.label, "key": key})
        print_line("Copy the key now. It is not shown again.")
    if unmetered:
        warn(ctx, unmetered, projects.find(project_id))


@command(app, "revoke", example="keys revoke 1 3f2a90c1d4e5")
def revoke(
    ctx: CommandContext,
    project_id: ProjectId,
    key_id: Annotated[str, typer.Argument(metavar="KEY", help="The key's id, from `keys list`.")],
) -> None:
    """Permanently revoke an API key or a DSN. Takes effect within 30 seconds."""
    key, undeleted = usage_keys.revoke_key(project_id, key_id)
    if ctx.json:
        print_json(_to_json(key, ctx.stack.sdk_url))
    else:
        print_line(f"Revoked key {key.id} ({key.label}) of project {project_id}.")
    if undeleted:
        (reason,) = failures.explain(undeleted, local=False)
        print_error(
            "warning",
            "The key is revoked, but its API Gateway key could not be deleted. It gives no access."
            f" The next key that you create for the project deletes it. ({reason})",
        )


@command(app, "repair", example="keys repair")
def repair(
    ctx: CommandContext,
    project_id: Annotated[
        str,
        typer.Argument(metavar="[PROJECT]", help="The project's id, slug or name. Default: all."),
    ] = "",
) -> None:
    """Replace the API Gateway keys that are missing, so that requests are accepted again.

    API Gateway counts the requests of most keys with a key of its own. If that is deleted, or its
    usage plan, API Gateway refuses all requests with 401. API keys and DSNs stay the same.
    """
    found = [projects.find(project_id)] if project_id else projects.list_projects()
    repaired: list[ApiKey] = []
    for project in found:
        keys, unmetered = usage_keys.repair(ctx.stack.gateway, project.id)
        repaired += keys
        if unmetered:
            warn(ctx, unmetered, project)
    if ctx.json:
        print_json([_to_json(key, ctx.stack.sdk_url) for key in repaired])
        return
    for key in repaired:
        print_line(f"Repaired key {key.id} ({key.label}) of project {key.project_id}.")
    if repaired:
        print_line("They work within 30 seconds.")
    else:
        print_line("No gateway key is missing.")


def _dsn(key: ApiKey, sdk_url: str) -> str | None:
    return dsn(sdk_url, key.public, key.project_id) if key.public else None


def _to_json(key: ApiKey, sdk_url: str) -> dict[str, Any]:
    """Return a key as `--json` prints it: `kind` is "api_key" (`dsn` is null) or "dsn"."""
    return {
        "id": key.id,
        "project_id": key.project_id,
        "kind": "dsn" if key.public else "api_key",
        "label": key.label,
        "created_at": iso(key.created_at),
        "revoked_at": None if key.revoked_at is None else iso(key.revoked_at),
        "dsn": _dsn(key, sdk_url),
    }
