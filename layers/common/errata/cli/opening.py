"""`errata open`."""

import sys
import webbrowser
from typing import Annotated

import typer

from errata.cli.command import CommandContext
from errata.cli.output import print_json, print_line
from errata.models.ids import now_ms
from errata.usecases import addresses


def open_(
    ctx: CommandContext,
    name: Annotated[
        str,
        typer.Argument(
            metavar="[NAME]",
            help="An issue's short id, an id of an issue or event, or a project. Default: all"
            " projects.",
        ),
    ] = "",
    print_only: Annotated[
        bool, typer.Option("--print", help="Print the URL, and open no browser.")
    ] = False,
) -> None:
    """Open the dashboard page of an issue, an event or a project in a browser.

    Prints the URL. Opens no browser with --json, or if the output is no terminal.
    """
    if ctx.web:
        where = ("organizations", ctx.web.login.org)
        url = ctx.web.ask(where, "open", {"name": name}).json["url"]
    else:
        url = addresses.of_operator(name, now_ms())
    if ctx.json:
        print_json({"url": url})
        return
    print_line(url)
    if sys.stdout.isatty() and not print_only:
        webbrowser.open(url)
