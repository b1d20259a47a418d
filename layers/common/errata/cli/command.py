"""Shared by all commands: the common options, the deployment and the error handling.

`command` adds --local, --stack and --json to a command and finds the deployment that they select.
It prints an expected error on stderr and ends with exit code 1.
"""

import inspect
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Annotated, Any, Concatenate

import typer

from errata.cli import failures
from errata.cli.operator import operator
from errata.cli.output import print_error
from errata.cli.target import Target, find
from errata.usecases import audit

Local = Annotated[
    bool, typer.Option("--local", help="Use the local stack that `make run` started.")
]
Stack = Annotated[
    str,
    typer.Option(
        "--stack",
        metavar="NAME",
        show_default=False,
        help="The CloudFormation stack. Default: $ERRATA_STACK, or errata.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ProjectId = Annotated[str, typer.Argument(metavar="PROJECT", help="The project's id.")]


@dataclass(frozen=True)
class Asked:
    """The values of the shared options."""

    local: bool = False
    stack: str = ""
    json: bool = False


@dataclass(frozen=True)
class Session:
    """The deployment and the options that a command receives."""

    target: Target
    json: bool
    local: bool


def group(summary: str, *, example: str) -> typer.Typer:
    """Return a Typer app for a group of commands. The group accepts the shared options, too."""
    app = typer.Typer(
        help=summary,
        epilog=f"Example: errata {example}",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback()(remember)
    return app


def remember(
    context: typer.Context, local: Local = False, stack: Stack = "", json: Json = False
) -> None:
    """Store the shared options of a group in the context. The command can add to them."""
    _ask(context, Asked(local, _as_text(stack), json))


def command[**P](
    app: typer.Typer, name: str, *, example: str
) -> Callable[[Callable[Concatenate[Session, P], None]], Callable[Concatenate[Session, P], None]]:
    """Return a decorator that registers a function as a command of `app`.

    The help text is the function's docstring, followed by `example`.
    """

    def register(
        function: Callable[Concatenate[Session, P], None],
    ) -> Callable[Concatenate[Session, P], None]:
        work: Callable[..., None] = function

        def run(context: typer.Context, **arguments: Any) -> None:
            arguments = {name: _as_text(value) for name, value in arguments.items()}
            asked = _ask(context, Asked(*(arguments.pop(each.name) for each in _SHARED)))
            with _ended_well(asked.local):
                target = find(asked.local, asked.stack)
                with audit.acting(operator):
                    work(Session(target, asked.json, asked.local), **arguments)
                sys.stdout.flush()

        # Typer reads this signature instead of the function's own.
        own = list(inspect.signature(function).parameters.values())[1:]
        run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [_CONTEXT, *(each.replace(kind=_BY_NAME) for each in own), *_SHARED]
        )
        summary = inspect.getdoc(function)
        app.command(name, help=summary, epilog=f"Example: errata {example}")(run)
        return function

    return register


_BY_NAME = inspect.Parameter.KEYWORD_ONLY
_CONTEXT = inspect.Parameter("context", _BY_NAME, annotation=typer.Context)
_SHARED = [
    each.replace(kind=_BY_NAME)
    for each in list(inspect.signature(remember).parameters.values())[1:]
]


def _as_text(value: Any) -> Any:
    """Replace surrogates in a text, which stand for bytes that are not UTF-8 (PEP 383), by U+FFFD.

    Values of other types are returned unchanged.
    """
    if not isinstance(value, str):
        return value
    return value.encode(errors="surrogateescape").decode(errors="replace")


def _ask(context: typer.Context, asked: Asked) -> Asked:
    before = context.obj or Asked()
    joined = Asked(
        before.local or asked.local, asked.stack or before.stack, before.json or asked.json
    )
    if joined.local and joined.stack:
        raise typer.BadParameter("Use --local or --stack, not both.")
    context.obj = joined
    return joined


@contextmanager
def _ended_well(local: bool) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        # The reader closed the pipe. Send the rest to /dev/null: Python flushes stdout when it
        # exits, and would fail again.
        with suppress(io.UnsupportedOperation):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit from None
    except failures.Failure as error:
        for line in failures.explain(error, local):
            print_error("error", line)
        raise typer.Exit(1) from None
