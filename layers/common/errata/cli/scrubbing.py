"""`errata scrubbing`: show, preview and set how events are scrubbed."""

from typing import Annotated, Any

import typer

from errata.cli.command import CommandContext, ProjectId, command, group
from errata.cli.output import print_fields, print_json, print_line, print_table
from errata.cli.rules import read_file
from errata.cli.switches import switch
from errata.models.project import Project
from errata.usecases import access, organizations, projects, scrubbing_rules

app = group("Show, preview and set how events are scrubbed.", example="scrubbing show 1")

ProjectOrNone = Annotated[
    str,
    typer.Argument(metavar="[PROJECT]", help="The project's id, slug or name.", show_default=False),
]
WholeOrg = Annotated[
    str,
    typer.Option(metavar="ORG", help="Id of an organization, for all its projects."),
]
ScrubbingRulesFile = Annotated[
    str | None, typer.Option("--rules", metavar="FILE", help="File with the rules. - reads stdin.")
]


@command(app, "show", example="scrubbing show 1")
def show(ctx: CommandContext, project_id: ProjectOrNone = "", org: WholeOrg = "") -> None:
    """Show whether events of a project or an organization are scrubbed, and its rules."""
    _show(ctx, *_one_of(project_id, org))


@command(app, "set", example="scrubbing set 1 --rules rules.txt")
def set_(
    ctx: CommandContext,
    project_id: ProjectOrNone = "",
    org: WholeOrg = "",
    scrub: Annotated[
        str | None,
        typer.Option(
            metavar="on|off|default",
            help="Whether to replace secrets. `default`: as the organization says, or on.",
        ),
    ] = None,
    scrub_contract_apis: Annotated[
        str | None,
        typer.Option(
            metavar="on|off|default", help="Whether to do so for the ingest API and api.php."
        ),
    ] = None,
    rules: ScrubbingRulesFile = None,
) -> None:
    """Change how new events are scrubbed. Takes effect within 30 seconds.

    Each line of FILE is one rule: `name: customer_number`, `exempt: extra.session`,
    `pattern: EMP-[0-9]{6}`, `ip-addresses: on` or `email-addresses: on`. An empty file removes all
    rules. Those of a project and of its organization add up.
    """
    project_id, org = _one_of(project_id, org)
    if scrub is None and scrub_contract_apis is None and rules is None:
        raise typer.BadParameter("Nothing to set. Use --scrub, --scrub-contract-apis or --rules.")
    switches = (
        switch("scrub", scrub),
        switch("scrub_contract_apis", scrub_contract_apis),
    )
    if rules is not None:
        text = read_file(rules, scrubbing_rules.MAX_BYTES)
        if org:
            scrubbing_rules.set_of_organization(org, text)
        else:
            scrubbing_rules.set_of_project(project_id, text)
    if switches != (None, None):
        if org:
            organizations.change_scrubbing(org, *switches)
        else:
            projects.change_scrubbing(project_id, *switches)
    _show(ctx, project_id, org)


@command(app, "preview", example="scrubbing preview 1 --rules rules.txt")
def preview(
    ctx: CommandContext,
    project_id: ProjectId,
    rules: Annotated[
        str, typer.Option("--rules", metavar="FILE", help="File with the rules. - reads stdin.")
    ],
    org: Annotated[
        bool, typer.Option("--org", help="Preview them as the rules of the project's organization.")
    ] = False,
) -> None:
    """Show what the rules in a file would replace in the newest events. Changes nothing.

    Prints paths and rules, and never a value.
    """
    project = projects.find(project_id)
    visible, text = projects.visible_of(project), read_file(rules, scrubbing_rules.MAX_BYTES)
    found = scrubbing_rules.preview(project, visible, text, of_organization=org)
    if ctx.json:
        print_json({"events": found.events, "paths": [row._asdict() for row in found.rows]})
    else:
        _print_preview(found)


def _one_of(project_id: str, org: str) -> tuple[str, str]:
    if bool(project_id) == bool(org):
        raise typer.BadParameter("Give a project's id, or --org, but not both.")
    return project_id, org


def _show(ctx: CommandContext, project_id: str, org: str) -> None:
    text = scrubbing_rules.find_text(project_id, org)
    if org:
        found: Any = organizations.find(org)
        switches: dict[str, Any] = {
            "scrub": found.scrub,
            "scrub_contract_apis": found.scrub_contract_apis,
        }
    else:
        found = projects.find(project_id)
        switches = access.operator_scrubbing(found)
        del switches["scrub_rules"]
    if ctx.json:
        print_json(
            {
                "project": project_id or None,
                "organization": org or None,
                "scrub": found.scrub,
                "scrub_contract_apis": found.scrub_contract_apis,
                "in_force": switches,
                "rules": text,
            }
        )
        return
    print_fields(
        {
            "organization" if org else "project": found.id,
            "scrubbing": describe(found.scrub, switches["scrub"]),
            "ingest API and api.php": describe(
                found.scrub_contract_apis, switches["scrub_contract_apis"]
            ),
            "rules": None if text else "none",
        }
    )
    for line in text.splitlines():
        print_line(line)


def describe(own: bool | None, in_force: bool) -> str:
    """Return a switch in words. `own` is None if the organization decides."""
    text = "on" if in_force else "off"
    return f"{text} (the organization's)" if own is None else text


def describe_project(project: Project) -> str:
    """Return in one line whether the events of a project are scrubbed."""
    found = access.operator_scrubbing(project)
    text = describe(project.scrub, found["scrub"])
    if found["scrub"] and not found["scrub_contract_apis"]:
        text += ", but off for the ingest API and api.php"
    return text


def _print_preview(found: "scrubbing_rules.Preview") -> None:
    print_table(
        ["events", "path", "rule", "would be"],
        [
            (row.events, row.path, row.rule, "kept" if row.stays else "replaced")
            for row in found.rows
        ],
        empty="Nothing would change.",
    )
    print_line(f"Newest events looked at: {found.events}. Nothing was changed.")
