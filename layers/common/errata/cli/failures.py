"""Translates exceptions into error messages that say what to do, and codes for programs.

`errata.cli.aws_failures` does this for the exceptions of botocore.
"""

from collections.abc import Iterator

from errata.cli import aws_failures
from errata.cli.output import printable
from errata.errors import (
    AmbiguousError,
    BodyTooLargeError,
    ConflictError,
    ErrataError,
    ForbiddenError,
    InvalidInputError,
    InvalidQueryError,
    MeanwhileError,
    NoResponseError,
    NotFoundError,
    RateLimitedError,
    StoreError,
    UnauthorizedError,
)

# The codes that `--json` prints. Programs depend on them: docs/command.md lists them.
CODES: dict[type[ErrataError], str] = {
    InvalidQueryError: "invalid_query",
    InvalidInputError: "invalid_input",
    AmbiguousError: "ambiguous",
    NotFoundError: "not_found",
    NoResponseError: "no_response",
    UnauthorizedError: "unauthorized",
    ForbiddenError: "forbidden",
    MeanwhileError: "conflict",
    ConflictError: "conflict",
    BodyTooLargeError: "too_large",
    RateLimitedError: "rate_limited",
}
UNAVAILABLE = "unavailable"
# For the errors of Typer: options and arguments, and a question that was not answered with yes.
USAGE = "usage"
ABORTED = "aborted"
# How many characters are shown before and after a problem in a query.
_BEFORE = 60


def explain(error: Exception, local: bool) -> list[str]:
    """Return the lines that say what went wrong, and what to do."""
    error = _root(error)
    if isinstance(error, ErrataError):
        return list(_lines(error))
    return [aws_failures.explain(error, local)]


def code(error: Exception, local: bool) -> str:
    """Return the code of an error."""
    error = _root(error)
    if not isinstance(error, ErrataError):
        return aws_failures.code(error, local)
    return next((CODES[each] for each in type(error).__mro__ if each in CODES), UNAVAILABLE)


def _root(error: Exception) -> Exception:
    """Return the botocore exception that caused a store error. For other errors, return them."""
    cause = error.__cause__ if isinstance(error, StoreError) else None
    return cause if isinstance(cause, Exception) else error


def _lines(error: ErrataError) -> Iterator[str]:
    match error:
        case InvalidQueryError():
            yield f"query: {error.message}"
            yield from _in_place(error)
        case InvalidInputError():
            for field, complaints in error.errors.items():
                yield from (f"{field}: {complaint}" for complaint in complaints)
        case AmbiguousError():
            yield str(error)
            yield from (f"{each}  {name}" for each, name in error.choices.items())
        case _:
            yield str(error)


def _in_place(error: InvalidQueryError) -> Iterator[str]:
    """Yield the part of a query that has a problem, and a line of carets under it."""
    first = max(0, error.start - _BEFORE)
    before = printable(error.text[first : error.start])
    wrong = printable(error.text[error.start : min(error.end, error.start + _BEFORE)])
    after = printable(error.text[error.end : error.end + _BEFORE])
    yield f"{before}{wrong}{after}"
    yield f"{' ' * len(before)}{'^' * max(1, len(wrong))}"
