"""`errata backup` and `errata restore`."""

import os
from importlib.metadata import version
from typing import Annotated

import typer

from errata.cli.command import CommandContext
from errata.cli.output import print_error, print_fields, print_json, print_line
from errata.config import settings
from errata.models.backup import BackupManifest
from errata.store import clients
from errata.usecases import backup, restore

Place = Annotated[str, typer.Argument(metavar="PLACE", help="A folder, or s3://bucket/prefix.")]


def _table(name: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        f"--{name}-table",
        metavar="NAME",
        show_default=False,
        help=f"Read {name} from this table, which you have recovered to an earlier time.",
    )
    return option


def backup_(
    ctx: CommandContext,
    place: Place,
    projects_table: Annotated[str, _table("projects")] = "",
    events_table: Annotated[str, _table("events")] = "",
    issues_table: Annotated[str, _table("issues")] = "",
) -> None:
    """Copy everything to a folder or a bucket: all tables, secrets and accounts.

    Keep it safe: it contains e-mail addresses, your events and the signing secrets of webhooks. API
    keys are stored as hashes, and passwords not at all. If it is interrupted, run it again.
    """
    for setting, table in (
        ("PROJECTS_TABLE", projects_table),
        ("EVENTS_TABLE", events_table),
        ("ISSUES_TABLE", issues_table),
    ):
        if table:
            os.environ[setting] = table
    settings.cache_clear()
    origin = backup.Origin(
        version("errata"),
        ctx.stack.gateway.stack,
        clients.region(),
        ctx.stack.api_url,
    )
    for part in backup.back_up(place, origin):
        if not ctx.json:
            print_line(part.name, f"{part.rows} rows")
    manifest = backup.find(place)
    if ctx.json:
        print_json({"id": manifest.id, "rows": manifest.rows})
    else:
        print_fields(dict(manifest.rows))
        print_line(f"The backup in {place} is complete. It contains secrets: keep it safe.")


def restore_(
    ctx: CommandContext,
    place: Place,
    no_mail: Annotated[
        bool,
        typer.Option(
            "--no-mail",
            help="Create accounts without mailing first passwords. `errata members invite` does"
            " that later.",
        ),
    ] = False,
) -> None:
    """Copy a backup into a stack that was just deployed, also in another region or account.

    Keys, counts, webhooks and members stay. Passwords do not: everybody is invited again. DSNs stay
    if the stack has the same domain. If it is interrupted, run it again.
    """
    manifest = backup.find(place)
    for _ in restore.verify(place, manifest):
        pass
    done = restore.begin(manifest)
    outcome, gateway = restore.Restored(), ctx.stack.gateway
    steps = restore.restore(place, manifest, gateway, outcome, done=done, mailed=not no_mail)
    try:
        for step in steps:
            if not ctx.json:
                print_line(step.name)
    finally:
        # Print the problems even if a later step fails. The next run skips these steps, so it would
        # not report them.
        for problem in outcome.problems:
            print_error("warning", problem)
    if ctx.json:
        print_json(
            {
                "rows": outcome.rows,
                "expired": outcome.expired,
                "counted": outcome.counted,
                "invited": outcome.invited,
                "problems": outcome.problems,
            }
        )
        return
    print_line(
        f"Restored {outcome.rows} rows{' in this run' if done else ''}."
        f" {outcome.expired} had expired and were left out."
        f" {outcome.counted} events were counted. {outcome.invited} accounts were created."
    )
    for line in _advice(manifest, ctx):
        print_line(line)


def _advice(manifest: BackupManifest, ctx: CommandContext) -> list[str]:
    now, before = ctx.stack.api_url, manifest.api_url
    advice = ["API keys and DSNs stay as they are."]
    if now != before:
        advice = [
            f"The URL of the API was {before} and is {now}. API keys stay, but clients need the new"
            " URL, and each DSN changes, unless you move the domain to this stack."
            f" `{ctx.command('projects show ID')}` prints the DSN."
        ]
    if settings().retention_days < manifest.retention_days:
        advice.append(
            f"This stack keeps events for {settings().retention_days} days, the other one for"
            f" {manifest.retention_days}. Set RetentionDays, or older events stay hidden."
        )
    return advice
