"""`errata login` and `errata logout`."""

import sys
from typing import Annotated

import typer

from errata.cli import credentials, web
from errata.cli.command import CommandContext
from errata.cli.output import print_fields, print_json, print_line
from errata.errors import NotFoundError


def login(
    ctx: CommandContext,
    url: Annotated[
        str,
        typer.Option(metavar="URL", help="Base URL of the web API. Default: the one in the token."),
    ] = "",
    token_stdin: Annotated[
        bool, typer.Option("--token-stdin", help="Read the token from stdin.")
    ] = False,
    status: Annotated[
        bool, typer.Option("--status", help="Say who is logged in, and where the token is kept.")
    ] = False,
) -> None:
    """Keep a token, so that commands work without AWS credentials. `errata logout` removes it.

    Create one on your account page in the dashboard. The keyring of the system keeps it, or else a
    file that only you can read. Then issues, events, releases, alerts and open use the web API,
    unless --local, --stack or ERRATA_STACK select a stack.
    """
    if status:
        found = credentials.find()
        if found is None:
            raise NotFoundError("Nobody is logged in. Run `errata login`.")
        _show(ctx, found)
        return
    text = sys.stdin.readline() if token_stdin else typer.prompt("Token", hide_input=True, err=True)
    found = credentials.of_token(text.strip(), url)
    web.Web(found).get()  # the token must work before it replaces another
    _show(ctx, credentials.keep(found))


def logout(ctx: CommandContext) -> None:
    """Remove the token that `errata login` keeps. It stays valid until somebody revokes it."""
    was = credentials.delete()
    if ctx.json:
        print_json({"logged_out": was})
    else:
        print_line("Logged out." if was else "Nobody was logged in.")


def _show(ctx: CommandContext, found: credentials.Login) -> None:
    root = web.Web(found).get()
    user = root["user"] and root["user"]["email"]
    if ctx.json:
        print_json(
            {
                "url": found.url,
                "org": found.org,
                "user": user,
                "scopes": root["auth"]["scopes"],
                "kept_in": found.place,
            }
        )
        return
    print_fields(
        {
            "web API": found.url,
            "organization": found.org,
            "member": user or "none: the token is the organization's",
            "scopes": ", ".join(root["auth"]["scopes"]),
            "kept in": found.place,
        }
    )
