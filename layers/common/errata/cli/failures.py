"""What went wrong, in a line that says what to do about it."""

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

from errata.errors import ErrataError, Invalid, StoreError

# Everything that an operator can bring about; anything else is a bug and shows itself as one.
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
_SIGN_IN = (
    "Sign in with `aws configure` or `aws sso login`, or set AWS_PROFILE;"
    " for the local stack add --local."
)


def explain(error: Exception, local: bool) -> Iterator[str]:
    """The lines to show for an error."""
    if isinstance(error, StoreError) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    match error:
        case Invalid():
            for field, complaints in error.errors.items():
                yield from (f"{field}: {complaint}" for complaint in complaints)
        case ErrataError():
            yield str(error)
        case NoConnectionError() | HTTPClientError() | ResponseParserError() if local:
            url = os.environ.get("AWS_ENDPOINT_URL")
            yield f"The local stack at {url} does not answer. Start it with `make run`."
        case NoCredentialsError() | PartialCredentialsError():
            yield f"No AWS credentials. {_SIGN_IN}"
        case NoRegionError():
            yield "No AWS region. Set AWS_DEFAULT_REGION, or a region in your AWS profile."
        case ClientError():
            yield of_aws(error)
        case _:
            yield f"AWS cannot be asked: {' '.join(str(error).split())}"


def of_aws(error: ClientError) -> str:
    """What AWS said, and what to do."""
    details = error.response.get("Error", {})
    code, message = details.get("Code", ""), details.get("Message", "")
    if code in _NOT_SIGNED_IN:
        return f"AWS does not accept your credentials ({code}: {message}). {_SIGN_IN}"
    if code in _DENIED:
        return (
            f"AWS does not allow you {error.operation_name}: {message}"
            " Use credentials that may, or ask whoever manages your AWS account."
        )
    return f"AWS answered {error.operation_name} with {code}: {message}"
