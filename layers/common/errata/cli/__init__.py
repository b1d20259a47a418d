"""The operator's command line, `errata`. It calls the use cases. No Lambda function imports it."""

import io
import sys
from importlib.metadata import version as installed
from typing import Annotated

import typer

from errata.cli import (
    backup,
    doctor,
    events,
    issues,
    keys,
    members,
    orgs,
    privacy,
    projects,
    redrive,
    releases,
    rules,
    scrubbing,
    stats,
    teams,
    teardown,
    webhooks,
)
from errata.cli.command import Json, Local, Stack, command, group, remember

app = group(
    "Operate the Errata error tracker from the terminal.\n\n"
    "Use --stack to select a stack in your AWS account; this needs AWS credentials. Use --local for"
    " the local stack that `make run` started. You can put these options anywhere in the command.",
    example="issues list 1 --local",
)
app.add_typer(orgs.app, name="orgs")
app.add_typer(members.app, name="members")
app.add_typer(teams.app, name="teams")
app.add_typer(projects.app, name="projects")
app.add_typer(keys.app, name="keys")
app.add_typer(issues.app, name="issues")
app.add_typer(events.app, name="events")
app.add_typer(releases.app, name="releases")
app.add_typer(rules.app, name="rules")
app.add_typer(scrubbing.app, name="scrubbing")
app.add_typer(webhooks.app, name="webhooks")
app.add_typer(privacy.app, name="privacy")
command(app, "tail", example="tail 1 --local")(events.tail)
command(app, "send", example='send 1 --message "Hello, Errata" --level info')(events.send)

command(app, "redrive", example="redrive digest --dry-run")(redrive.redrive)

command(app, "doctor", example="doctor")(doctor.doctor)

command(app, "backup", example="backup s3://my-bucket/errata")(backup.backup)
command(app, "restore", example="restore ./errata-backup --stack errata-2")(backup.restore)

command(app, "teardown", example="teardown --stack errata")(teardown.teardown)

command(app, "stats", example="stats 1 --days 7")(stats.stats)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"errata {installed('errata')}")
        raise typer.Exit


@app.callback()
def errata(
    context: typer.Context,
    local: Local = False,
    stack: Stack = "",
    json: Json = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Store the shared options, or print the version."""
    remember(context, local, stack, json)


def main() -> None:
    """Run the `errata` command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Escape characters that the terminal's encoding does not have.
            stream.reconfigure(errors="backslashreplace")
    app()
