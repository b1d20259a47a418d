"""All commands of `errata`, and what runs them."""

from typing import Annotated

import typer

from errata.cli import (
    alerts,
    backup,
    capture,
    doctor,
    event_parts,
    events,
    issue_tickets,
    keys,
    login,
    members,
    monitors,
    opening,
    orgs,
    privacy,
    projects,
    redrive,
    releases,
    rules,
    scrubbing,
    sourcemaps,
    stats,
    teams,
    teardown,
    tokens,
    views,
    webhooks,
)
from errata.cli.command import JsonOption, Local, Needs, StackName, command, group, store_options
from errata.cli.root import AllCommands

app = group(
    "Operate Errata. Options may stand anywhere; --version prints the version.",
    example="issues list 1 --local",
    cls=AllCommands,
)
app.add_typer(orgs.app, name="orgs")
app.add_typer(members.app, name="members")
app.add_typer(teams.app, name="teams")
app.add_typer(projects.app, name="projects")
app.add_typer(keys.app, name="keys")
app.add_typer(tokens.app, name="tokens")
app.add_typer(issue_tickets.app, name="issues")
app.add_typer(views.app, name="views")
app.add_typer(event_parts.app, name="events")
app.add_typer(releases.app, name="releases")
app.add_typer(rules.app, name="rules")
app.add_typer(sourcemaps.app, name="sourcemaps")
app.add_typer(scrubbing.app, name="scrubbing")
app.add_typer(capture.app, name="capture")
app.add_typer(monitors.app, name="monitors")
app.add_typer(alerts.app, name="alerts")
app.add_typer(webhooks.app, name="webhooks")
app.add_typer(privacy.app, name="privacy")
command(app, "login", example="login", needs=Needs.NOTHING)(login.login)
command(app, "logout", example="logout", needs=Needs.NOTHING, hidden=True)(login.logout)
command(app, "open", example="open SHOP-42", needs=Needs.STACK_OR_WEB)(opening.open_)
command(app, "tail", example="tail 1 --local")(events.tail_)
command(app, "send", example='send 1 --message "Hello, Errata" --level info')(events.send_)

command(app, "redrive", example="redrive digest --dry-run")(redrive.redrive_)

command(app, "doctor", example="doctor")(doctor.doctor)

command(app, "backup", example="backup s3://my-bucket/errata")(backup.backup_)
command(app, "restore", example="restore ./errata-backup --stack errata-2")(backup.restore_)

command(app, "teardown", example="teardown --stack errata")(teardown.teardown_)

command(app, "stats", example="stats 1 --days 7")(stats.stats)


def _version(asked: bool) -> None:
    if asked:
        # Imported here, because reading the metadata of packages takes a while.
        from importlib.metadata import version as installed

        typer.echo(f"errata {installed('errata')}")
        raise typer.Exit


@app.callback()
def errata(
    context: typer.Context,
    local: Local = False,
    stack: StackName = "",
    json: JsonOption = False,
    version: Annotated[
        # Hidden, so that the help of all commands fits a screen. The text above names it.
        bool,
        typer.Option("--version", callback=_version, is_eager=True, hidden=True),
    ] = False,
) -> None:
    """Store the shared options, or print the version."""
    store_options(context, local, stack, json)


def run() -> None:
    """Run the command that the arguments name."""
    app()
