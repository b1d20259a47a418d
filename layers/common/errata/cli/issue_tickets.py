"""`errata issues`: link, ticket."""

from typing import Annotated

import typer

from errata.cli.command import CommandContext, Needs, ProjectId, command
from errata.cli.issue_comments import app as app
from errata.cli.issues import Id
from errata.cli.output import print_json, print_line
from errata.cli.source import ask, change


@command(
    app,
    "link",
    example="issues link 1 SHOP-42 https://github.com/acme/shop/issues/7",
    needs=Needs.STACK_OR_WEB,
)
def link(
    ctx: CommandContext,
    project_id: ProjectId,
    issue_id: Id,
    url: Annotated[
        str, typer.Argument(metavar="URL|none", help="The ticket's URL. `none` removes the link.")
    ],
) -> None:
    """Link an issue to its ticket in an issue tracker. The ticket itself is not changed."""
    issue = change(ctx, project_id, "issues/link", issue=issue_id, url=url).json
    if ctx.json:
        print_json(issue)
    else:
        print_line(f"Issue {issue['id']} is linked to {issue['ticket'] or 'no ticket'}.")


@command(app, "ticket", example="issues ticket 1 SHOP-42", needs=Needs.STACK_OR_WEB)
def ticket(ctx: CommandContext, project_id: ProjectId, issue_id: Id) -> None:
    """Print the URL that opens a new ticket in the project's issue tracker, filled in.

    Open it in a browser where you are signed in to the tracker. `projects set --tracker-template`
    says which tracker it is.
    """
    found = ask(ctx, project_id, "issues/ticket", issue=issue_id).json
    print_json(found) if ctx.json else print_line(found["url"])
