"""`errata projects`: create, list, show, set, adopt, delete."""

from typing import Annotated

import typer

from errata.cli import failures
from errata.cli.command import CommandContext, ProjectId, command, group
from errata.cli.output import (
    confirm,
    print_error,
    print_fields,
    print_json,
    print_line,
    print_table,
    timestamp,
)
from errata.cli.project_output import DEFAULT_RATES, project_to_json, retention_of, show_project
from errata.cli.switches import switch
from errata.errors import InvalidInputError
from errata.models.organization import DEFAULT_ORGANIZATION
from errata.models.project import Project, dsn
from errata.protocol.tracker import template_of
from errata.usecases import (
    attachments,
    delete_project,
    log_records,
    members,
    organizations,
    projects,
    slugs,
    tickets,
    unclaimed,
    usage_keys,
)

app = group(
    "Create, list, change, adopt and delete projects.",
    example="projects create shop",
)

Teams = Annotated[
    list[str] | None,
    typer.Option(metavar="ID", help="Id of a team with access, from `teams list`. Repeatable."),
]


@command(app, "create", example="projects create shop")
def create(
    ctx: CommandContext,
    name: Annotated[str, typer.Argument(metavar="NAME", help="1 to 200 characters.")],
    org: Annotated[
        str, typer.Option(metavar="ORG", help="Id of the organization that it belongs to.")
    ] = DEFAULT_ORGANIZATION,
    team: Teams = None,
) -> None:
    """Create a project with an API key, which is shown only once, and a DSN for Sentry SDKs."""
    created, unmetered = usage_keys.create_project(
        ctx.stack.gateway, name.strip(), org, frozenset(team or ())
    )
    project, key, public = created
    url = ctx.stack.api_url
    its_dsn = dsn(ctx.stack.sdk_url, public, project.id)
    if ctx.json:
        print_json({"id": project.id, "name": project.name, "api_key": key, "dsn": its_dsn})
    else:
        print_fields(
            {"project": project.id, "name": project.name, "key": key, "DSN": its_dsn, "API": url}
        )
        print_line("Copy the key now. It is not shown again. The DSN is not secret.")
    warn(ctx, unmetered, project)


@command(app, "list", example="projects list --json")
def list_(
    ctx: CommandContext,
    org: Annotated[
        str, typer.Option(metavar="ORG", help="Only the projects of this organization.")
    ] = "",
    only_unclaimed: Annotated[
        bool, typer.Option("--unclaimed", help="The projects that belong to no organization.")
    ] = False,
) -> None:
    """List the projects of all organizations."""
    if org and only_unclaimed:
        raise typer.BadParameter("Use --org or --unclaimed, not both.")
    if only_unclaimed:
        _list_unclaimed(ctx)
        return
    found = projects.list_of(organizations.find(org).id) if org else projects.list_owned()
    if ctx.json:
        print_json([project_to_json(project) for project in found])
        return
    print_table(
        ["id", "slug", "name", "rate limit", "retention", "created (UTC)"],
        [
            (
                each.id,
                each.slug,
                each.name,
                each.rate_limit or "default",
                retention_of(each),
                timestamp(each.created_at),
            )
            for each in found
        ],
        empty="No projects yet. Create one with `errata projects create NAME`.",
    )


def _list_unclaimed(ctx: CommandContext) -> None:
    found = projects.list_unclaimed()
    if ctx.json:
        print_json([project_to_json(project) for project in found])
        return
    print_table(
        ["id", "name", "created (UTC)", "expires (UTC)"],
        [
            (each.id, each.name, timestamp(each.created_at), timestamp(each.expires_at) or "never")
            for each in found
        ],
        empty="No unclaimed projects.",
    )


@command(app, "show", example="projects show 1")
def show(ctx: CommandContext, project_id: ProjectId) -> None:
    """Show a project's settings and its newest DSN."""
    show_project(ctx, slugs.shown(projects.find(project_id)))


@command(app, "set", example="projects set 1 --rate-limit 600 --retention-days 90")
def set_(
    ctx: CommandContext,
    project_id: ProjectId,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="1 to 200 characters.")] = None,
    slug: Annotated[
        str | None,
        typer.Option(
            metavar="SLUG",
            help="Begins the short ids: `shop` for SHOP-1, SHOP-2. Old slugs still work.",
        ),
    ] = None,
    team: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID", help="Replaces the teams with access. Repeatable. `none` removes all."
        ),
    ] = None,
    rate_limit: Annotated[
        str | None,
        typer.Option(
            metavar="N",
            help=(f"Requests per minute for each key, 1 to 60000, or `default`: {DEFAULT_RATES}."),
        ),
    ] = None,
    retention_days: Annotated[
        str | None,
        typer.Option(
            metavar="N",
            help="Days to keep events, 1 to 3650, or `default` for the deployment's default.",
        ),
    ] = None,
    scrub: Annotated[
        str | None,
        typer.Option(
            metavar="on|off|default",
            help="Whether to replace secrets in events. `default`: the organization's setting.",
        ),
    ] = None,
    scrub_contract_apis: Annotated[
        str | None,
        typer.Option(
            metavar="on|off|default",
            help="The same for events of the ingest API and of api.php. Needs --scrub on.",
        ),
    ] = None,
    tracker_template: Annotated[
        str | None,
        typer.Option(
            metavar="TEMPLATE",
            help="Where new tickets are opened: `github:OWNER/REPO`, `gitlab:GROUP/PROJECT`,"
            " `jira:SITE/PROJECT_ID/TYPE_ID`, a URL with {title} and {markdown}, or `none`.",
        ),
    ] = None,
    log_errors: Annotated[
        bool | None,
        typer.Option(
            "--log-errors/--no-log-errors",
            help="Whether log records of level error become events, of OpenTelemetry and of SDKs.",
            show_default=False,
        ),
    ] = None,
    keep_attachments: Annotated[
        bool | None,
        typer.Option(
            "--attachments/--no-attachments",
            help="Whether to keep the attachments of events.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Change a project's settings. Takes effect within 30 seconds."""
    scrubs = (scrub, scrub_contract_apis)
    given = (
        name,
        slug,
        team or None,
        rate_limit,
        retention_days,
        *scrubs,
        tracker_template,
        log_errors,
        keep_attachments,
    )
    if all(each is None for each in given):
        raise typer.BadParameter(
            "Nothing to set. Use --name, --slug, --team, --rate-limit, --retention-days, --scrub,"
            " --scrub-contract-apis, --tracker-template, --log-errors or"
            " --attachments."
        )
    # Check all values before the first change. Only setting a slug or teams shows whether the
    # slug is free and the teams exist.
    rate = _number("rate_limit", rate_limit, "The rate limit must be a whole number")
    days = _number("retention_days", retention_days, "The retention must be a whole number of days")
    switches = (
        switch("scrub", scrub),
        switch("scrub_contract_apis", scrub_contract_apis),
    )
    projects.check(rate, days)
    if tracker_template is not None:
        template_of(tracker_template)
    if name is not None:
        projects.check_texts(name=name.strip())
    if slug is not None:
        projects.change_slug(project_id, slug)
    if team:
        members.set_project_teams(project_id, [] if team == ["none"] else team)
    if tracker_template is not None:
        tickets.change_tracker(project_id, tracker_template)
    if log_errors is not None:
        log_records.change(project_id, log_errors)
    if keep_attachments is not None:
        attachments.change(project_id, keep_attachments)
    if switches != (None, None):
        projects.change_scrubbing(project_id, *switches)
    if name is not None:
        projects.rename(project_id, name.strip())
    project, unmetered = usage_keys.change_project(ctx.stack.gateway, project_id, rate, days)
    show_project(ctx, slugs.shown(project))
    warn(ctx, unmetered, project)


@command(app, "adopt", example="projects adopt 12 --org default")
def adopt(
    ctx: CommandContext,
    project_id: ProjectId,
    org: Annotated[
        str, typer.Option(metavar="ORG", help="Id of the organization that it will belong to.")
    ],
) -> None:
    """Move an unclaimed project into an organization. Its keys and events stay as they are.

    Takes effect within 30 seconds. Owners and admins of the organization then see the project.
    """
    project = unclaimed.adopt(project_id, org)
    if ctx.json:
        print_json(project_to_json(project))
    else:
        print_line(f"Project {project.id} ({project.name}) now belongs to organization {org}.")


@command(app, "delete", example="projects delete 1")
def delete(
    ctx: CommandContext,
    project_id: Annotated[
        str,
        typer.Argument(
            metavar="[PROJECT]", help="The project's id, slug or name.", show_default=False
        ),
    ] = "",
    all_unclaimed: Annotated[
        bool, typer.Option("--unclaimed", help="All projects that belong to no organization.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,
) -> None:
    """Permanently delete a project with its keys, webhooks, issues, events and source maps.

    Asks for the project's name first, or for the number of projects with --unclaimed.
    """
    if bool(project_id) == all_unclaimed:
        raise typer.BadParameter("Give a project's id, or --unclaimed, but not both.")
    if all_unclaimed:
        _delete_unclaimed(ctx, yes)
        return
    project = projects.find(project_id)
    if not yes:
        _ask_for_name(project)
    undeleted = delete_project.delete_project(project_id, ctx.stack.gateway)
    if ctx.json:
        print_json({"id": project.id, "name": project.name})
    else:
        print_line(
            f"Deleted project {project.id} ({project.name})."
            " Its keys stop working within 30 seconds. Its data is deleted within minutes."
        )
    if undeleted:
        (reason,) = failures.explain(undeleted, local=False)
        print_error(
            "warning",
            f"The project is deleted, but API Gateway keys named {ctx.stack.gateway.stack}"
            f"-project-{project.id}-… could not be deleted. They give no access. ({reason})",
        )


def _delete_unclaimed(ctx: CommandContext, yes: bool) -> None:
    found = projects.list_unclaimed()
    if found and not yes:
        confirm(
            f"This deletes every unclaimed project ({len(found)}) with its data. Type"
            f" {len(found)} to confirm: ",
            str(len(found)),
            "That is not the number of projects. Nothing was deleted.",
        )
    deleted = delete_project.delete_unclaimed(found)
    if ctx.json:
        print_json({"deleted": deleted})
    else:
        print_line(
            f"Deleted {len(deleted)} unclaimed project{'' if len(deleted) == 1 else 's'}."
            " Their keys stop working within 30 seconds. Their data is deleted within minutes."
        )


def _ask_for_name(project: Project) -> None:
    confirm(
        f"This deletes project {project.id} and all its data. Type the project's name to confirm: ",
        project.name.strip(),
        "That is not the project's name. Nothing was deleted.",
    )


def warn(ctx: CommandContext, unmetered: "usage_keys.Unmetered", project: Project) -> None:
    """Print a warning if API Gateway does not enforce the rate limit of a key."""
    if unmetered:
        (reason,) = failures.explain(unmetered, local=False)
        rate = project.rate_limit or "default"
        command = ctx.command(f"projects set {project.id} --rate-limit {rate}")
        print_error(
            "warning",
            f"API Gateway does not enforce the rate limit of some keys of project {project.id}. The"
            " keys work. Their requests are counted in DynamoDB, which costs a little more. To try"
            f" again, run `{command}`. ({reason})",
        )


def _number(name: str, text: str | None, rule: str) -> "int | projects.Default | None":
    if text is None:
        return None
    if text == "default":
        return "default"
    try:
        return int(text)
    except ValueError:
        raise InvalidInputError({name: [f"{rule}, or `default`."]}) from None
