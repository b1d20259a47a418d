"""Requests to a function's own URL: the Lambda events that Lambda makes of them (payload 2.0).

Source: "Invoking Lambda function URLs", request and response payloads.
"""

import base64
import json
from typing import Any
from urllib.parse import urlsplit

from tests.support.calls import calling_as
from tests.support.gateway import Response, handler, sent_response

HOST = "abc123.lambda-url.us-east-1.on.aws"


def request(
    method: str,
    url: str,
    body: Any = None,
    headers: dict[str, str] | None = None,
    ip: str = "203.0.113.9",
) -> dict[str, Any]:
    """Return the Lambda event of a request. `body` is as for `tests.support.gateway.call`."""
    parts = urlsplit(url)
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    sent = {name.lower(): value for name, value in (headers or {}).items()}
    cookies = sent.pop("cookie", "")
    # Lambda sends texts as they are, and encodes all else.
    text = raw.isascii() and sent.get("content-type", "").startswith(("text/", "application/json"))
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": parts.path or "/",
        "rawQueryString": parts.query,
        **({"cookies": cookies.split("; ")} if cookies else {}),
        "headers": {"host": HOST, "x-forwarded-for": ip, "x-forwarded-proto": "https", **sent},
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "abc123",
            "domainName": HOST,
            "domainPrefix": "abc123",
            "http": {
                "method": method,
                "path": parts.path or "/",
                "protocol": "HTTP/1.1",
                "sourceIp": ip,
                "userAgent": sent.get("user-agent", ""),
            },
            "requestId": "b0a2f4bb-3f43-4b5f-9b6f-0c1d2e3f4a5b",
            "routeKey": "$default",
            "stage": "$default",
            "time": "22/Nov/2026:10:00:00 +0000",
            "timeEpoch": 1_795_341_600_000,
        },
        **({"body": raw.decode() if text else base64.b64encode(raw).decode()} if raw else {}),
        "isBase64Encoded": bool(raw) and not text,
    }


def call(
    method: str,
    url: str,
    body: Any = None,
    headers: dict[str, str] | None = None,
    ip: str = "203.0.113.9",
) -> Response:
    """Send a request to the URL of the SDK endpoint's function and return the response."""
    return respond(request(method, url, body, headers, ip))


def respond(event: dict[str, Any]) -> Response:
    """Return the response of the SDK endpoint's function. It has the permissions of its role."""
    with calling_as("SentryIngestFunction"):
        result = handler("sentry_ingest")(event, None)
    found = sent_response(result)
    # The URL adds these. A browser refuses a response that has them twice.
    assert not [name for name in found.headers if name.startswith("Access-Control-")]
    return found
