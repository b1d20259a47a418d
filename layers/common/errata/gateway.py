"""Read the Lambda events of HTTP requests and build the responses, for all handlers.

Sources: "Lambda proxy integrations in API Gateway", input and output format (payload 1.0), and
"Invoking Lambda function URLs" (payload 2.0).
"""

import base64
import json
import logging
from typing import Any
from urllib.parse import parse_qsl

from errata.errors import (
    HTTPError,
    InvalidInputError,
    MethodNotAllowedError,
    PaymentRequiredError,
    RateLimitedError,
    ServiceUnavailableError,
    StoreError,
)
from errata.models.project import Caller

# The Lambda event of an HTTP request, and what its handler returns.
type HttpEvent = dict[str, Any]
type HttpResponse = dict[str, Any]

_HEADERS = {
    "Content-Type": "application/json",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Retry-After,Idempotency-Replayed,Idempotency-Mismatch",
}

logger = logging.getLogger("errata")


def of_url(event: HttpEvent) -> bool:
    """Return whether a request came to the function's own URL. No authorizer has seen it.

    A client cannot change the request context.
    """
    return "http" in event["requestContext"]


def method(event: HttpEvent) -> str:
    """Return the request's method, in capitals."""
    if of_url(event):
        return str(event["requestContext"]["http"]["method"])
    return str(event["httpMethod"])


def path(event: HttpEvent) -> str:
    """Return the request's path, without the stage of an API, and without a slash at its end."""
    return str(event["rawPath"] if of_url(event) else event["path"]).rstrip("/")


def headers(event: HttpEvent) -> dict[str, str]:
    """Return the request's headers with lower-case names."""
    found = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    # A function's URL takes the cookies out of the headers.
    if cookies := event.get("cookies"):
        found["cookie"] = "; ".join(cookies)
    return found


def query(event: HttpEvent) -> dict[str, str]:
    """Return the query parameters. For a repeated one, the last value counts."""
    if of_url(event):
        # Its `queryStringParameters` have the values of a repeated one, with commas between them.
        return dict(parse_qsl(event["rawQueryString"], keep_blank_values=True))
    return event.get("queryStringParameters") or {}


def body(event: HttpEvent) -> bytes:
    """Return the request's body as bytes."""
    text: str = event.get("body") or ""
    if event.get("isBase64Encoded"):
        return base64.b64decode(text)
    # "surrogatepass": must not fail on a body that the Lambda runtime could not decode.
    return text.encode("utf-8", "surrogatepass")


def address(event: HttpEvent) -> str:
    """Return the IP address of the client, as AWS saw it. X-Forwarded-For may be forged."""
    context = event["requestContext"]
    return str((context["http"] if of_url(event) else context["identity"])["sourceIp"])


def caller(event: HttpEvent) -> Caller:
    """Return the caller. Uses data of the authorizer and API Gateway only, not of the client.

    At a function's URL, no authorizer has looked up the key, and nothing has counted the request.
    """
    if of_url(event):
        return Caller({"key": "absent"}, address(event), metered=False)
    context = event["requestContext"]
    authorizer_context = context["authorizer"]
    metered = authorizer_context.get("metered") == "gateway"
    return Caller(
        authorizer_context, address(event), metered and bool(context["identity"].get("apiKeyId"))
    )


def response(status: int, content: str, extra: dict[str, str] | None = None) -> HttpResponse:
    """Return a response with `content`, a JSON text, as its body."""
    return {
        "statusCode": status,
        "headers": {**_HEADERS, **extra} if extra else _HEADERS,
        "body": content,
    }


def without_cors(sent: HttpResponse) -> HttpResponse:
    """Return a response without CORS headers: the URL of the SDK endpoint adds them itself.

    A browser refuses a response that has such a header twice.
    """
    kept = {
        name: value
        for name, value in sent["headers"].items()
        if not name.startswith("Access-Control-")
    }
    return {**sent, "headers": kept}


def error_response(refused: HTTPError) -> HttpResponse:
    """Return the response of the ingest and read endpoints to a refused request."""
    content: dict[str, Any] = {"message": refused.message}
    if isinstance(refused, InvalidInputError):
        content["errors"] = refused.errors
    elif isinstance(refused, PaymentRequiredError) and refused.billing_url:
        content["billing_url"] = refused.billing_url
    return response(refused.status, json.dumps(content), refusal_headers(refused))


def refusal_headers(refused: HTTPError) -> dict[str, str]:
    """Return the headers of a refusal: `Retry-After` if the time is known, `Allow` for a 405.

    RFC 9110, 15.5.6: "The origin server MUST generate an Allow header field in a 405 response".
    """
    if isinstance(refused, MethodNotAllowedError):
        return {"Allow": refused.allowed}
    if isinstance(refused, RateLimitedError):
        return {"Retry-After": str(refused.retry_after)}
    return {"Retry-After": "1"} if isinstance(refused, ServiceUnavailableError) else {}


def unavailable(error: StoreError, failure: str = "") -> ServiceUnavailableError:
    """Log why the store failed, and return the error that asks the caller to try again.

    `failure` is an id that is logged, "" if the caller is not shown one.
    """
    logger.error("the store failed%s", f": {failure}" if failure else "", exc_info=error)
    return ServiceUnavailableError()
