"""`errata teardown`."""

from typing import Annotated

import typer

from errata.cli.command import CommandContext
from errata.cli.output import confirm, print_json, print_line
from errata.usecases import teardown


def teardown_(
    ctx: CommandContext,
    yes: Annotated[bool, typer.Option("--yes", help="Remove without asking.")] = False,
) -> None:
    """Remove what `sam delete` cannot remove. Run it just before you delete the stack.

    These are API Gateway keys and usage plans of projects, and the signing secrets of webhooks. It
    shows them first and asks for the name of the stack. From then on API Gateway refuses the
    requests of projects. Tables and accounts stay.
    """
    gateway = ctx.stack.gateway
    found = teardown.find(gateway)
    if found and not ctx.json:
        print_line("API Gateway keys, usage plans and signing secrets of webhooks to remove:")
        for name in (*found.keys.values(), *found.plans.values(), *found.secrets):
            print_line(f"  {name}")
    if found and not yes:
        confirm(
            f"API Gateway then refuses all requests of projects of the stack {gateway.stack}."
            " Type the stack's name to confirm: ",
            gateway.stack,
            "That is not the stack's name. Nothing was removed.",
        )
    removed = list(teardown.remove(gateway, found))
    if ctx.json:
        print_json({"removed": removed})
    elif removed:
        print_line("Removed. Now delete the stack.")
    else:
        print_line("There is nothing to remove. Now delete the stack.")
