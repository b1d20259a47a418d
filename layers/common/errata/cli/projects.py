"""`errata projects`: create, list, show, set."""

from typing import Annotated, Any

import typer

from errata.cli.command import ProjectId, Session, command, group
from errata.cli.failures import explain
from errata.cli.output import moment, print_error, print_fields, print_json, print_line, print_table
from errata.config import settings
from errata.errors import Invalid
from errata.models.organization import DEFAULT_ORGANIZATION
from errata.models.project import Project
from errata.protocol.read import iso
from errata.usecases import metering, projects

app = group("Create projects, list them, change their settings.", example="projects create shop")


@command(app, "create", example="projects create shop")
def create(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="NAME", help="1 to 200 characters.")],
    org: Annotated[
        str, typer.Option(metavar="ORG", help="The organization it belongs to, by its id.")
    ] = DEFAULT_ORGANIZATION,
) -> None:
    """Create a project with its first key, which is shown this once."""
    project, key, unmetered = metering.create_project(session.target.gateway, name.strip(), org)
    if session.json:
        print_json({"id": project.id, "name": project.name, "api_key": key})
    else:
        url = session.target.api_url
        print_fields({"project": project.id, "name": project.name, "key": key, "API": url})
        print_line("Keep the key: it is not shown again.")
    warn(unmetered, project)


@command(app, "list", example="projects list --json")
def list_(session: Session) -> None:
    """List all projects."""
    found = projects.list_projects()
    if session.json:
        print_json([_to_json(project) for project in found])
        return
    print_table(
        ["id", "name", "rate limit", "retention", "created (UTC)"],
        [
            (each.id, each.name, each.rate_limit, _retention(each), moment(each.created_at))
            for each in found
        ],
        empty="No projects yet. Create one with `errata projects create NAME`.",
    )


@command(app, "show", example="projects show 1")
def show(session: Session, project_id: ProjectId) -> None:
    """Show a project's settings."""
    _show(session, projects.find(project_id))


@command(app, "set", example="projects set 1 --rate-limit 600 --retention-days 90")
def set_(
    session: Session,
    project_id: ProjectId,
    rate_limit: Annotated[
        int | None,
        typer.Option(metavar="N", help="Requests a minute for each key, 1 to 60000."),
    ] = None,
    retention_days: Annotated[
        str | None,
        typer.Option(
            metavar="N",
            help="Days that events are kept, 1 to 3650; or `default`: the deployment's.",
        ),
    ] = None,
) -> None:
    """Change a project's settings. Acts within 30 seconds."""
    if rate_limit is None and retention_days is None:
        raise typer.BadParameter("Nothing to set: give --rate-limit or --retention-days.")
    project, unmetered = metering.change_project(
        session.target.gateway, project_id, rate_limit, _days(retention_days)
    )
    _show(session, project)
    warn(unmetered, project)


def warn(unmetered: metering.Unmetered, project: Project) -> None:
    """Say that the gateway does not meter a key."""
    if unmetered:
        (reason,) = explain(unmetered, local=False)
        print_error(
            "warning",
            f"API Gateway does not meter every key of project {project.id}. They work, and each"
            " request is counted in DynamoDB instead, which costs a little. To try again: errata"
            f" projects set {project.id} --rate-limit {project.rate_limit}. ({reason})",
        )


def _days(text: str | None) -> int | projects.Default | None:
    if text is None:
        return None
    if text == "default":
        return "default"
    try:
        return int(text)
    except ValueError:
        complaint = "The retention must be a number of days, or `default`."
        raise Invalid({"retention_days": [complaint]}) from None


def _show(session: Session, project: Project) -> None:
    if session.json:
        print_json(_to_json(project) | {"api_url": session.target.api_url})
        return
    print_fields(
        {
            "project": project.id,
            "name": project.name,
            "org": project.organization,
            "created": f"{moment(project.created_at)} UTC",
            "rate limit": f"{project.rate_limit} requests a minute for each key",
            "retention": _retention(project),
            "API": session.target.api_url,
        }
    )


def _retention(project: Project) -> str:
    own = project.retention_days
    return f"{own} days" if own else f"{settings().retention_days} days (default)"


def _to_json(project: Project) -> dict[str, Any]:
    """`retention_days` is null where the deployment's default holds."""
    return {
        "id": project.id,
        "name": project.name,
        "created_at": iso(project.created_at),
        "rate_limit": project.rate_limit,
        "retention_days": project.retention_days,
        "organization": project.organization,
    }
