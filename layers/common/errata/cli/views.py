"""`errata views`: list, save, delete the views that all members of a project share."""

from typing import Annotated

import typer

from errata.cli.command import CommandContext, ProjectId, command, group
from errata.cli.output import print_json, print_line, print_table
from errata.errors import NotFoundError
from errata.models.views import View
from errata.protocol.issues import ORDERS
from errata.usecases import projects, views

app = group(
    "Save searches of issues under a name, for all members of a project.", example="views list 1"
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The view's name.")]


@command(app, "list", example="views list 1")
def list_(ctx: CommandContext, project_id: ProjectId) -> None:
    """List the views that all members of a project share.

    Members also have views of their own, which only the dashboard shows.
    """
    found = views.find(_owner(project_id))
    if ctx.json:
        print_json([_to_json(each, found.default) for each in found.views])
        return
    print_table(
        ["name", "query", "sort", "starts the list"],
        [
            (each.name, each.query, each.sort, "yes" if each.id == found.default else "")
            for each in found.views
        ],
        empty=f"No views. Save one with `errata views save {project_id} NAME --query QUERY`.",
    )


@command(app, "save", example='views save 1 Checkout --query "is:open transaction:/checkout*"')
def save(
    ctx: CommandContext,
    project_id: ProjectId,
    name: Name,
    query: Annotated[
        str, typer.Option(metavar="QUERY", help="What the view searches for. See docs/search.md.")
    ] = "",
    sort: Annotated[str, typer.Option(metavar="ORDER", help=", ".join(ORDERS))] = "last_seen",
    default: Annotated[
        bool, typer.Option("--default", help="Start the list of issues with this view.")
    ] = False,
) -> None:
    """Save a view for all members of a project. It replaces the one with the same name.

    A project has at most 20 views.
    """
    owner = _owner(project_id)
    saved = views.save(owner, name, query, sort)
    if default:
        views.set_default(owner, saved.id)
    if ctx.json:
        print_json(_to_json(saved, views.find(owner).default))
    else:
        print_line(f"Saved view {saved.name}.")


@command(app, "delete", example="views delete 1 Checkout")
def delete(ctx: CommandContext, project_id: ProjectId, name: Name) -> None:
    """Delete a view that all members of a project share."""
    owner = _owner(project_id)
    found = views.find(owner).named(name)
    if found is None:
        raise NotFoundError(f"Project {project_id} has no view {name}.")
    views.delete(owner, found.id)
    if ctx.json:
        print_json({"name": found.name, "deleted": True})
    else:
        print_line(f"Deleted view {found.name}.")


def _owner(project_id: str) -> "views.Owner":
    project = projects.find(project_id)
    return views.of_project(project, projects.visible_of(project))


def _to_json(view: View, default: str) -> dict[str, object]:
    return {
        "name": view.name,
        "query": view.query,
        "sort": view.sort,
        "default": view.id == default,
    }
