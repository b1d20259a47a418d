"""`errata issues`: comment, activity."""

import sys
from typing import Annotated, Any

import typer

from errata.cli.activity import activity_lines
from errata.cli.command import CommandContext, Needs, ProjectId, command
from errata.cli.issue_changes import app as app
from errata.cli.issues import Id
from errata.cli.output import print_json, print_line, printable
from errata.cli.source import ask, change

# One character more than a comment may have, so that a text that is too long is refused.
_MOST = 10_001

CommentId = Annotated[
    str | None,
    typer.Option(metavar="ID", help="A comment, by the id that `issues activity` prints."),
]


@command(
    app,
    "comment",
    example='issues comment 1 SHOP-42 --text "Rolled back. @ada, look."',
    needs=Needs.STACK_OR_WEB,
)
def comment(
    ctx: CommandContext,
    project_id: ProjectId,
    issue_id: Id,
    text: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Markdown. `-` reads stdin.")
    ] = None,
    edit: CommentId = None,
    delete: CommentId = None,
) -> None:
    """Comment on an issue. --edit changes a comment of the command, --delete deletes any."""
    if (text is None) == (delete is None) or (edit is not None and delete is not None):
        raise typer.BadParameter("Use --text, --edit with --text, or --delete.")
    written = sys.stdin.read(_MOST) if text == "-" else text
    note, more = change(
        ctx,
        project_id,
        "issues/comment",
        issue=issue_id,
        text=written,
        edit=None if edit is None else _time(edit),
        delete=None if delete is None else _time(delete),
    )
    if ctx.json:
        print_json(note)
    elif delete is not None:
        print_line("Comment deleted.")
    else:
        _show(note["comment"], more["scrubbed"])


@command(app, "activity", example="issues activity 1 SHOP-42", needs=Needs.STACK_OR_WEB)
def activity(
    ctx: CommandContext,
    project_id: ProjectId,
    issue_id: Id,
    limit: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Maximum number. Default: all.")
    ] = None,
) -> None:
    """Print who did what with an issue, latest first: its status, assignments and comments."""
    found = ask(ctx, project_id, "issues/activity", issue=issue_id).json[:limit]
    if ctx.json:
        print_json(found)
    elif not found:
        print_line("No activity.")
    for each in () if ctx.json else activity_lines(found):
        sys.stdout.write(f"{printable(each)}\n")


def _show(comment: dict[str, Any], scrubbed: bool) -> None:
    print_line(f"Comment {comment['id']} saved.")
    if scrubbed:
        print_line("Secrets in it are replaced by [Filtered] (see docs/scrubbing.md).")
    if comment["mentions"]:
        print_line(f"It mentions {', '.join(comment['mentions'])}.")


def _time(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 13):
        raise typer.BadParameter(f"{text} is not the id of a comment. See `issues activity`.")
    return int(text)
