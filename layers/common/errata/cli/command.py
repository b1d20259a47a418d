"""Shared by all commands: the common options, the deployment and the error handling.

`command` adds --local, --stack and --json to a command and finds the deployment that they select.
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

from errata.cli import aws_failures, credentials, failures, target, web
from errata.cli.operator import operator
from errata.cli.output import print_error, print_json_error
from errata.errors import ErrataError
from errata.usecases import audit, projects

if TYPE_CHECKING:
    from errata.cli.target import Target
    from errata.cli.web import Web

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
ProjectId = Annotated[
    str, typer.Argument(metavar="PROJECT", help="The project's id, slug or name.")
]


@dataclass(frozen=True)
class Asked:
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
class Session:
    """The deployment and the options that a command receives. `web`: the web API is used."""

    stack: "Target | None"
    json: bool
    local: bool
    web: "Web | None" = None

    @property
    def target(self) -> "Target":
        """The stack that the command works on."""
        assert self.stack
        return self.stack


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
    app.callback()(remember)
    return app


def remember(
    context: typer.Context, local: Local = False, stack: Stack = "", json: Json = False
) -> None:
    """Store the shared options of a group in the context. The command can add to them."""
    _ask(context, Asked(local, _as_text(stack), json))


def command[**P](
    app: typer.Typer,
    name: str,
    *,
    example: str,
    needs: Needs = Needs.STACK,
    hidden: bool = False,
) -> Callable[[Callable[Concatenate[Session, P], None]], Callable[Concatenate[Session, P], None]]:
    """Return a decorator that registers a function as a command of `app`.

    The help text is the function's docstring, followed by `example`. A `hidden` command is not in
    the list of commands.
    """

    def register(
        function: Callable[Concatenate[Session, P], None],
    ) -> Callable[Concatenate[Session, P], None]:
        work: Callable[..., None] = function

        def run(context: typer.Context, **arguments: Any) -> None:
            arguments = {name: _as_text(value) for name, value in arguments.items()}
            asked = _ask(context, Asked(*(arguments.pop(each.name) for each in _SHARED)))
            with _ended_well(asked):
                session = _session(asked, needs)
                if name := arguments.get(_PROJECT):
                    arguments[_PROJECT] = _project_id(session, name)
                with audit.acting(operator) if session.stack else nullcontext():
                    work(session, **arguments)
                sys.stdout.flush()

        # Typer reads this signature instead of the function's own.
        own = list(inspect.signature(function).parameters.values())[1:]
        run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [_CONTEXT, *(each.replace(kind=_BY_NAME) for each in own), *_SHARED]
        )
        summary = inspect.getdoc(function)
        epilog = f"Example: errata {example}"
        app.command(name, help=summary, epilog=epilog, hidden=hidden)(run)
        return function

    return register


def _session(asked: Asked, needs: Needs) -> Session:
    """Find what a command works on.

    Raises:
        ErrataError: it does not exist, or the login is damaged.
        BotoCoreError, ClientError: a call to AWS failed.
    """
    if needs is Needs.NOTHING:
        return Session(None, asked.json, asked.local)
    selected = asked.local or asked.stack or os.environ.get("ERRATA_STACK")
    if needs is Needs.STACK_OR_WEB and not selected and (login := credentials.find()):
        return Session(None, asked.json, asked.local, web.Web(login))
    return Session(target.find(asked.local, asked.stack), asked.json, asked.local)


def _project_id(session: Session, name: str) -> str:
    return session.web.project_id(name) if session.web else projects.find_id(name)


# The parameter of commands that names a project. Commands get its id.
_PROJECT = "project_id"
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
def _ended_well(asked: Asked) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        # The reader closed the pipe. Send the rest to /dev/null: Python flushes stdout when it
        # exits, and would fail again.
        with suppress(io.UnsupportedOperation):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit from None
    except ErrataError as error:
        _fail(error, asked)
    except aws_failures.FAILURES as error:
        _fail(error, asked)


def _fail(error: Exception, asked: Asked) -> NoReturn:
    lines = failures.explain(error, asked.local)
    if asked.json:
        print_json_error(failures.code(error, asked.local), "\n".join(lines))
    for line in [] if asked.json else lines:
        print_error("error", line)
    raise typer.Exit(1) from None
