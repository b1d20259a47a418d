"""`errata privacy erase`."""

import time
from dataclasses import asdict
from typing import Annotated

import typer

from errata.cli.command import CommandContext, ProjectId, command, group
from errata.cli.output import (
    confirm,
    print_error,
    print_fields,
    print_json,
    print_line,
)
from errata.cli.progress import progress
from errata.usecases import erase, projects

app = group(
    "Erase a person from a project.", example="privacy erase 1 --user ada@example.com --dry-run"
)

_SHORT = (
    "This id is too short to search texts for it. Only the events of this user were deleted,"
    " and the rows by which the user's issues are found."
)
_COPIES = (
    "Earlier backups still contain the person. So does point-in-time recovery, for up to 35 days."
    " Receivers of webhooks still have the messages that they got."
)


@command(app, "erase", example="privacy erase 1 --user ada@example.com --dry-run")
def erase_(
    ctx: CommandContext,
    project_id: ProjectId,
    user: Annotated[
        str, typer.Option(metavar="ID|EMAIL", help="The user's id, e-mail address or name.")
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only count what would be erased.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Erase without asking.")] = False,
) -> None:
    """Delete a person's events, and replace all mentions of the person by [Erased].

    Counts stay as they are. Looks at all events of the project. Asks for the project's name first.
    If it is interrupted, run it again: the receipt also has what was done before.
    """
    project = projects.find(project_id)
    if not (yes or dry_run):
        confirm(
            f"This permanently deletes events of project {project.id}, and changes others. Type the"
            " project's name to confirm: ",
            project.name.strip(),
            "That is not the project's name. Nothing was erased.",
        )
    started = time.monotonic()
    so_far = erase.Progress()
    with progress(ctx.json) as show:
        for so_far in erase.erase(project, user, dry_run=dry_run):
            show(f"{so_far.events_read:,} events read, {so_far.doing}")
    seconds = round(time.monotonic() - started)
    notes = [_COPIES, *([] if erase.searches_texts(user) else [_SHORT])]
    receipt: dict[str, object] = dict(asdict(so_far.receipt))
    others = sorted(so_far.others)
    if ctx.json:
        numbers = {"dry_run": dry_run, **receipt, "unreadable": so_far.unreadable}
        print_json({**numbers, "seconds": seconds, "also_named": others, "notes": notes})
    else:
        print_fields({name.replace("_", " "): count for name, count in receipt.items()})
        print_line(f"{'Only counted' if dry_run else 'Erased'} in {seconds} s.")
        if others:
            print_line(f"The events also named their user: {', '.join(others)}.")
        for note in notes:
            print_line(note)
    if not dry_run:
        erase.finish(project, user)
    if so_far.unreadable:
        print_error("warning", f"{so_far.unreadable} events are damaged, and stay.")
