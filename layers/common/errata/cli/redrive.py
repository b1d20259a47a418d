"""`errata redrive`."""

from typing import Annotated

import typer

from errata.cli.command import CommandContext
from errata.cli.output import print_json, print_table
from errata.cli.progress import progress
from errata.config import QUEUES
from errata.errors import NotFoundError
from errata.usecases import redrive


def redrive_(
    ctx: CommandContext,
    queue: Annotated[
        str,
        typer.Argument(metavar="[QUEUE]", help=f"One of {', '.join(QUEUES)}. Default: all."),
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the messages.")] = False,
) -> None:
    """Process the messages in the dead-letter queues again. Fix the cause of the failure first.

    This counts the events and losses, sends the webhook messages and finishes the clears. You can
    run it again at any time.
    """
    if queue and queue not in QUEUES:
        raise NotFoundError(f"There is no queue {queue}. Use one of {', '.join(QUEUES)}.")
    found: list[redrive.Redriven] = []
    with progress(ctx.json) as show:
        for name in [queue] if queue else QUEUES:
            show(f"{name}: {len(found):,} messages so far")
            found += redrive.redrive_queue(name, dry_run)
    if ctx.json:
        print_json(
            [
                {"queue": e.queue, "message_id": e.message_id, "done": e.done, "what": e.what}
                for e in found
            ]
        )
    else:
        state = {True: "put back", False: "found" if dry_run else "left"}
        print_table(
            ["queue", "state", "what"],
            [(each.queue, state[each.done], each.what) for each in found],
            empty="The dead-letter queues are empty.",
        )
