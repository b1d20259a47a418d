"""`errata monitors`: list, show and delete the cron monitors of a project."""

from typing import Annotated

import typer

from errata.cli.command import CommandContext, ProjectId, command, group
from errata.cli.output import (
    print_fields,
    print_json,
    print_line,
    print_section,
    print_table,
    printable,
    timestamp,
)
from errata.protocol.monitors import WORDS, schedule, to_json, took, waits_for
from errata.usecases import monitors, projects

app = group("List, show and delete the cron monitors of a project.", example="monitors list 1")

Slug = Annotated[str, typer.Argument(metavar="SLUG", help="The monitor's name, from `list`.")]
OnlyEnvironment = Annotated[
    str | None, typer.Option(metavar="NAME", help="Only in this environment. Default: all.")
]


@command(app, "list", example="monitors list 1")
def list_(ctx: CommandContext, project_id: ProjectId) -> None:
    """List the cron monitors of a project with their last run, by name and environment."""
    projects.find(project_id)
    found = monitors.of_project(project_id)
    if ctx.json:
        print_json([to_json(each) for each in found])
        return
    print_table(
        ["monitor", "environment", "schedule", "status", "last run (UTC)", "next run (UTC)"],
        [
            (
                each.slug,
                each.environment,
                schedule(each),
                WORDS[each.status] if each.status else "",
                timestamp(each.last.at_ms) if each.last else "",
                waits_for(each) or timestamp(each.expected_ms),
            )
            for each in found
        ],
        empty="No monitors. A job makes one with its first run: sentry-cli monitors run.",
    )


@command(app, "show", example="monitors show 1 nightly-backup")
def show(
    ctx: CommandContext, project_id: ProjectId, slug: Slug, environment: OnlyEnvironment = None
) -> None:
    """Show a monitor with its newest runs, in each environment."""
    found = monitors.find(project_id, slug, environment)
    if ctx.json:
        print_json([to_json(each) for each in found])
        return
    for each in found:
        print_section(f"{each.slug} in {printable(each.environment)}", [])
        config = each.config
        print_fields(
            {
                "schedule": schedule(each),
                "late after": f"{config.margin} min" if config else "",
                "times out after": f"{config.max_runtime} min" if config else "",
                "next run": waits_for(each) or timestamp(each.expected_ms),
                "issue": each.issue_id,
            }
        )
        print_table(
            ["status", "at (UTC)", "took", "release"],
            [
                (WORDS[run.status], timestamp(run.at_ms), took(run), run.release)
                for run in reversed(each.runs)
            ],
            empty="No runs yet.",
        )


@command(app, "delete", example="monitors delete 1 nightly-backup --environment staging")
def delete(
    ctx: CommandContext, project_id: ProjectId, slug: Slug, environment: OnlyEnvironment = None
) -> None:
    """Delete a monitor. Its issues stay. A later check-in makes a new one."""
    deleted = monitors.delete(project_id, slug, environment)
    if ctx.json:
        print_json(
            {"deleted": [{"slug": each.slug, "environment": each.environment} for each in deleted]}
        )
        return
    print_line(f"Deleted {slug} in {', '.join(each.environment for each in deleted)}.")
