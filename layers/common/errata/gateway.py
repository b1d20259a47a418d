"""Read API Gateway's proxy events and build the responses, for all handlers.

Source: "Lambda proxy integrations in API Gateway", input and output format (payload 1.0).
"""

import base64
import json
import logging
from typing import Any

from errata.errors import (
    HTTPError,
    InvalidInputError,
    PaymentRequiredError,
    RateLimitedError,
    ServiceUnavailableError,
    StoreError,
)
from errata.models.project import Caller

type Event = dict[str, Any]
type Response = dict[str, Any]

_HEADERS = {
    "Content-Type": "application/json",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Retry-After,Idempotency-Replayed,Idempotency-Mismatch",
}

logger = logging.getLogger("errata")


def headers(event: Event) -> dict[str, str]:
    """Return the request's headers with lower-case names."""
    return {name.lower(): value for name, value in (event.get("headers") or {}).items()}


def query(event: Event) -> dict[str, str]:
    """Return the query parameters. For a repeated one, the last value counts."""
    return event.get("queryStringParameters") or {}


def body(event: Event) -> bytes:
    """Return the request's body as bytes."""
    text: str = event.get("body") or ""
    if event.get("isBase64Encoded"):
        return base64.b64decode(text)
    # "surrogatepass": must not fail on a body that the Lambda runtime could not decode.
    return text.encode("utf-8", "surrogatepass")


def caller(event: Event) -> Caller:
    """Return the caller, from data of the authorizer and API Gateway only, not of the client."""
    context = event["requestContext"]
    identity = context["identity"]
    authorizer_context = context["authorizer"]
    metered = authorizer_context.get("metered") == "gateway" and bool(identity.get("apiKeyId"))
    return Caller(authorizer_context, identity["sourceIp"], metered)


def response(status: int, content: str, extra: dict[str, str] | None = None) -> Response:
    """Return a response with `content`, a JSON text, as its body."""
    return {
        "statusCode": status,
        "headers": {**_HEADERS, **extra} if extra else _HEADERS,
        "body": content,
    }


def error_response(refused: HTTPError) -> Response:
    """Return the response of the ingest and read endpoints to a refused request."""
    content: dict[str, Any] = {"message": refused.message}
    if isinstance(refused, InvalidInputError):
        content["errors"] = refused.errors
    elif isinstance(refused, PaymentRequiredError) and refused.billing_url:
        content["billing_url"] = refused.billing_url
    return response(refused.status, json.dumps(content), retry_after(refused))


def retry_after(refused: HTTPError) -> dict[str, str]:
    """Return the header `Retry-After`, if the time to retry is known."""
    if isinstance(refused, RateLimitedError):
        return {"Retry-After": str(refused.retry_after)}
    return {"Retry-After": "1"} if isinstance(refused, ServiceUnavailableError) else {}


def unavailable(error: StoreError, failure: str = "") -> ServiceUnavailableError:
    """Log why the store failed, and return the error for the caller: try again.

    `failure` is an id for the log line, if the caller gets to see it.
    """
    logger.error("the store failed%s", f": {failure}" if failure else "", exc_info=error)
    return ServiceUnavailableError()
