"""`errata keys`: list, create, revoke. A key is shown when it is created, and never again."""

from typing import Annotated, Any

import typer

from errata.cli.command import ProjectId, Session, command, group
from errata.cli.failures import explain
from errata.cli.output import moment, print_error, print_fields, print_json, print_line, print_table
from errata.cli.projects import warn
from errata.models.project import ApiKey
from errata.protocol.read import iso
from errata.usecases import metering, projects

app = group("List a project's keys, create them, revoke them.", example="keys list 1")


@command(app, "list", example="keys list 1")
def list_(session: Session, project_id: ProjectId) -> None:
    """List a project's keys, revoked ones included: their ids, never the keys themselves."""
    found = projects.list_keys(project_id)
    if session.json:
        print_json([_to_json(key) for key in found])
        return
    print_table(
        ["id", "label", "created (UTC)", "revoked (UTC)"],
        [(key.id, key.label, moment(key.created_at), moment(key.revoked_at)) for key in found],
        empty="This project has no keys.",
    )


@command(app, "create", example="keys create 1 --label web")
def create(
    session: Session,
    project_id: ProjectId,
    label: Annotated[
        str, typer.Option(metavar="TEXT", help="What it is for, 1 to 200 characters.")
    ] = "no label",
) -> None:
    """Create another key of a project. It is shown this once."""
    record, key, unmetered = metering.create_key(session.target.gateway, project_id, label.strip())
    if session.json:
        print_json(_to_json(record) | {"api_key": key})
    else:
        print_fields({"id": record.id, "label": record.label, "key": key})
        print_line("Keep the key: it is not shown again.")
    if unmetered:
        warn(unmetered, projects.find(project_id))


@command(app, "revoke", example="keys revoke 1 3f2a90c1d4e5")
def revoke(
    session: Session,
    project_id: ProjectId,
    key_id: Annotated[str, typer.Argument(metavar="KEY", help="The key's id, from `keys list`.")],
) -> None:
    """Revoke a key for good. Acts within 30 seconds."""
    key, undeleted = metering.revoke_key(project_id, key_id)
    if session.json:
        print_json(_to_json(key))
    else:
        print_line(f"Revoked key {key.id} ({key.label}) of project {project_id}.")
    if undeleted:
        (reason,) = explain(undeleted, local=False)
        print_error(
            "warning",
            "The key is revoked, but its API Gateway key is still there. It opens nothing, and the"
            f" project's next new key deletes it. ({reason})",
        )


def _to_json(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "project_id": key.project_id,
        "label": key.label,
        "created_at": iso(key.created_at),
        "revoked_at": None if key.revoked_at is None else iso(key.revoked_at),
    }
