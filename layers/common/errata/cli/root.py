"""Prints errors in the options of any command as JSON, if it has --json."""

import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from errata.cli.failures import ABORTED, USAGE
from errata.cli.output import print_json_error

_JSON = "--json"


class AllCommands(TyperGroup):
    """The group of all commands. Without --json, Typer prints the errors in options."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command that the arguments name, and exit."""
        words = list(sys.argv[1:] if args is None else args)
        if _JSON not in words:
            return super().main(words, prog_name, complete_var, standalone_mode, **extra)
        try:
            code = super().main(words, prog_name, complete_var, False, **extra)
        except typer.Abort:
            sys.stderr.write("\n")  # the question stands on the last line
            print_json_error(ABORTED, "Stopped: the question was not answered with yes. Use --yes.")
            sys.exit(1)
        except Exception as error:
            message = _complaint(error)
            if message is None:
                raise
            print_json_error(USAGE, message)
            sys.exit(1)
        sys.exit(code or 0)


def _complaint(error: Exception) -> str | None:
    """Return Typer's message about wrong options. None for errors of other kinds."""
    # The class of these errors has no public name in Typer. They alone have this method.
    message = getattr(error, "format_message", None)
    return message() if message else None
