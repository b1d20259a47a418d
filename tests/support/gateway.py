"""API Gateway in a few lines: routes a request by the template, through the meter, to a handler."""

import base64
import importlib
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.support import template

# A function answers with 6 MB at most, its body escaped as a string of JSON.
MAX_ANSWER = 6 * 1024 * 1024


@dataclass(frozen=True)
class Response:
    """What a client sees."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        """The body; NaN and Infinity, which Python alone takes for JSON, fail."""
        return json.loads(self.text, parse_constant=_refuse)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def call(
    method: str,
    url: str,
    body: Any = None,
    headers: dict[str, str] | None = None,
    ip: str = "203.0.113.9",
    counts: bool = True,
) -> Response:
    """Send a request. `body`: bytes as they are, None for none, anything else as JSON.

    `counts`: whether the gateway applies usage plans, which not every emulator does.
    """
    event = request(method, url, body, headers, ip)
    if not template.is_open(method, event["resource"]):
        admit(event, authorize(event), counts)
    return respond(event)


def request(
    method: str,
    url: str,
    body: Any = None,
    headers: dict[str, str] | None = None,
    ip: str = "203.0.113.9",
) -> dict[str, Any]:
    """Return the event of a request, as no authorizer has seen it yet."""
    parts = urlsplit(url)
    resource, parameters, _ = _route(method, parts.path)
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return {
        "resource": resource,
        "path": parts.path,
        "httpMethod": method,
        "headers": {"Content-Type": "application/json", **(headers or {})},
        "queryStringParameters": dict(parse_qsl(parts.query, keep_blank_values=True)) or None,
        "pathParameters": parameters or None,
        "requestContext": {"identity": {"sourceIp": ip}, "httpMethod": method},
        "body": base64.b64encode(raw).decode() if raw else None,
        "isBase64Encoded": bool(raw),
        "methodArn": "arn:aws:execute-api:us-east-1:000000000000:api/v1/" + method + parts.path,
    }


def authorize(event: dict[str, Any]) -> dict[str, Any]:
    """Return what the authorizer says of a request, whose body it does not see."""
    verdict: dict[str, Any] = handler("authorizer")(
        {k: event[k] for k in event if k != "body"}, None
    )
    return verdict


def admit(event: dict[str, Any], verdict: dict[str, Any], counts: bool = True) -> None:
    """Put what the authorizer says into the event, as the gateway does."""
    assert verdict["policyDocument"]["Statement"][0]["Effect"] == "Allow"
    assert all(isinstance(value, str) for value in verdict["context"].values())
    event["requestContext"]["authorizer"] = verdict["context"]
    if counts:
        metered_by = f"id-of-{verdict['usageIdentifierKey']}"
        event["requestContext"]["identity"]["apiKeyId"] = metered_by


def respond(event: dict[str, Any]) -> Response:
    """Return the answer of the function that the event's route leads to."""
    _, _, function = _route(event["httpMethod"], event["path"])
    payload = json.dumps(handler(template.folder(function))(event, None), ensure_ascii=False)
    assert len(payload.encode()) < MAX_ANSWER
    found = json.loads(payload)
    # Browsers see nothing of an answer without this, errors included.
    assert found["headers"]["Access-Control-Allow-Origin"] == "*"
    assert found["headers"]["Content-Type"] == "application/json"
    return Response(found["statusCode"], found["headers"], found["body"])


def handler(folder: str) -> Any:
    """The handler of a function's folder."""
    return importlib.import_module(f"functions.{folder}.handler").handler


def _route(method: str, path: str) -> tuple[str, dict[str, str], str]:
    # A REST API finds a resource with a slash at the end of its path, too.
    path = path.rstrip("/")
    for (verb, resource), function in template.routes().items():
        match = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", resource), path)
        if verb == method and match:
            return resource, match.groupdict(), function
    raise LookupError(f"the template has no route {method} {path}")
