"""Shared by all commands: the shared options, the stack and the error handling.

`command` adds --local, --stack and --json to a command and finds the stack that they select.
It prints an expected error on stderr and ends with exit code 1. With --json, the error is JSON,
too: `{"error": {"code": "not_found", "message": "…"}}`. `errata.cli.root` does this for errors in
options.
"""

import inspect
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, NoReturn

import typer
from typer.core import TyperGroup

from errata.cli import aws_failures, credentials, failures, stack, web
from errata.cli.operator import operator
from errata.cli.output import print_error, print_json_error
from errata.errors import ErrataError
from errata.usecases import audit, projects

if TYPE_CHECKING:
    from errata.cli.stack import DeployedStack
    from errata.cli.web import Web

Local = Annotated[
    bool, typer.Option("--local", help="Use the local stack that `make run` started.")
]
StackName = Annotated[
    str,
    typer.Option(
        "--stack",
        metavar="NAME",
        show_default=False,
        help="The CloudFormation stack. Default: $ERRATA_STACK, or errata.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ProjectId = Annotated[
    str, typer.Argument(metavar="PROJECT", help="The project's id, slug or name.")
]


@dataclass(frozen=True)
class SharedOptions:
    """The values of the shared options."""

    local: bool = False
    stack: str = ""
    json: bool = False


class Needs(Enum):
    """What a command works on."""

    STACK = "a stack"
    STACK_OR_WEB = "a stack or the web API"
    NOTHING = "nothing"


@dataclass(frozen=True)
class CommandContext:
    """What a command works on, and its shared options.

    `found` is the stack. `web` is the web API, if the command uses it instead of a stack. Both are
    None for a command that needs neither.
    """

    found: "DeployedStack | None"
    json: bool
    local: bool
    web: "Web | None" = None

    @property
    def stack(self) -> "DeployedStack":
        """The stack that the command works on."""
        assert self.found
        return self.found

    def command(self, words: str) -> str:
        """Return another command to show to the user. It works on the same."""
        return self.found.command(words) if self.found else f"errata {words}"


type Command[**P] = Callable[Concatenate[CommandContext, P], None]


def group(summary: str, *, example: str, cls: type[TyperGroup] | None = None) -> typer.Typer:
    """Return a Typer app for a group of commands. The group accepts the shared options, too."""
    app = typer.Typer(
        cls=cls,
        help=summary,
        epilog=f"Example: errata {example}",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback()(store_options)
    return app


def store_options(
    context: typer.Context, local: Local = False, stack: StackName = "", json: JsonOption = False
) -> None:
    """Store the shared options of a group in the context. Those of the command are added later."""
    _joined(context, SharedOptions(local, _as_text(stack), json))


def command[**P](
    app: typer.Typer,
    name: str,
    *,
    example: str,
    needs: Needs = Needs.STACK,
    hidden: bool = False,
) -> Callable[[Command[P]], Command[P]]:
    """Return a decorator that registers a function as a command of `app`.

    The help text is the function's docstring, followed by `example`. A `hidden` command is not in
    the list of commands.
    """

    def register(function: Command[P]) -> Command[P]:
        work: Callable[..., None] = function

        def run(context: typer.Context, **arguments: Any) -> None:
            arguments = {name: _as_text(value) for name, value in arguments.items()}
            own = SharedOptions(*(arguments.pop(each.name) for each in _SHARED))
            options = _joined(context, own)
            with _errors_printed(options):
                ctx = _context(options, needs)
                if name := arguments.get(_PROJECT):
                    arguments[_PROJECT] = _project_id(ctx, name)
                with audit.acting(operator) if ctx.found else nullcontext():
                    work(ctx, **arguments)
                sys.stdout.flush()

        # Typer reads this signature instead of the function's own.
        parameters = list(inspect.signature(function).parameters.values())[1:]
        run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [_CONTEXT, *(each.replace(kind=_BY_NAME) for each in parameters), *_SHARED]
        )
        summary = inspect.getdoc(function)
        epilog = f"Example: errata {example}"
        app.command(name, help=summary, epilog=epilog, hidden=hidden)(run)
        return function

    return register


def _context(options: SharedOptions, needs: Needs) -> CommandContext:
    """Find what a command works on.

    Raises:
        ErrataError: it does not exist, or the login is damaged.
        BotoCoreError, ClientError: a call to AWS failed.
    """
    if needs is Needs.NOTHING:
        return CommandContext(None, options.json, options.local)
    selected = options.local or options.stack or os.environ.get("ERRATA_STACK")
    if needs is Needs.STACK_OR_WEB and not selected and (login := credentials.find()):
        return CommandContext(None, options.json, options.local, web.Web(login))
    return CommandContext(stack.find(options.local, options.stack), options.json, options.local)


def _project_id(ctx: CommandContext, name: str) -> str:
    return ctx.web.project_id(name) if ctx.web else projects.find_id(name)


# The parameter of commands that names a project. Commands get its id.
_PROJECT = "project_id"
_BY_NAME = inspect.Parameter.KEYWORD_ONLY
_CONTEXT = inspect.Parameter("context", _BY_NAME, annotation=typer.Context)
_SHARED = [
    each.replace(kind=_BY_NAME)
    for each in list(inspect.signature(store_options).parameters.values())[1:]
]


def _as_text(value: Any) -> Any:
    """Replace surrogates in a text, which stand for bytes that are not UTF-8 (PEP 383), by U+FFFD.

    Values of other types are returned unchanged.
    """
    if not isinstance(value, str):
        return value
    return value.encode(errors="surrogateescape").decode(errors="replace")


def _joined(context: typer.Context, options: SharedOptions) -> SharedOptions:
    """Return these options with those of the groups before them."""
    before = context.obj or SharedOptions()
    joined = SharedOptions(
        before.local or options.local, options.stack or before.stack, before.json or options.json
    )
    if joined.local and joined.stack:
        raise typer.BadParameter("Use --local or --stack, not both.")
    context.obj = joined
    return joined


@contextmanager
def _errors_printed(options: SharedOptions) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        # The reader closed the pipe. Send the rest to /dev/null: Python flushes stdout when it
        # exits, and would fail again.
        with suppress(io.UnsupportedOperation):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit from None
    except ErrataError as error:
        _fail(error, options)
    except aws_failures.FAILURES as error:
        _fail(error, options)


def _fail(error: Exception, options: SharedOptions) -> NoReturn:
    lines = failures.explain(error, options.local)
    if options.json:
        print_json_error(failures.code(error, options.local), "\n".join(lines))
    for line in [] if options.json else lines:
        print_error("error", line)
    raise typer.Exit(1) from None
