"""Build the events that Lambda passes to the functions, from API Gateway and from the stream.

Sources: API Gateway Developer Guide, "Input format of a Lambda function for proxy integration" and
"Input to a Lambda authorizer", type REQUEST; DynamoDB Streams in Lambda's Developer Guide.
"""

import base64
import uuid
from typing import Any

from bench.write_units import Item

PATH = "/api/v1/ingest"
ENVELOPE = "/api/{project_id}/envelope"
_API = "a1b2c3d4e5"
_STAGE = "v1"
_REQUEST_ID = "2c7dd2ab-2f2e-4b41-8c5f-6e9c6c1f0a37"


def _headers(key: str, body: bytes) -> dict[str, str]:
    return {
        "Accept": "*/*",
        "Accept-Encoding": "gzip, deflate, br, zstd",
        "CloudFront-Viewer-Country": "DE",
        "Content-Length": str(len(body)),
        "Content-Type": "application/json",
        "Host": f"{_API}.execute-api.us-east-1.amazonaws.com",
        "User-Agent": "python-requests/2.34.2",
        "X-Amzn-Trace-Id": "Root=1-69216e2a-3d5b5f7c0f8f4b7e1c6a9d20",
        "X-Api-Key": key,
        "X-Forwarded-For": "203.0.113.129",
        "X-Forwarded-Port": "443",
        "X-Forwarded-Proto": "https",
    }


def _request(
    headers: dict[str, str], method: str = "POST", path: str = PATH, resource: str = PATH
) -> dict[str, Any]:
    """Return what the authorizer's event and the function's event have in common."""
    return {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "resourceId": "x7k2p9",
            "resourcePath": resource,
            "httpMethod": method,
            "extendedRequestId": "UZqPnGmMIAMEbXQ=",
            "requestTime": "22/Nov/2026:08:09:00 +0000",
            "path": f"/{_STAGE}{path}",
            "accountId": "123456789012",
            "protocol": "HTTP/1.1",
            "stage": _STAGE,
            "domainPrefix": _API,
            "requestTimeEpoch": 1795334940123,
            "requestId": _REQUEST_ID,
            "identity": {
                "cognitoIdentityPoolId": None,
                "accountId": None,
                "cognitoIdentityId": None,
                "caller": None,
                "sourceIp": "203.0.113.129",
                "principalOrgId": None,
                "accessKey": None,
                "cognitoAuthenticationType": None,
                "cognitoAuthenticationProvider": None,
                "userArn": None,
                "userAgent": headers["User-Agent"],
                "user": None,
            },
            "domainName": headers["Host"],
            "deploymentId": "q4w8zr",
            "apiId": _API,
        },
    }


def authorizer_event(key: str) -> dict[str, Any]:
    """Return the authorizer's event for a request with a key in its header."""
    arn = f"arn:aws:execute-api:us-east-1:123456789012:{_API}/{_STAGE}/POST{PATH}"
    return {"type": "REQUEST", "methodArn": arn, **_request(_headers(key, b""))}


def ingest_event(
    body: bytes, key: str, verdict: dict[str, Any], idempotency_key: str = ""
) -> dict[str, Any]:
    """Return ingest's event, after the authorizer returned `verdict`."""
    headers = _headers(key, body)
    if idempotency_key:
        headers["Idempotency-Key"] = idempotency_key
    return _judged(_request(headers), body, verdict)


def _judged(event: dict[str, Any], body: bytes, verdict: dict[str, Any]) -> dict[str, Any]:
    """Return a request's event with its body and the authorizer's result."""
    context = event["requestContext"]
    context["authorizer"] = {
        **verdict["context"],
        "principalId": verdict["principalId"],
        "integrationLatency": 14,
    }
    context["identity"] |= {"apiKey": verdict["usageIdentifierKey"], "apiKeyId": "k3y1d5"}
    return {**event, "body": base64.b64encode(body).decode(), "isBase64Encoded": True}


def _sdk_headers(key: str, body: bytes) -> dict[str, str]:
    headers = _headers("", body)
    del headers["X-Api-Key"]
    client = "sentry.python.flask/2.75.0"
    return headers | {
        "Content-Encoding": "gzip",
        "Content-Type": "application/x-sentry-envelope",
        "User-Agent": client,
        "X-Sentry-Auth": f"Sentry sentry_key={key}, sentry_version=7, sentry_client={client}",
    }


def _envelope_request(key: str, body: bytes) -> dict[str, Any]:
    path = ENVELOPE.replace("{project_id}", "1")
    request = _request(_sdk_headers(key, body), "POST", f"{path}/", ENVELOPE)
    return {**request, "pathParameters": {"project_id": "1"}}


def dsn_event(key: str) -> dict[str, Any]:
    """Return the authorizer's event for the request of an SDK."""
    arn = f"arn:aws:execute-api:us-east-1:123456789012:{_API}/{_STAGE}/POST/api/1/envelope/"
    return {"type": "REQUEST", "methodArn": arn, **_envelope_request(key, b"")}


def envelope_event(body: bytes, key: str, verdict: dict[str, Any]) -> dict[str, Any]:
    """Return sentry_ingest's event, after the authorizer returned `verdict`."""
    return _judged(_envelope_request(key, body), body, verdict)


def url_event(body: bytes, project_id: str, key: str) -> dict[str, Any]:
    """Return sentry_ingest's event for the same request to the function's own URL.

    Source: Lambda Developer Guide, "Invoking Lambda function URLs", request payload.
    """
    domain = f"{_API}uvwxyz.lambda-url.us-east-1.on.aws"
    headers = {name.lower(): text for name, text in _sdk_headers(key, body).items()}
    path = ENVELOPE.replace("{project_id}", project_id)
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": f"{path}/",
        "rawQueryString": "",
        "headers": {**headers, "host": domain},
        "requestContext": {
            "accountId": "anonymous",
            "apiId": domain.partition(".")[0],
            "domainName": domain,
            "domainPrefix": domain.partition(".")[0],
            "http": {
                "method": "POST",
                "path": f"{path}/",
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.129",
                "userAgent": headers["user-agent"],
            },
            "requestId": _REQUEST_ID,
            "routeKey": "$default",
            "stage": "$default",
            "time": "22/Nov/2026:08:09:00 +0000",
            "timeEpoch": 1795334940123,
        },
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }


def otlp_event(body: bytes, key: str) -> dict[str, Any]:
    """Return sentry_ingest's event for a request of an exporter of traces, to its own URL."""
    event = url_event(body, "0", key)
    del event["headers"]["x-sentry-auth"]
    event["headers"] |= {"content-type": "application/x-protobuf", "x-api-key": key}
    event["rawPath"] = event["requestContext"]["http"]["path"] = "/v1/traces"
    return event


def page_event(path: str, cookie: str, query: dict[str, str] | None = None) -> dict[str, Any]:
    """Return the dashboard's event for a request of a page or of a static file."""
    headers = {
        "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "Accept-Encoding": "gzip, deflate, br, zstd",
        "Accept-Language": "de-CH,de;q=0.9,en;q=0.8",
        "Cookie": cookie,
        "Host": f"{_API}.execute-api.us-east-1.amazonaws.com",
        "Sec-Fetch-Dest": "document",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Site": "same-origin",
        "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
        "X-Amzn-Trace-Id": "Root=1-69216e2a-3d5b5f7c0f8f4b7e1c6a9d20",
        "X-Forwarded-For": "203.0.113.129",
        "X-Forwarded-Port": "443",
        "X-Forwarded-Proto": "https",
    }
    event = _request(headers, "GET", f"/dashboard/{path}", "/dashboard/{proxy+}")
    asked = {name: [value] for name, value in query.items()} if query else None
    event |= {"queryStringParameters": query, "multiValueQueryStringParameters": asked}
    return {**event, "pathParameters": {"proxy": path}, "body": None, "isBase64Encoded": False}


def stream_event(items: list[Item]) -> dict[str, Any]:
    """Return digest's event: a batch of new events."""
    return {"Records": [_record(item, number) for number, item in enumerate(items)]}


def _record(item: Item, number: int) -> dict[str, Any]:
    return {
        "eventID": uuid.UUID(int=number).hex,
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": {
            "ApproximateCreationDateTime": 1795334940.0,
            "Keys": {"pk": item["pk"], "sk": item["sk"]},
            "NewImage": item,
            "SequenceNumber": str(823_400_000_000_002_143_287_671 + 1009 * number),
            "SizeBytes": 2048,
            "StreamViewType": "NEW_IMAGE",
        },
        "eventSourceARN": (
            "arn:aws:dynamodb:us-east-1:123456789012:table/EventsTable/stream/2026-11-22T06:00:00.0"
        ),
    }
