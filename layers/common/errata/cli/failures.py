"""Translates exceptions into error messages that say what to do."""

import os
from collections.abc import Iterator

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
)
from botocore.exceptions import ConnectionError as NoConnectionError
from botocore.parsers import ResponseParserError

from errata.cli.output import printable
from errata.errors import ErrataError, InvalidInputError, InvalidQueryError, StoreError

# The errors that an operator can cause. Any other exception is a bug and ends with a traceback.
Failure = (ErrataError, BotoCoreError, ClientError, ResponseParserError)

_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedException"}
_NOT_SIGNED_IN = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
# How many characters are shown before and after a problem in a query.
_BEFORE = 60
_SIGN_IN = (
    "Sign in with `aws configure` or `aws sso login`, or set AWS_PROFILE."
    " To use the local stack, add --local."
)


def explain(error: Exception, local: bool) -> Iterator[str]:
    """Yield the error messages to show for an exception."""
    if isinstance(error, StoreError) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    match error:
        case InvalidQueryError():
            yield f"query: {error.message}"
            yield from _in_place(error)
        case InvalidInputError():
            for field, complaints in error.errors.items():
                yield from (f"{field}: {complaint}" for complaint in complaints)
        case ErrataError():
            yield str(error)
        case NoConnectionError() | HTTPClientError() | ResponseParserError() if local:
            url = os.environ.get("AWS_ENDPOINT_URL")
            yield f"The local stack at {url} does not respond. Start it with `make run`."
        case NoCredentialsError() | PartialCredentialsError():
            yield f"No AWS credentials found. {_SIGN_IN}"
        case NoRegionError():
            yield "No AWS region is set. Set AWS_DEFAULT_REGION, or a region in your AWS profile."
        case ClientError():
            yield of_aws(error)
        case _:
            yield f"The call to AWS failed: {' '.join(str(error).split())}"


def _in_place(error: InvalidQueryError) -> Iterator[str]:
    """Yield the part of a query that has a problem, and a line of carets under it."""
    first = max(0, error.start - _BEFORE)
    before = printable(error.text[first : error.start])
    wrong = printable(error.text[error.start : min(error.end, error.start + _BEFORE)])
    after = printable(error.text[error.end : error.end + _BEFORE])
    yield f"{before}{wrong}{after}"
    yield f"{' ' * len(before)}{'^' * max(1, len(wrong))}"


def of_aws(error: ClientError) -> str:
    """Return the error message for an error response from AWS, with advice where possible."""
    details = error.response.get("Error", {})
    code, message = details.get("Code", ""), details.get("Message", "")
    if code in _NOT_SIGNED_IN:
        return f"AWS rejected your credentials ({code}: {message}). {_SIGN_IN}"
    if code in _DENIED:
        return (
            f"You are not allowed to call {error.operation_name}: {message}"
            " Use credentials with this permission, or ask the admin of your AWS account for it."
        )
    return f"{error.operation_name} failed with {code}: {message}"
