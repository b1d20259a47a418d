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
    parts = urlsplit(url)
    resource, parameters, function = _route(method, parts.path)
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    event = {
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
    if template.is_open(method, resource):
        return _response(function, event)
    verdict = handler("authorizer")({k: event[k] for k in event if k != "body"}, None)
    assert verdict["policyDocument"]["Statement"][0]["Effect"] == "Allow"
    assert all(isinstance(value, str) for value in verdict["context"].values())
    event["requestContext"]["authorizer"] = verdict["context"]  # type: ignore[index]
    if counts:
        metered_by = f"id-of-{verdict['usageIdentifierKey']}"
        event["requestContext"]["identity"]["apiKeyId"] = metered_by  # type: ignore[index]
    return _response(function, event)


def _response(function: str, event: dict[str, Any]) -> Response:
    payload = json.dumps(handler(template.folder(function))(event, None), ensure_ascii=False)
    assert len(payload.encode()) < MAX_ANSWER
    response = json.loads(payload)
    # Browsers see nothing of an answer without this, errors included.
    assert response["headers"]["Access-Control-Allow-Origin"] == "*"
    assert response["headers"]["Content-Type"] == "application/json"
    return Response(response["statusCode"], response["headers"], response["body"])


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
