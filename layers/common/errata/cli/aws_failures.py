"""Translates the exceptions of botocore into error messages that say what to do."""

import os

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

# Those that an operator can cause. Any other exception is a bug and ends with a traceback.
FAILURES = (BotoCoreError, ClientError, ResponseParserError)

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
_SIGN_IN = (
    "Sign in with `aws configure` or `aws sso login`, or set AWS_PROFILE."
    " To use the local stack, add --local. With a token of the web API, use `errata login`."
)
NO_CREDENTIALS = "no_credentials"
NO_RESPONSE = "no_response"
DENIED = "aws_denied"
OTHER = "aws_error"


def explain(error: Exception, local: bool) -> str:
    """Return the error message to show for an exception."""
    match error:
        case NoConnectionError() | HTTPClientError() | ResponseParserError() if local:
            url = os.environ.get("AWS_ENDPOINT_URL")
            return f"The local stack at {url} does not respond. Start it with `make run`."
        case NoCredentialsError() | PartialCredentialsError():
            return f"No AWS credentials found. {_SIGN_IN}"
        case NoRegionError():
            return "No AWS region is set. Set AWS_DEFAULT_REGION, or a region in your AWS profile."
        case ClientError():
            return of_aws(error)
    return f"The call to AWS failed: {' '.join(str(error).split())}"


def code(error: Exception, local: bool) -> str:
    """Return the code of an exception, for programs."""
    match error:
        case NoConnectionError() | HTTPClientError():
            return NO_RESPONSE
        case ResponseParserError() if local:
            return NO_RESPONSE
        case NoCredentialsError() | PartialCredentialsError() | NoRegionError():
            return NO_CREDENTIALS
        case ClientError() if _code(error) in _NOT_SIGNED_IN:
            return NO_CREDENTIALS
        case ClientError() if _code(error) in _DENIED:
            return DENIED
    return OTHER


def of_aws(error: ClientError) -> str:
    """Return the error message for an error response from AWS, with advice where possible."""
    name, message = _code(error), error.response.get("Error", {}).get("Message", "")
    if name in _NOT_SIGNED_IN:
        return f"AWS rejected your credentials ({name}: {message}). {_SIGN_IN}"
    if name in _DENIED:
        return (
            f"You are not allowed to call {error.operation_name}: {message}"
            " Use credentials with this permission, or ask the admin of your AWS account for it."
        )
    return f"{error.operation_name} failed with {name}: {message}"


def _code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")
