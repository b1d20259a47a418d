"""`errata projects`: create, list, show, set, delete."""

import sys
from typing import Annotated, Any

import typer

from errata.cli.command import ProjectId, Session, command, group
from errata.cli.failures import explain
from errata.cli.output import moment, print_error, print_fields, print_json, print_line, print_table
from errata.config import settings
from errata.errors import Invalid
from errata.models.organization import DEFAULT_ORGANIZATION
from errata.models.project import Project, dsn, live_dsns
from errata.protocol.read import iso
from errata.usecases import deletion, members, metering, projects

app = group(
    "Create projects, list them, change their settings, delete them.",
    example="projects create shop",
)

Teams = Annotated[
    list[str] | None,
    typer.Option(metavar="ID", help="A team that sees it, from `teams list`. Repeatable."),
]


@command(app, "create", example="projects create shop")
def create(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="NAME", help="1 to 200 characters.")],
    org: Annotated[
        str, typer.Option(metavar="ORG", help="The organization it belongs to, by its id.")
    ] = DEFAULT_ORGANIZATION,
    team: Teams = None,
) -> None:
    """Create a project with a key, which is shown this once, and a DSN for Sentry SDKs."""
    created, unmetered = metering.create_project(
        session.target.gateway, name.strip(), org, frozenset(team or ())
    )
    project, key, public = created
    url = session.target.api_url
    its_dsn = dsn(url, public, project.id)
    if session.json:
        print_json({"id": project.id, "name": project.name, "api_key": key, "dsn": its_dsn})
    else:
        print_fields(
            {"project": project.id, "name": project.name, "key": key, "DSN": its_dsn, "API": url}
        )
        print_line("Keep the key: it is not shown again. The DSN is no secret.")
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
    """Show a project's settings, and its newest DSN."""
    _show(session, projects.find(project_id))


@command(app, "set", example="projects set 1 --rate-limit 600 --retention-days 90")
def set_(
    session: Session,
    project_id: ProjectId,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="1 to 200 characters.")] = None,
    team: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID", help="A team that sees it: these alone. Repeatable; or `none`: no team."
        ),
    ] = None,
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
    if name is None and not team and rate_limit is None and retention_days is None:
        raise typer.BadParameter(
            "Nothing to set: give --name, --team, --rate-limit or --retention-days."
        )
    # Whatever is wrong, before anything changes; teams are judged before they are set.
    days = _days(retention_days)
    projects.check(rate_limit, days)
    if name is not None:
        projects.check_texts(name=name.strip())
    if team:
        members.set_project_teams(project_id, [] if team == ["none"] else team)
    if name is not None:
        projects.rename(project_id, name.strip())
    project, unmetered = metering.change_project(
        session.target.gateway, project_id, rate_limit, days
    )
    _show(session, project)
    warn(unmetered, project)


@command(app, "delete", example="projects delete 1")
def delete(
    session: Session,
    project_id: ProjectId,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a project for good: its keys, webhooks, issues and events. Asks for its name."""
    project = projects.find(project_id)
    if not yes:
        _ask_for_name(project)
    undeleted = deletion.delete_project(project_id, session.target.gateway)
    if session.json:
        print_json({"id": project.id, "name": project.name})
    else:
        print_line(
            f"Deleted project {project.id} ({project.name})."
            " What it holds goes within minutes; its keys open nothing after 30 seconds."
        )
    if undeleted:
        (reason,) = explain(undeleted, local=False)
        print_error(
            "warning",
            f"The project is deleted, but API Gateway keys named {session.target.gateway.stack}"
            f"-project-{project.id}-… are still there. They open nothing. ({reason})",
        )


def _ask_for_name(project: Project) -> None:
    # To stderr: what is printed may be read by a program.
    sys.stderr.write(f"This deletes project {project.id} and all that it holds. Its name: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != project.name.strip():
        complaint = "That is not the project's name: nothing was deleted. --yes does not ask."
        raise Invalid({"name": [complaint]})


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
    url = session.target.api_url
    dsns = [*live_dsns(url, projects.list_keys(project.id)).values()]
    newest = dsns[0] if dsns else None
    if session.json:
        print_json(_to_json(project) | {"api_url": url, "dsn": newest, "dsns": dsns})
        return
    print_fields(
        {
            "project": project.id,
            "name": project.name,
            "org": project.organization,
            "teams": ", ".join(sorted(project.teams)),
            "created": f"{moment(project.created_at)} UTC",
            "rate limit": f"{project.rate_limit} requests a minute for each key",
            "retention": _retention(project),
            "DSN": newest or f"none: make one with `errata keys create {project.id} --dsn`",
            "API": url,
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
        "teams": sorted(project.teams),
    }
