"""`errata stats`."""

from typing import Annotated

import typer

from errata.cli.command import ProjectId, Session
from errata.cli.output import print_json, print_table
from errata.models.loss import REASONS, SDK_REASONS
from errata.usecases import ledger, projects


def stats(
    session: Session,
    project_id: ProjectId,
    days: Annotated[
        int, typer.Option(min=1, max=90, help="How many days, up to today (UTC).")
    ] = 14,
) -> None:
    """Show what a project's clients sent day by day: what was accepted, and what was lost and why.

    Trimmed events were stored, but not in full; a mismatch repeated an Idempotency-Key. What SDKs
    say that they have not sent, for reasons of their own, is one column; --json names each reason.
    """
    found = ledger.by_day(projects.find(project_id).id, days)
    if session.json:
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
                *(day, accepted, *(lost.get(reason, 0) for reason in REASONS)),
                sum(lost.get(reason, 0) for reason in SDK_REASONS),
            )
            for day, (accepted, lost) in found.items()
        ],
    )
