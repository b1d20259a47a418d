"""A small API Gateway: routes a request by the template, through the authorizer, to a handler.

Each function makes only the calls that its policy in the template allows.
"""

import base64
import importlib
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.support import template
from tests.support.calls import calling_as

# A function's response has at most 6 MB, with its body escaped as a JSON string.
MAX_ANSWER = 6 * 1024 * 1024


@dataclass(frozen=True)
class Response:
    """The response that a client gets. `text` has a character for each byte of a binary body."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        """Return the parsed body. Fail on NaN and Infinity: Python accepts them, JSON does not."""
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
    """Send a request and return the response.

    `body`: bytes are sent unchanged, None sends no body, and anything else is sent as JSON.
    `counts`: whether the gateway applies usage plans, which not every emulator does.
    """
    event = request(method, url, body, headers, ip)
    if template.is_open(method, event["resource"]):
        return respond(event)
    return decide(event, authorize(event), counts)


def request(
    method: str,
    url: str,
    body: Any = None,
    headers: dict[str, str] | None = None,
    ip: str = "203.0.113.9",
) -> dict[str, Any]:
    """Return the Lambda event of a request before the authorizer has seen it."""
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
    """Return the authorizer's result for a request. The authorizer does not get the body."""
    with calling_as("AuthorizerFunction"):
        verdict: dict[str, Any] = handler("authorizer")(
            {k: event[k] for k in event if k != "body"}, None
        )
    assert all(isinstance(value, str) for value in verdict["context"].values())
    return verdict


def decide(event: dict[str, Any], verdict: dict[str, Any], counts: bool = True) -> Response:
    """Return the response to a request that the authorizer has allowed or denied.

    `counts`: the key has a gateway key, so API Gateway counts the request.
    """
    if effect(verdict) == "Deny":
        return denied(verdict)
    admit(event, verdict, counts)
    return respond(event)


def effect(verdict: dict[str, Any]) -> str:
    """Return "Allow" or "Deny"."""
    (statement,) = verdict["policyDocument"]["Statement"]
    return str(statement["Effect"])


def denied(verdict: dict[str, Any]) -> Response:
    """Return the gateway response ACCESS_DENIED. It inserts the authorizer's values as they are."""
    (api,) = template.of_type("AWS::Serverless::Api").values()
    response = api["GatewayResponses"]["ACCESS_DENIED"]
    headers = {
        name: value.strip("'") for name, value in response["ResponseParameters"]["Headers"].items()
    }
    ((content_type, content),) = response["ResponseTemplates"].items()
    text = re.sub(
        r"\$context\.authorizer\.(\w+)", lambda match: verdict["context"].get(match[1], ""), content
    )
    return Response(response["StatusCode"], {**headers, "Content-Type": content_type}, text)


def admit(event: dict[str, Any], verdict: dict[str, Any], counts: bool = True) -> None:
    """Add the authorizer's result to the event, as the gateway does."""
    assert effect(verdict) == "Allow"
    event["requestContext"]["authorizer"] = verdict["context"]
    if counts:
        metered_by = f"id-of-{verdict['usageIdentifierKey']}"
        event["requestContext"]["identity"]["apiKeyId"] = metered_by


def respond(event: dict[str, Any]) -> Response:
    """Return the response of the function that serves the event's route."""
    _, _, function = _route(event["httpMethod"], event["path"])
    with calling_as(function):
        result = handler(template.folder(function))(event, None)
    found = sent_response(result)
    # Without this header, browsers cannot read a response, not even an error.
    assert found.headers["Access-Control-Allow-Origin"] == "*"
    kinds = ("json", "x-protobuf", "javascript")
    assert found.headers["Content-Type"] in {f"application/{kind}" for kind in kinds}
    return found


def sent_response(result: dict[str, Any]) -> Response:
    """Return the response that a client gets for what a function returns."""
    payload = json.dumps(result, ensure_ascii=False)
    assert len(payload.encode()) < MAX_ANSWER
    found = json.loads(payload)
    if not found.get("isBase64Encoded"):
        return Response(found["statusCode"], found["headers"], found["body"])
    content = base64.b64decode(found["body"], validate=True)
    return Response(found["statusCode"], found["headers"], content.decode("latin-1"))


def handler(folder: str) -> Any:
    """Return the handler of a function's folder."""
    return importlib.import_module(f"functions.{folder}.handler").handler


def _route(method: str, path: str) -> tuple[str, dict[str, str], str]:
    # A REST API also matches a path that ends with a slash.
    path = path.rstrip("/")
    for (verb, resource), function in template.routes().items():
        match = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", resource), path)
        if verb == method and match:
            return resource, match.groupdict(), function
    raise LookupError(f"the template has no route {method} {path}")
