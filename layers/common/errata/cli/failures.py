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

from errata.errors import ErrataError, Invalid
from errata.store.attributes import code

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
    message = error.response.get("Error", {}).get("Message", "")
    if code(error) in _NOT_SIGNED_IN:
        return f"AWS does not accept your credentials ({code(error)}: {message}). {_SIGN_IN}"
    if code(error) in _DENIED:
        return (
            f"AWS does not allow you {error.operation_name}: {message}"
            " Use credentials that may, or ask whoever manages your AWS account."
        )
    return f"AWS answered {error.operation_name} with {code(error)}: {message}"
