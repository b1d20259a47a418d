"""`errata events`: feedback, attachment."""

import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from errata.cli.command import CommandContext, ProjectId, command
from errata.cli.events import app as app
from errata.cli.output import print_json, print_line, print_table
from errata.errors import InvalidInputError, NotFoundError
from errata.models.ids import minted_ms
from errata.protocol.read import iso
from errata.usecases import attachments, feedback, prefixes, projects, read_events


@command(app, "feedback", example="events feedback 1 --limit 20")
def list_feedback(
    ctx: CommandContext,
    project_id: ProjectId,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100, help="Maximum number.")] = 50,
    before: Annotated[
        str, typer.Option(metavar="ID", help="Only what is older than this feedback.")
    ] = "",
) -> None:
    """List what people have written about errors of a project, newest first."""
    found = feedback.newest(projects.visible_to_operator(project_id), limit, before)
    if ctx.json:
        print_json(
            [
                {
                    "id": each.id,
                    "received_at": iso(minted_ms(each.id)),
                    "message": each.message,
                    "name": each.name or None,
                    "email": each.email or None,
                    "event_id": each.event_id or None,
                    "url": each.url or None,
                }
                for each in found
            ]
        )
        return
    print_table(
        ["received (UTC)", "message", "name", "e-mail", "event"],
        [
            (
                iso(minted_ms(each.id))[:16].replace("T", " "),
                " ".join(each.message.split()),
                each.name,
                each.email,
                each.event_id,
            )
            for each in found
        ],
        empty="No feedback. SDKs send it, for example with Sentry.showReportDialog().",
    )


@command(app, "attachment", example="events attachment 1 019aa9d2-7c1e-7a4b-8f3e-1c2d3e4f5a6b 1")
def attachment(
    ctx: CommandContext,
    project_id: ProjectId,
    event_id: Annotated[str, typer.Argument(metavar="EVENT", help="The event's id.")],
    number: Annotated[int, typer.Argument(min=1, help="Which attachment, from 1 on.")] = 1,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to save it. `-`: stdout."),
    ] = None,
) -> None:
    """Save an attachment of an event, in this folder unless --output says where."""
    visible = projects.visible_to_operator(project_id)
    found = read_events.find(visible, event_id) or prefixes.event(visible, event_id)
    if found is None:
        raise NotFoundError(f"Project {project_id} has no event {event_id}. It may have expired.")
    name, content = attachments.read(found, number - 1)
    if str(output) == "-":
        sys.stdout.buffer.write(content)
        return
    # Anybody may have chosen the name.
    file = output or Path(re.sub(r"[^\w.-]+", "_", name).lstrip(".") or "attachment")
    if output is None and file.exists():
        raise InvalidInputError({"output": [f"The file {file} exists. Use --output."]})
    file.write_bytes(content)
    if ctx.json:
        print_json({"file": str(file), "size": len(content)})
    else:
        print_line(f"Saved {file} ({len(content)} bytes).")
