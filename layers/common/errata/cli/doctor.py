"""`errata doctor`."""

import sys
from collections.abc import Generator
from contextlib import closing
from typing import Annotated

import typer

from errata.cli.checks import base, read_only, requests
from errata.cli.command import CommandContext
from errata.cli.output import print_json, print_line


def doctor(
    ctx: CommandContext,
    looks_only: Annotated[
        bool, typer.Option("--read-only", help="Send no requests and change nothing.")
    ] = False,
    url: Annotated[
        str, typer.Option(metavar="URL", help="Base URL for the requests. Default: the stack's.")
    ] = "",
    patience: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="SECONDS",
            help="Time after a deployment in which 401, 403 and 5xx are tried again.",
        ),
    ] = 300,
    mail: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Also send an invitation to this address.")
    ] = "",
) -> None:
    """Check a deployment and say how to fix what is wrong. Exit code 1 if something is.

    It first looks at the stack, and changes nothing. Then it sends requests to a project, and signs
    in with an account. It creates both, and deletes them.
    """
    for option, value in (("--mail", mail), ("--url", url)):
        if value and looks_only:
            raise typer.BadParameter(f"Use --read-only or {option}, not both.")
    if url and not url.startswith(("https://", "http://")):
        raise typer.BadParameter("The value of --url must begin with https:// or http://.")
    deployment = base.Deployment(ctx.stack, ctx.local)
    found = []
    with closing(
        _made(deployment, looks_only, url or ctx.stack.api_url, patience, mail)
    ) as made:  # closed after Ctrl-C, too: then it deletes the project
        for each in made:
            found.append(each)
            if not ctx.json:
                _print(each)
    ok = all(each.ok for each in found)
    if ctx.json:
        rows = [
            {"name": each.name, "ok": each.ok, "detail": each.detail, "remedy": each.remedy}
            for each in found
        ]
        print_json({"ok": ok, "checks": rows})
    else:
        print_line("All is well." if ok else "Something is wrong.")
    if not ok:
        raise typer.Exit(1)


def _made(
    deployment: "base.Deployment", looks_only: bool, url: str, patience_s: int, mail: str
) -> "Generator[base.Check]":
    yield from base.run(read_only.CHECKS, deployment, local=deployment.local)
    if not looks_only:
        yield from requests.send_all(deployment, url, patience_s, mail)


def _print(check: "base.Check") -> None:
    word = "WRONG" if not check.ok else "note " if check.remedy else "ok   "
    print_line(word, f"{check.name}: {check.detail}")
    if check.remedy:
        print_line("     ", f"→ {check.remedy}")
    sys.stdout.flush()
