"""`errata stats`."""

from typing import Annotated

import typer

from errata.cli.command import CommandContext, ProjectId
from errata.cli.output import print_json, print_table
from errata.models.loss import REASONS, SDK_REASONS
from errata.usecases import loss_ledger, projects


def stats(
    ctx: CommandContext,
    project_id: ProjectId,
    days: Annotated[
        int, typer.Option(min=1, max=90, help="Number of days, up to and including today (UTC).")
    ] = 14,
) -> None:
    """Show the events accepted and lost per day, by reason.

    `trimmed` events were stored, but not in full. `unsupported` counts crash reports of native
    code. `mismatch` counts requests that repeat an Idempotency-Key with another body. `by SDKs`
    counts events that SDKs report as discarded before sending; --json shows each of their reasons.
    """
    found = loss_ledger.by_day(projects.visible_to_operator(project_id), days)
    if ctx.json:
        print_json(
            [
                {"day": day, "accepted": accepted, "lost": dict.fromkeys(REASONS, 0) | lost}
                for day, (accepted, lost) in found.items()
            ]
        )
        return
    print_table(
        ["day", "accepted", *(reason.replace("_", " ") for reason in REASONS), "by SDKs"],
        [
            (
                day,
                accepted,
                *(lost.get(reason, 0) for reason in REASONS),
                sum(lost.get(reason, 0) for reason in SDK_REASONS),
            )
            for day, (accepted, lost) in found.items()
        ],
    )
